use std::sync::atomic::{AtomicUsize, Ordering};

use std::path::Path;

use tch::Device;

use super::*;

const BYTES: u64 = 1000;

fn key() -> PrefixKey {
    PrefixKey {
        weights_sha256: "00".into(),
        tagger: "t".into(),
        tap: "last".into(),
        bands: 4,
        input: "omni".into(),
        level: 1.0,
        sample_rate: 24_000,
        data: "d".into(),
        device: "cpu".into(),
    }
}

fn names() -> Vec<String> {
    ["b", "a", "c"].map(String::from).to_vec()
}

/// `index + 3` frames of one input, two channels and five bands.
fn prefix(index: usize) -> Tensor {
    Tensor::arange(10 * (index as i64 + 3), (Kind::Float, Device::Cpu)).view([-1, 1, 2, 5]) + index as f64
}

/// Opens the cache and says how many recordings were computed for that.
fn open(folder: &Path, key: &PrefixKey) -> (PrefixCache, usize) {
    let calls = AtomicUsize::new(0);
    let compute = |index| {
        calls.fetch_add(1, Ordering::SeqCst);
        Ok::<_, Error>(prefix(index))
    };
    let room = Room::with_limit(folder, 10 * BYTES);
    let cache = PrefixCache::open(&room, key, &names(), BYTES, &compute).unwrap().unwrap();
    (cache, calls.into_inner())
}

/// The file of recording `index` of the one key that was opened.
fn file(folder: &Path, index: usize) -> PathBuf {
    let mut folders = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    folders.find(|path| path.is_dir()).unwrap().join(format!("{index:06}.safetensors"))
}

#[test]
fn frames_are_computed_once_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    for calls in [3, 0] {
        let (cache, computed) = open(folder.path(), &key());
        assert_eq!(computed, calls);
        assert_eq!(cache.len(), 3);
        for index in 0..3 {
            let all = prefix(index);
            assert_eq!(cache.frames(index, 0, index as i64 + 3), all);
            assert_eq!(cache.frames(index, 1, 2), all.narrow(0, 1, 2));
            let beyond = cache.frames(index, index as i64 + 2, 4);
            assert_eq!(beyond, all.narrow(0, index as i64 + 2, 1).expand([4, 1, 2, 5], false));
            assert_eq!(cache.frames(index, 100, 4), beyond);
        }
    }
    let others = [
        PrefixKey { level: 0.5, ..key() },
        PrefixKey { tap: "first".into(), ..key() },
        PrefixKey { input: "beams".into(), ..key() },
        PrefixKey { weights_sha256: "01".into(), ..key() },
    ];
    for other in others {
        assert_eq!(open(folder.path(), &other).1, 3);
    }
}

#[test]
fn damage_anywhere_is_found_and_that_recording_alone_is_repaired() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), &key());
    let path = file(folder.path(), 1);
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut endless = whole.clone();
    endless[7] = 0xff;
    // Whole, but another recording's.
    let other = std::fs::read(file(folder.path(), 2)).unwrap();
    for damaged in [vec![], whole[..7].to_vec(), whole[..whole.len() - 1].to_vec(), flipped, endless, other] {
        std::fs::write(&path, &damaged).unwrap();
        let (cache, computed) = open(folder.path(), &key());
        assert_eq!(computed, 1);
        assert_eq!(cache.frames(1, 0, 4), prefix(1));
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
}

#[test]
fn many_at_once_divide_the_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let computed: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| open(folder.path(), &key()).1)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(computed, 3);
}

#[test]
fn while_one_computes_a_recording_another_goes_on_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let room = || Room::with_limit(folder.path(), 10 * BYTES);
    let others = AtomicUsize::new(0);
    // Within the first recording's computation another process does all the rest, but for the last: it waits for this one
    // there.
    let slow = |index: usize| {
        if index == 0 {
            std::thread::scope(|scope| {
                let other = scope.spawn(|| {
                    let compute = |index: usize| match index {
                        2 => Err(Error::Shape { got: vec![] }),
                        _ => {
                            others.fetch_add(1, Ordering::SeqCst);
                            Ok(prefix(index))
                        }
                    };
                    PrefixCache::open(&room(), &key(), &names(), BYTES, &compute).is_err()
                });
                assert!(other.join().unwrap());
            });
        }
        Ok::<_, Error>(prefix(index))
    };
    let cache = PrefixCache::open(&room(), &key(), &names(), BYTES, &slow).unwrap().unwrap();
    assert_eq!(others.load(Ordering::SeqCst), 1);
    for index in 0..3 {
        assert_eq!(cache.frames(index, 0, index as i64 + 3), prefix(index));
    }
}

#[test]
fn a_failed_computation_keeps_what_was_done_before() {
    let folder = tempfile::tempdir().unwrap();
    let fail = |index| if index == 1 { Err(Error::Shape { got: vec![] }) } else { Ok(prefix(index)) };
    let room = Room::with_limit(folder.path(), 10 * BYTES);
    assert!(PrefixCache::open(&room, &key(), &names(), BYTES, &fail).is_err());
    assert_eq!(open(folder.path(), &key()).1, 2);
}

#[test]
fn without_room_there_is_no_cache() {
    let folder = tempfile::tempdir().unwrap();
    let room = Room::with_limit(folder.path(), BYTES - 1);
    let never = |_| -> Result<Tensor, Error> { panic!("nothing is computed") };
    assert!(PrefixCache::open(&room, &key(), &names(), BYTES, &never).unwrap().is_none());
}
