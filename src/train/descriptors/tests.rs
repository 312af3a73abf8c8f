use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use tch::nn::VarStore;

use super::*;
use crate::audio;
use crate::features::{Descriptor, FrontEnd, Normalisation};

const RATE: u32 = 8000;
const HOP: i64 = 200;
const FINGERPRINT: &str = "d";

fn features() -> FeatureConfig {
    let descriptors = [Descriptor::Logmel, Descriptor::Iv, Descriptor::Diffuseness].to_vec();
    FeatureConfig { descriptors, n_fft: 256, hop: HOP, bands: 8, ..FeatureConfig::default() }
}

/// Noise that comes and goes, of so many samples.
fn recording(folder: &Path, name: &str, samples: usize) -> Recording {
    let mut rng = crate::rng::stream(1, &[name]);
    let mut channel = |loud: f32| -> Vec<f32> {
        let gate = |n: usize| if (n / 3000).is_multiple_of(3) { 1e-3 } else { 1.0 };
        (0..samples).map(|n| loud * gate(n) * rand::RngExt::random_range(&mut rng, -0.5f32..0.5)).collect()
    };
    let channels = [0.8, 0.1, 0.05, 0.4].map(&mut channel);
    let audio = folder.join(name).with_extension("wav");
    audio::write_wav(&audio, RATE, &channels).unwrap();
    let mut recording = Recording::of_file(&audio);
    recording.name = name.to_owned();
    recording
}

/// Recordings in a folder of their own.
struct Sounds {
    folder: tempfile::TempDir,
    recordings: Vec<Recording>,
}

impl Sounds {
    fn new(samples: &[usize]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = ["b", "a", "c"].iter().zip(samples);
        let recordings = names.map(|(name, samples)| recording(folder.path(), name, *samples)).collect();
        Self { folder, recordings }
    }

    /// The folder of the cache, with room for so many bytes.
    fn room(&self, bytes: u64) -> Room {
        Room::with_limit(&self.folder.path().join("descriptors"), bytes)
    }

    fn open(&self, features: &FeatureConfig, limit: u64) -> Option<Cached> {
        let recordings: Vec<&Recording> = self.recordings.iter().collect();
        Cached::open(&self.room(limit), features, subject(&recordings)).unwrap()
    }

    /// The files of the cache by name.
    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.room(0).folder()).unwrap().map(|entry| entry.unwrap().path());
        let is_cache = |path: &PathBuf| path.extension().is_none_or(|e| e != "lock");
        let mut files: Vec<PathBuf> = entries.filter(is_cache).collect();
        files.sort();
        files
    }
}

