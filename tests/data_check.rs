//! `data check` and opening datasets: good trees, and every kind of damage.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use at2seld::dataset::{Dataset, Split};
use hound::{SampleFormat, WavSpec, WavWriter};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;

const RATE: u32 = 24_000;
const SECOND: usize = RATE as usize;

fn audio(root: &Path, folder: &str, name: &str) -> PathBuf {
    root.join("foa_dev").join(folder).join(name).with_extension("wav")
}

fn labels(root: &Path, folder: &str, name: &str) -> PathBuf {
    root.join("metadata_dev").join(folder).join(name).with_extension("csv")
}

fn writer(path: &Path, channels: u16, bits_per_sample: u16) -> WavWriter<std::io::BufWriter<std::fs::File>> {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let sample_format = if bits_per_sample == 32 { SampleFormat::Float } else { SampleFormat::Int };
    WavWriter::create(path, WavSpec { channels, sample_rate: RATE, bits_per_sample, sample_format }).unwrap()
}

/// A second in which channel `c` has the value (4 - c) / 8 and the first sample is zero.
fn write_wav(path: &Path, channels: u16, bits: u16) {
    let mut writer = writer(path, channels, bits);
    for sample in 0..SECOND {
        for channel in 0..channels {
            let value = if sample == 0 { 0.0 } else { f32::from(4 - channel) / 8.0 };
            match bits {
                32 => writer.write_sample(value).unwrap(),
                bits => writer.write_sample((value * 2f32.powi(i32::from(bits) - 1)) as i32).unwrap(),
            }
        }
    }
    writer.finalize().unwrap();
}

fn write_labels(path: &Path, rows: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, rows).unwrap();
}

const GOOD: [(&str, &str); 4] = [
    ("dev-train-synth", "fold1_room1_mix001"),
    ("dev-train-synth", "fold1_room1_mix002"),
    ("dev-train-synth", "fold1_room2_mix001"),
    ("dev-test-synth", "fold2_room3_mix001"),
];

fn good() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (sub, name) in GOOD {
        write_wav(&audio(folder.path(), sub, name), 4, 16);
        write_labels(&labels(folder.path(), sub, name), "0,0,0,10,20,150\n3,1,1,-170,0,200\n");
    }
    folder
}

fn check(root: &Path) -> Command {
    let mut command = Command::cargo_bin("at2seld").unwrap();
    command.args(["data", "check"]).arg(root);
    command
}

/// The first recording's files.
fn first(root: &Path) -> (PathBuf, PathBuf) {
    let (sub, name) = GOOD[0];
    (audio(root, sub, name), labels(root, sub, name))
}

#[test]
fn a_good_dataset_passes_and_opens() {
    let folder = good();
    check(folder.path())
        .assert()
        .success()
        .stdout(contains("4 recordings (3 train, 1 test)").and(contains(" 0 problems")));
    let data = Dataset::open(folder.path()).unwrap();
    assert_eq!((data.sample_rate, data.classes.len(), data.recordings.len()), (RATE, 13, 4));
    assert_eq!(data.split(Split::Test).len(), 1);
    let (fit, validation) = data.holdout(0.3);
    assert_eq!(fit.len() + validation.len(), 3);
    assert!(fit.iter().all(|a| validation.iter().all(|b| a.room != b.room)));

    let recording = &data.recordings[0];
    assert_eq!(
        (recording.samples, recording.frames, recording.events().unwrap().len()),
        (SECOND as u64, 10, 2)
    );
    let piece = recording.read(SECOND as u64 - 2, 4).unwrap();
    assert_eq!(piece[..4], [0.5, 0.5, 0.0, 0.0]);
    assert_eq!(piece[12..], [0.125, 0.125, 0.0, 0.0]);
    assert_eq!(recording.read(u64::MAX - 5, 2).unwrap(), [0.0; 8]);
    assert_eq!(recording.read_channel0().unwrap()[..2], [0.0, 0.5]);
}

#[test]
fn sample_formats_read_alike() {
    let folder = good();
    let expected = Dataset::open(folder.path()).unwrap().recordings[0].read(0, SECOND).unwrap();
    for bits in [24, 32] {
        write_wav(&first(folder.path()).0, 4, bits);
        assert_eq!(Dataset::open(folder.path()).unwrap().recordings[0].read(0, SECOND).unwrap(), expected);
    }
}

