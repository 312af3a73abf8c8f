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
            assert!((80..=400).contains(&distance), "{line}");
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
    assert_eq!(classes.lines().count(), 13);
    assert_eq!(classes.lines().next(), Some("female_speech"));
    check_recordings(&set, 13);
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
        (&["--minutes", "1", "--split", "1:0:1"], "expected two or three numbers above 0"),
        (&["--minutes", "1", "--split", "1:1:1", "--rooms", "2"], "rooms: expected 3 to 1000"),
        (&["--minutes", "1", "--snr", "20:10"], "snr: expected"),
        (&["--minutes", "1", "--moving", "2"], "moving: expected"),
        (&["--minutes", "1", "--events", "/nowhere"], "/nowhere: expected a folder of recordings"),
        (&["--minutes", "1", "--ambience", "/nowhere"], "/nowhere: expected a folder of recordings"),
        (&["--minutes", "1", "--rirs", "/nowhere"], "/nowhere: expected a folder of recordings"),
        (&["--minutes", "1", "--rt60", "0.05:0.3"], "rt60: expected LO:HI in seconds"),
        (&["--minutes", "1", "--classes", "bell,knok"], "no class \"knok\"; did you mean \"knock\"?"),
        (&["--minutes", "1", "--classes", "bell,bell"], "\"bell\" is there twice"),
        (&["--minutes", "1", "--builtin"], "--events"),
        (&["--minutes", "1", "--rirs", "x", "--rooms", "3"], "cannot be used with"),
    ] {
        synth(&set, arguments).code(2).stderr(predicate::str::contains(says));
    }
    assert!(files_below(folder.path()).is_empty());
}

#[test]
fn validation_has_rooms_of_its_own_and_training_uses_it() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("set");
    synth(&set, &["--minutes", "1", "--split", "2:1:1", "--rooms", "4"]).success().stderr(
        predicate::str::contains("for training, 1 (0.2 min) for validation and 1 (0.2 min) for testing"),
    );
    let recordings = files_below(&set.join("foa_dev"));
    let expected = [
        "dev-test-synth/fold4_room4_mix001.wav",
        "dev-train-synth/fold3_room1_mix001.wav",
        "dev-val-synth/fold2_room3_mix001.wav",
    ];
    assert_eq!(recordings, expected);
    let dataset = at2seld::dataset::Dataset::open(&set).unwrap();
    let (fit, held_out) = dataset.holdout(0.25);
    assert_eq!((fit.len(), held_out.len()), (1, 1));
    assert_eq!(held_out[0].name, "fold2_room3_mix001");
    check_recordings(&set, 13);
}

/// A hiss of half a second that is different for every name.
fn record(path: &Path, channels: u16, seconds: f32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let spec = hound::WavSpec {
        channels,
        sample_rate: 24_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    let mut state = path.as_os_str().len() as u32;
    for _ in 0..(24_000.0 * seconds) as usize * usize::from(channels) {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        writer.write_sample((state >> 18) as i16).unwrap();
    }
    writer.finalize().unwrap();
}

fn class_list(set: &Path) -> Vec<String> {
    std::fs::read_to_string(set.join("classes.txt")).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn classes_are_chosen_from_built_in_and_recorded_ones() {
    let folder = tempfile::tempdir().unwrap();
    let bank = folder.path().join("bank");
    for name in ["anvil/a.wav", "anvil/b.wav", "bell/a.wav", "bell/b.wav"] {
        record(&bank.join(name), 1, 0.5);
    }
    let set = folder.path().join("both");
    let both = ["--minutes", "0.4", "--split", "1:1", "--builtin", "--events", bank.to_str().unwrap()];
    synth(&set, &both).success();
    assert_eq!((class_list(&set).len(), class_list(&set)[13].as_str()), (14, "anvil"));
    check_recordings(&set, 14);
    let set = folder.path().join("three");
    synth(&set, &[&both[..], &["--classes", "knock,anvil,bell"]].concat()).success();
    assert_eq!(class_list(&set), ["knock", "anvil", "bell"]);
    check_recordings(&set, 3);
}

#[test]
fn measured_rooms_and_recorded_ambience() {
    let folder = tempfile::tempdir().unwrap();
    let (rirs, ambience) = (folder.path().join("rirs"), folder.path().join("ambience"));
    for name in ["street.wav", "hall/1.wav"] {
        record(&ambience.join(name), 1, 2.0);
    }
    let mut table = String::from("file,azimuth,elevation,distance,room\n");
    for (file, azimuth, room) in [("a.wav", 90, "hall"), ("b.wav", -90, "office")] {
        // A single sample: sound from the left or the right in the open air.
        let spec = hound::WavSpec {
            channels: 4,
            sample_rate: 48_000,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        std::fs::create_dir_all(&rirs).unwrap();
        let mut writer = hound::WavWriter::create(rirs.join(file), spec).unwrap();
        for n in 0..960 {
            let x = if n == 480 { 0.5_f32 } else { 0.0 };
            for gain in [1.0, azimuth as f32 / 90.0, 0.0, 0.0] {
                writer.write_sample(gain * x).unwrap();
            }
        }
        writer.finalize().unwrap();
        table += &format!("{file},{azimuth},0,1.5,{room}\n");
    }
    std::fs::write(rirs.join("rirs.csv"), table).unwrap();
    let set = folder.path().join("set");
    let folders = ["--rirs", rirs.to_str().unwrap(), "--ambience", ambience.to_str().unwrap()];
    synth(&set, &[&folders[..], &["--minutes", "0.4", "--split", "1:1"]].concat())
        .success()
        .stderr(predicate::str::contains("no trajectories, so all sources stand still"));
    check_recordings(&set, 13);
    let mut azimuths = Vec::new();
    for csv in files_below(&set.join("metadata_dev")) {
        let text = std::fs::read_to_string(set.join("metadata_dev").join(csv)).unwrap();
        let places = text.lines().map(|line| line.split(',').skip(3).collect::<Vec<_>>().join(","));
        azimuths.push(places.collect::<std::collections::BTreeSet<_>>());
    }
    // One room for training, the other for testing.
    azimuths.sort();
    let expected =
        ["-90,0,150", "90,0,150"].map(|place| std::collections::BTreeSet::from([place.to_owned()]));
    assert_eq!(azimuths, expected);
}

#[test]
fn interrupted_work_leaves_nothing() {
    use std::time::{Duration, Instant};

    let folder = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("at2seld"))
        .args(["data", "synth"])
        .arg(folder.path().join("set"))
        .args(["--minutes", "600"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while !files_below(folder.path()).iter().any(|file| file.ends_with(".wav")) {
        assert!(Instant::now() < deadline, "no recording was made");
        std::thread::sleep(Duration::from_millis(20));
    }
    let kill = format!("kill -s INT {}", child.id());
    assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let output = loop {
        assert!(Instant::now() < deadline, "it did not stop");
        if child.try_wait().unwrap().is_some() {
            break child.wait_with_output().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(output.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&output.stderr).contains("interrupted; nothing was written"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
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
