//! `data synth` through the program.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::prelude::*;

fn synth(out: &Path, arguments: &[&str]) -> assert_cmd::assert::Assert {
    Command::cargo_bin("at2seld").unwrap().args(["data", "synth"]).arg(out).args(arguments).assert()
}

fn files_below(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

fn check_recordings(set: &Path, classes: usize) {
    for wav in files_below(&set.join("foa_dev")) {
        let reader = hound::WavReader::open(set.join("foa_dev").join(&wav)).unwrap();
        let spec = reader.spec();
        assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (4, 24_000, 16));
        let frames = i64::from(reader.duration()) / 2_400;
        let csv = set.join("metadata_dev").join(wav).with_extension("csv");
        let text = std::fs::read_to_string(csv).unwrap();
        assert!(!text.is_empty());
        for line in text.lines() {
            let row: Vec<i64> = line.split(',').map(|field| field.parse().unwrap()).collect();
            let [frame, class, _source, azimuth, elevation, distance] = row[..] else { panic!("{line}") };
            assert!((0..frames).contains(&frame) && (0..classes as i64).contains(&class), "{line}");
            assert!((-179..=180).contains(&azimuth) && (-90..=90).contains(&elevation), "{line}");
            assert!((50..=400).contains(&distance), "{line}");
        }
    }
}

#[test]
fn a_minute_from_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("new/set");
    synth(&set, &["--minutes", "1", "--seed", "3"])
        .success()
        .stdout("")
        .stderr(predicate::str::contains("2 recordings (0.8 min) for training and 1 (0.2 min) for testing"));
    assert_eq!(
        files_below(&set),
        [
            "classes.txt",
            "foa_dev/dev-test-synth/fold4_room5_mix001.wav",
            "foa_dev/dev-train-synth/fold3_room1_mix001.wav",
            "foa_dev/dev-train-synth/fold3_room2_mix001.wav",
            "metadata_dev/dev-test-synth/fold4_room5_mix001.csv",
            "metadata_dev/dev-train-synth/fold3_room1_mix001.csv",
            "metadata_dev/dev-train-synth/fold3_room2_mix001.csv",
        ]
    );
    let classes = std::fs::read_to_string(set.join("classes.txt")).unwrap();
    assert_eq!(classes.lines().count(), 8);
    check_recordings(&set, 8);
    // A second run must not touch what is there.
    synth(&set, &["--minutes", "1"]).code(2).stderr(predicate::str::contains("not an empty folder"));
}

#[test]
fn wrong_settings_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("set");
    for (arguments, says) in [
        (&["--minutes", "0"][..], "minutes: expected"),
        (&["--minutes", "1", "--snr", "20"], "expected two numbers"),
        (&["--minutes", "1", "--snr", "20:10"], "snr: expected"),
        (&["--minutes", "1", "--moving", "2"], "moving: expected"),
        (&["--minutes", "1", "--events", "/nowhere"], "/nowhere: expected a folder of recordings"),
    ] {
        synth(&set, arguments).code(2).stderr(predicate::str::contains(says));
    }
    assert!(files_below(folder.path()).is_empty());
}

#[test]
fn a_refusing_file_system_is_no_fault_of_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    synth(&file.join("set"), &["--minutes", "1"])
        .code(1)
        .stderr(predicate::str::contains("cannot create folder"));
    synth(&file, &["--minutes", "1"]).code(2).stderr(predicate::str::contains("already exists"));
    assert_eq!(files_below(folder.path()), ["file"]);
}

#[test]
fn recordings_of_real_events() {
    let shared = std::env::var_os("AT2SELD_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let bank = shared.join("data/events");
    if !bank.is_dir() {
        eprintln!("skipped: no bank of real recordings in {}", bank.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("set");
    synth(&set, &["--minutes", "1", "--events", bank.to_str().unwrap(), "--rooms", "2", "--polyphony", "3"])
        .success();
    let classes = std::fs::read_to_string(set.join("classes.txt")).unwrap();
    assert_eq!(classes.lines().next(), Some("animal"));
    assert_eq!(classes.lines().count(), 13);
    check_recordings(&set, 13);
}
