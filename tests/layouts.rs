//! Datasets of every year are recognised and read as they are published.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use at2seld::dataset::{Dataset, Layout, OpenOptions, Selection, Split};
use hound::{SampleFormat, WavSpec, WavWriter};

fn recording(root: &Path, name: &str, rate: u32, labels: &str) {
    audio(root, &format!("foa_dev/{name}.wav"), rate);
    write(&root.join(format!("metadata_dev/{name}.csv")), labels);
}

fn audio(root: &Path, name: &str, rate: u32) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let spec =
        WavSpec { channels: 4, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(path, spec).unwrap();
    (0..4 * rate).for_each(|n| writer.write_sample((n % 100) as i16).unwrap());
    writer.finalize().unwrap();
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Names by split.
fn splits(data: &Dataset) -> BTreeMap<Split, Vec<&str>> {
    let mut splits: BTreeMap<Split, Vec<&str>> = BTreeMap::new();
    for recording in &data.recordings {
        splits.entry(recording.split).or_default().push(&recording.name);
    }
    splits
}

const EVENTS: &str = "sound_event_recording,start_time,end_time,ele,azi,dist\nspeech,0.15,0.42,-20,170,2\nknock,0.3,0.35,0,-10,1\n";

#[test]
fn tau2019() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["split1_ir0_ov1_1", "split2_ir1_ov2_31", "split3_ir2_ov1_1", "split4_ir4_ov2_99"] {
        recording(root, name, 48_000, EVENTS);
    }
    // Published after the challenge.
    audio(root, "foa_eval/split0_1.wav", 48_000);
    write(&root.join("metadata_eval/split0_1.csv"), EVENTS);
    let data = Dataset::open(root).unwrap();
    assert_eq!((data.layout, data.sample_rate, data.classes.len()), (Layout::Tau2019, 48_000, 11));
    let expected = [
        (Split::Train, vec!["split3_ir2_ov1_1", "split4_ir4_ov2_99"]),
        (Split::Validation, vec!["split2_ir1_ov2_31"]),
        (Split::Test, vec!["split1_ir0_ov1_1"]),
        (Split::Evaluation, vec!["split0_1"]),
    ];
    assert_eq!(splits(&data), expected.into());
    let events = data.recordings[1].events().unwrap();
    let found: Vec<(u32, u32, u32)> = events.iter().map(|e| (e.frame, e.class, e.source)).collect();
    assert_eq!(found, [(1, 5, 0), (2, 5, 0), (3, 5, 0), (3, 0, 1), (4, 5, 0)]);
    assert_eq!((events[0].direction.azimuth_deg, events[0].direction.elevation_deg), (170.0, -20.0));
    assert_eq!(data.recordings[1].class_rows[5], 4);
    assert_eq!(data.recordings[1].room.as_deref(), Some("ir0"));

    // Another turn of the cross-validation.
    write(&root.join("folds.json"), r#"{"train": [1, 2], "val": [4], "test": [3]}"#);
    let turned = Dataset::open(root).unwrap();
    assert_eq!(turned.split(Split::Train).len(), 2);
    assert_eq!(turned.split(Split::Test)[0].name, "split3_ir2_ov1_1");
    assert_eq!(turned.split(Split::Evaluation).len(), 1);
    assert_ne!(data.fingerprint().unwrap(), turned.fingerprint().unwrap());
    assert_eq!(turned.select(Selection::Fold(4)).len(), 1);
    for (text, problem) in [
        (r#"{"train": [1], "test": [1]}"#, "folds.json: fold 1 is both in train and in test"),
        (r#"{"validation": [1]}"#, "unknown variant `validation`"),
    ] {
        write(&root.join("folds.json"), text);
        let error = Dataset::open(root).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn tau_nigens2020() {
    let folder = tempfile::tempdir().unwrap();
    for fold in 1..7 {
        recording(
            folder.path(),
            &format!("fold{fold}_room1_mix001_ov1"),
            24_000,
            "0,13,0,-100,5\n1,13,0,-98,5\n",
        );
    }
    let data = Dataset::open(folder.path()).unwrap();
    assert_eq!((data.layout, data.classes.len()), (Layout::TauNigens2020, 14));
    assert_eq!(data.classes[13], "piano");
    let names = |selection: &str| data.select(selection.parse().unwrap()).len();
    assert_eq!(["train", "val", "test", "eval", "fold2", "all"].map(names), [4, 1, 1, 0, 1, 6]);
    // The published validation split is what is held out, whatever the fraction.
    let (fit, validation) = data.holdout(0.9);
    assert_eq!((fit.len(), validation.len(), validation[0].fold), (4, 1, Some(2)));
    assert_eq!(data.training().len(), 5);
}

#[test]
fn tau_nigens2021() {
    let folder = tempfile::tempdir().unwrap();
    for (place, fold) in [("dev-train", 1), ("dev-train", 4), ("dev-val", 5), ("dev-test", 6)] {
        recording(folder.path(), &format!("{place}/fold{fold}_room1_mix001"), 24_000, "0,11,0,-100,5\n");
    }
    let data = Dataset::open(folder.path()).unwrap();
    assert_eq!((data.layout, data.classes.len()), (Layout::TauNigens2021, 12));
    let of = |split| data.split(split).len();
    assert_eq!(Split::ALL.map(of), [2, 1, 1, 0]);
}

#[test]
fn starss_of_both_years() {
    for (row, layout, distance) in
        [("0,8,0,10,20", Layout::Starss22, None), ("0,8,0,10,20,243", Layout::Starss23, Some(2.43))]
    {
        let folder = tempfile::tempdir().unwrap();
        recording(folder.path(), "dev-train-sony/fold3_room21_mix001", 24_000, "");
        recording(folder.path(), "dev-test-tau/fold4_room2_mix001", 24_000, &format!("{row}\n"));
        // Without labels, as it is published.
        audio(folder.path(), "foa_eval/mix001.wav", 24_000);
        let data = Dataset::open(folder.path()).unwrap();
        assert_eq!((data.layout, data.classes[8].as_str()), (layout, "Music"));
        assert_eq!(data.recordings.len(), 2);
        assert_eq!(data.split(Split::Test)[0].events().unwrap()[0].distance_m, distance);
        let named = OpenOptions { layout: Some(Layout::Starss22), cache: None }.open(folder.path()).unwrap();
        assert_eq!(named.layout, Layout::Starss22);
    }
}

#[test]
fn an_index_saves_reading_and_notices_every_change() {
    let folder = tempfile::tempdir().unwrap();
    let (root, cache) = (folder.path().join("data"), folder.path().join("cache"));
    for name in ["dev-train-a/fold3_room1_mix001", "dev-test-a/fold4_room2_mix001"] {
        recording(&root, name, 24_000, "0,0,0,10,20,100\n");
    }
    write(&root.join("classes.txt"), "bell\nknock\n");
    // Only files that have settled are entered.
    std::thread::sleep(Duration::from_millis(2_100));
    let open = || OpenOptions::cached(&cache).open(&root).unwrap();
    let first = open();
    let through = std::sync::Mutex::new(Vec::new());
    let read = |done, of| through.lock().unwrap().push((done, of));
    let fingerprint = first.fingerprint_watched(&read).unwrap();
    // What the index keeps is not read again, and not told again.
    assert_eq!(open().fingerprint_watched(&read).unwrap(), fingerprint);
    let mut through = through.into_inner().unwrap();
    through.sort_unstable();
    assert_eq!(through, [(1, 2), (2, 2)]);
    let index = || {
        let mut files = std::fs::read_dir(cache.join("datasets")).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|e| e == "json")).unwrap()
    };
    let kept = std::fs::read_to_string(index()).unwrap();
    assert!(kept.contains("fold3_room1_mix001") && kept.contains("digests"), "{kept}");

    // What the index says is believed: with other class counts in it they come from there, not from the file.
    std::fs::write(index(), kept.replace("\"class_rows\":[1,0]", "\"class_rows\":[7,0]")).unwrap();
    assert_eq!(open().recordings[0].class_rows, [7, 0]);
    assert_eq!(open().fingerprint().unwrap(), fingerprint);

    // A change of the same size, with the old time put back, is noticed.
    let labels = root.join("metadata_dev/dev-train-a/fold3_room1_mix001.csv");
    let modified = std::fs::metadata(&labels).unwrap().modified().unwrap();
    std::fs::write(&labels, "0,1,0,10,20,100\n").unwrap();
    std::fs::File::options().write(true).open(&labels).unwrap().set_modified(modified).unwrap();
    let changed = open();
    assert_eq!(changed.split(Split::Train)[0].class_rows, [0, 1]);
    assert_ne!(changed.fingerprint().unwrap(), fingerprint);
    assert_eq!(changed.fingerprint().unwrap(), Dataset::open(&root).unwrap().fingerprint().unwrap());
    std::fs::write(&labels, "0,0,0,10,20,100\n").unwrap();
    assert_eq!(open().fingerprint().unwrap(), fingerprint);

    // Other classes make it void; damage makes it void; a mistake in a file that was touched is found.
    write(&root.join("classes.txt"), "bell\nknock\nhorn\n");
    assert_eq!(open().recordings[0].class_rows.len(), 3);
    std::fs::write(index(), "{").unwrap();
    assert_eq!(open().recordings.len(), 2);
    std::fs::write(&labels, "0,9,0,10,20,100\n").unwrap();
    assert!(
        OpenOptions::cached(&cache).open(&root).unwrap_err().to_string().contains("class 9 is out of range")
    );
}