#[test]
fn fingerprint_follows_the_content_not_the_place() {
    let (one, two) = (good(), good());
    let of = |folder: &tempfile::TempDir| Dataset::open(folder.path()).unwrap().fingerprint().unwrap();
    assert_eq!(of(&one), of(&two));
    assert_eq!(of(&one).len(), 64);
    write_labels(&first(two.path()).1, "0,0,0,10,21,150\n");
    assert_ne!(of(&one), of(&two));
}

#[test]
fn class_names_come_from_the_file_and_limit_the_labels() {
    let folder = good();
    std::fs::write(folder.path().join("classes.txt"), "bell\nnoise\n").unwrap();
    assert_eq!(Dataset::open(folder.path()).unwrap().classes, ["bell", "noise"]);
    std::fs::write(folder.path().join("classes.txt"), "bell\n").unwrap();
    let output = check(folder.path()).assert().code(2);
    output.stdout(contains("mix001.csv:2: class 1 is out of range: there are 1 classes, 0 to 0"));
}

#[test]
fn every_kind_of_damage_is_named() {
    type Damage = fn(&Path, &Path);
    let cases: [(Damage, &str); 8] = [
        (|wav, _| write_wav(wav, 3, 16), "mix001.wav: 3 channels where 4 are expected"),
        (
            |wav, _| {
                let bytes = std::fs::read(wav).unwrap();
                std::fs::write(wav, &bytes[..bytes.len() / 2]).unwrap();
            },
            "mix001.wav: truncated: the header announces 192000 bytes of samples",
        ),
        (|wav, _| std::fs::write(wav, b"RIFF").unwrap(), "mix001.wav: not a readable wav file"),
        (
            |wav, _| {
                let mut writer = writer(wav, 4, 32);
                for index in 0..40_000 {
                    writer.write_sample(if index == 30_002 { f32::NAN } else { 0.1 }).unwrap();
                }
                writer.finalize().unwrap();
            },
            "mix001.wav: sample 7500 of channel 2 is NaN",
        ),
        (|_, csv| std::fs::remove_file(csv).unwrap(), "mix001.wav: no label file for it, expected"),
        (
            |_, csv| std::fs::write(csv, "0,0,0,10,20,150\n0,99,0,10,20,150\n").unwrap(),
            "mix001.csv:2: class 99 is out of range",
        ),
        (
            |_, csv| std::fs::write(csv, "0,0,0,10,20,150\n0,1,0,10\n").unwrap(),
            "mix001.csv:2: 4 columns where 5 or 6 are expected",
        ),
        (
            |_, csv| std::fs::write(csv, "0,0,0,nan,20,150\n").unwrap(),
            "mix001.csv:1: azimuth \"nan\" is not a finite number",
        ),
    ];
    for (damage, message) in cases {
        let folder = good();
        let (wav, csv) = first(folder.path());
        damage(&wav, &csv);
        check(folder.path())
            .assert()
            .code(2)
            .stdout(contains(message))
            .stderr(contains("would break training"));
        let opened = Dataset::open(folder.path());
        if message.contains("NaN") {
            let error = opened.unwrap().recordings[0].read_channel0().unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        } else {
            let error = opened.unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}

#[test]
fn all_problems_come_in_one_document() {
    let folder = good();
    let (wav, csv) = first(folder.path());
    write_wav(&wav, 3, 16);
    std::fs::write(&csv, "0,1\n0,0,0,0,0\n9,9,9,9,99\n").unwrap();
    let (sub, _) = GOOD[0];
    write_labels(&labels(folder.path(), sub, "orphan"), "");
    write_labels(&labels(folder.path(), sub, GOOD[1].1), "10,0,0,10,20,150\n");
    let output = check(folder.path()).args(["--format", "json"]).assert().code(2).get_output().stdout.clone();
    let report: Value = serde_json::from_slice(&output).unwrap();
    assert_eq!(report["recordings"], 4);
    let problems = report["problems"].as_array().unwrap();
    let found: Vec<(&str, Option<u64>, bool)> = problems
        .iter()
        .map(|p| {
            let path = Path::new(p["path"].as_str().unwrap()).file_name().unwrap();
            (path.to_str().unwrap(), p["line"].as_u64(), p["fatal"].as_bool().unwrap())
        })
        .collect();
    assert_eq!(
        found,
        [
            ("orphan.csv", None, false),
            ("fold1_room1_mix001.wav", None, true),
            ("fold1_room1_mix001.csv", Some(1), true),
            ("fold1_room1_mix001.csv", Some(3), true),
            ("fold1_room1_mix002.csv", None, false),
        ]
    );
}

/// A second of four channels, sample by sample.
fn write_scene(path: &Path, rate: u32, sample: impl Fn(u32) -> [f64; 4]) {
    let spec =
        WavSpec { channels: 4, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(path, spec).unwrap();
    for n in 0..rate {
        for value in sample(n) {
            writer.write_sample((value * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16).unwrap();
        }
    }
    writer.finalize().unwrap();
}

fn sine(n: u32) -> f64 {
    (std::f64::consts::TAU * 500.0 * f64::from(n) / f64::from(RATE)).sin()
}

#[test]
fn doubtful_recordings_and_labels_are_warned_of() {
    type Change = fn(&Path, &Path);
    let cases: [(Change, &str, &str); 7] = [
        (
            |wav, _| write_scene(wav, RATE, |n| [0.8, 0.4, 1.6, 0.1].map(|gain| gain * sine(n))),
            "channel Z is clipped: ",
            "clipped",
        ),
        (
            |wav, _| write_scene(wav, RATE, |n| [0.5 * sine(n), 0.4 * sine(n), 0.0, 0.3 * sine(n)]),
            "channel Z is silent",
            "silent",
        ),
        (|wav, _| write_scene(wav, RATE, |_| [0.0; 4]), "all channels are silent", "silent"),
        (
            // From the left and in front, with W in the last place.
            |wav, _| write_scene(wav, RATE, |n| [0.35, 0.02, 0.35, 0.5].map(|gain| gain * sine(n))),
            "channel 4 looks like the omnidirectional W",
            "channel-order",
        ),
        (
            |_, csv| std::fs::write(csv, "0,0,0,10,20,150\n0,0,0,10,20,150\n").unwrap(),
            "1 rows are there twice, first frame 0, class 0, source 0",
            "duplicate",
        ),
        (
            |_, csv| std::fs::write(csv, "3,0,0,270,20,150\n").unwrap(),
            "1 rows with an azimuth outside [-180, 180], first 270 in frame 3",
            "angle",
        ),
        (
            |wav, _| write_scene(wav, 16_000, |n| [0.5, 0.3, 0.3, 0.2].map(|gain| gain * sine(n))),
            "sample rate 16000 Hz where most recordings have 24000 Hz; it is resampled",
            "sample-rate",
        ),
    ];
    for (change, message, kind) in cases {
        let folder = good();
        let (wav, csv) = first(folder.path());
        change(&wav, &csv);
        let found = check(folder.path()).assert().success();
        found.stdout(contains(format!("warning: {message}")).and(contains(format!("1 problems (1 {kind})"))));
        assert_eq!(Dataset::open(folder.path()).unwrap().sample_rate, RATE);
    }
}

#[test]
fn other_sample_rates_are_resampled_as_they_are_read() {
    let folder = good();
    let tone = |rate: u32| {
        move |n: u32| {
            let value = (std::f64::consts::TAU * 500.0 * f64::from(n) / f64::from(rate)).sin();
            [0.5, 0.3, 0.2, 0.1].map(|gain| gain * value)
        }
    };
    let wav = first(folder.path()).0;
    write_scene(&wav, RATE, tone(RATE));
    let expected = Dataset::open(folder.path()).unwrap().recordings[0].read(5_000, 4_000).unwrap();
    for rate in [48_000, 44_100, 16_000] {
        write_scene(&wav, rate, tone(rate));
        let mut data = Dataset::open(folder.path()).unwrap();
        let recording = &data.recordings[0];
        assert_eq!((recording.samples, recording.frames, recording.native_sample_rate()), (24_000, 10, rate));
        let found = recording.read(5_000, 4_000).unwrap();
        let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        assert!(worst < 2e-3, "{rate}: {worst}");
        // As of a model that takes another rate than all of the data.
        data.set_sample_rate(rate);
        assert_eq!(data.recordings[0].samples, u64::from(rate));
        assert_eq!(data.recordings[1].samples, u64::from(rate));
    }
}

#[test]
fn folders_that_are_no_dataset_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    check(folder.path())
        .assert()
        .code(2)
        .stdout(contains("no recordings; expected foa_dev/dev-train-SITE/NAME.wav"));
    check(&folder.path().join("none")).assert().code(2).stderr(contains("cannot read folder"));
    write_wav(&audio(folder.path(), "train", "a"), 4, 16);
    check(folder.path()).assert().code(2).stdout(contains("the folder belongs to no split"));
}