fn subject<'a>(recordings: &'a [&'a Recording]) -> Subject<'a> {
    let (device, threads) = (Device::Cpu, 2);
    Subject { recordings, sample_rate: RATE, fingerprint: FINGERPRINT, device, threads }
}

/// Descriptors of a whole recording and `silence` samples after it, all at once.
fn described(recording: &Recording, features: &FeatureConfig, silence: usize) -> Tensor {
    let front_end = FrontEnd::new(&VarStore::new(Device::Cpu).root(), features, RATE).unwrap();
    let samples = (recording.frames as usize * 800) + silence;
    let sound = Tensor::from_slice(&recording.read(0, samples).unwrap()).view([1, 4, samples as i64]);
    front_end.describe(&sound)
}

const UNLIMITED: u64 = u64::MAX / 2;

#[test]
fn what_is_read_is_what_the_whole_recording_is_described_as() {
    // One is longer than what is described at a time, the other ends within a label frame.
    let sounds = Sounds::new(&[65 * RATE as usize, 20_123]);
    let features = FeatureConfig {
        descriptors: [Descriptor::Logmel, Descriptor::Iv, Descriptor::Pcen, Descriptor::IvActive].to_vec(),
        ..features()
    };
    let cached = sounds.open(&features, UNLIMITED).unwrap();
    for (index, recording) in sounds.recordings.iter().enumerate() {
        let whole = described(recording, &features, 4 * 800);
        for first in [0, 7, recording.frames.saturating_sub(66), recording.frames - 4] {
            let chunk = cached.read(&[(index, first)], 8, Device::Cpu);
            assert_eq!(chunk.size(), [1, 14, 32, 8]);
            let expected = whole.narrow(2, i64::from(first) * 4, 32);
            // Half a unit in the last place: levels are below 128 dB, intensities below 1.
            let relative = |part: &Tensor| part.abs().max().double_value(&[]);
            for (begin, channels, tolerance) in [(0, 4, 0.032), (4, 3, 2.5e-4), (7, 4, 2e-3), (11, 3, 0.0)] {
                let expected = expected.narrow(1, begin, channels);
                let error = relative(&(chunk.narrow(1, begin, channels) - &expected));
                let tolerance = if begin == 11 { relative(&expected) / 256.0 } else { tolerance };
                assert!(error <= tolerance, "recording {index} from {first}, channels {begin}: {error}");
            }
        }
    }
}

#[test]
fn after_the_end_there_is_silence() {
    let sounds = Sounds::new(&[9000]);
    let cached = sounds.open(&features(), UNLIMITED).unwrap();
    let chunk = cached.read(&[(0, 4), (0, 1000)], 60, Device::Cpu);
    let expected = described(&sounds.recordings[0], &features(), 60 * 800).narrow(2, 16, 240);
    assert!((chunk.get(0) - expected.get(0)).abs().max().double_value(&[]) < 0.032);
    let silence = expected.narrow(2, 200, 1).expand([1, 8, 240, 8], false);
    assert!((chunk.get(1) - silence.get(0)).abs().max().double_value(&[]) < 0.032);
}

#[test]
fn files_are_made_once_and_shared_by_candidates() {
    let sounds = Sounds::new(&[9000, 12_000]);
    let values =
        |features: &FeatureConfig| sounds.open(features, UNLIMITED).unwrap().read(&[(1, 2)], 5, Device::Cpu);
    let first = values(&features());
    // Nothing can be computed any more.
    sounds.recordings.iter().for_each(|recording| std::fs::remove_file(&recording.audio).unwrap());
    assert_eq!(values(&features()), first);
    let alone = FeatureConfig {
        descriptors: vec![Descriptor::Iv],
        range_db: Some(80.0),
        normalisation: Normalisation::Chunk,
        ..features()
    };
    assert_eq!(values(&alone), first.narrow(1, 4, 3));
    assert_eq!(sounds.files().len(), 3);
}

#[test]
fn a_file_depends_on_what_its_values_depend_on() {
    let base = features();
    let key = |descriptor, features: &FeatureConfig| Key::new(descriptor, features, subject(&[]));
    let logmel = key(Descriptor::Logmel, &base);
    for other in [
        FeatureConfig { hop: 100, ..base.clone() },
        FeatureConfig { range_db: Some(80.0), ..base.clone() },
        FeatureConfig { normalisation: Normalisation::Pcen, ..base.clone() },
    ] {
        assert_ne!(key(Descriptor::Logmel, &other), logmel);
    }
    let pcen = FeatureConfig { normalisation: Normalisation::Pcen, ..base.clone() };
    assert_eq!(key(Descriptor::Logmel, &pcen), key(Descriptor::Pcen, &base));
    for other in
        [Subject { fingerprint: "e", ..subject(&[]) }, Subject { sample_rate: 16_000, ..subject(&[]) }]
    {
        assert_ne!(Key::new(Descriptor::Logmel, &base, other), logmel);
    }
}

#[test]
fn damage_is_found_and_repaired() {
    let sounds = Sounds::new(&[9000]);
    let alone = FeatureConfig { descriptors: vec![Descriptor::Iv], ..features() };
    let first = sounds.open(&alone, UNLIMITED).unwrap().read(&[(0, 0)], 5, Device::Cpu);
    let path = sounds.files().remove(0);
    let whole = std::fs::read(&path).unwrap();
    let mut renamed = whole.clone();
    let place = whole.windows(4).position(|four| four == b"8000").unwrap();
    renamed[place] = b'9';
    for damaged in [vec![], whole[..whole.len() - 1].to_vec(), [&whole[..], b"0"].concat(), renamed] {
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(sounds.open(&alone, UNLIMITED).unwrap().read(&[(0, 0)], 5, Device::Cpu), first);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
}

#[test]
fn of_many_at_once_one_computes() {
    let sounds = Sounds::new(&[90_000, 70_000, 80_000]);
    let opened: Vec<Cached> = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| sounds.open(&features(), UNLIMITED).unwrap())).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    // A second writer would have put another file in the place of the first.
    let files = |cached: &Cached| -> Vec<u64> {
        cached.entries.iter().map(|entry| entry.file().metadata().unwrap().ino()).collect()
    };
    assert!(opened.iter().all(|cached| files(cached) == files(&opened[0])));
    let values = |cached: &Cached| cached.read(&[(0, 3), (2, 5)], 10, Device::Cpu);
    assert!(opened.iter().all(|cached| values(cached) == values(&opened[0])));
    assert_eq!(sounds.files().len(), 3);
}

#[test]
fn a_file_in_use_stays_and_others_make_room() {
    let sounds = Sounds::new(&[40_000]);
    let of = |descriptor| FeatureConfig { descriptors: vec![descriptor], ..features() };
    let (iv, reactive) = (of(Descriptor::Iv), of(Descriptor::Reactive));
    let used = sounds.open(&iv, UNLIMITED).unwrap();
    let before = used.read(&[(0, 0)], 5, Device::Cpu);
    let size = std::fs::metadata(&sounds.files()[0]).unwrap().len();
    let limit = size + size / 2;
    assert!(sounds.open(&reactive, limit).is_none());
    assert_eq!(sounds.files().len(), 1);
    assert_eq!(used.read(&[(0, 0)], 5, Device::Cpu), before);
    drop(used);
    assert!(sounds.open(&reactive, limit).is_some());
    let files = sounds.files();
    assert!(files.len() == 1 && files[0].file_name().unwrap().to_str().unwrap().starts_with("reactive-"));
    // Both together do not fit, whoever is there.
    let both = FeatureConfig { descriptors: vec![Descriptor::Iv, Descriptor::Reactive], ..features() };
    assert!(sounds.open(&both, limit).is_none());
    assert!(sounds.open(&both, 2 * size + 1000).is_some());
}

#[test]
fn a_failed_computation_leaves_no_file() {
    let sounds = Sounds::new(&[9000, 9000]);
    std::fs::remove_file(&sounds.recordings[1].audio).unwrap();
    let recordings: Vec<&Recording> = sounds.recordings.iter().collect();
    let error = Cached::open(&sounds.room(UNLIMITED), &features(), subject(&recordings)).unwrap_err();
    assert!(matches!(error, Error::Dataset(_)), "{error}");
    assert_eq!(sounds.files(), Vec::<PathBuf>::new());
}
