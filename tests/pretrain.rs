//! `backbone pretrain` through the program: a tagger of the built-in sounds, which then tags and serves a detector.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use assert_cmd::Command;
use at2seld::model::arch::{Architecture, Freeze};
use at2seld::scene::{Bank, SAMPLE_RATE, Subset};
use at2seld::{audio, rng};
use predicates::str::contains;
use serde_json::Value;

const CLASSES: [&str; 4] = ["bell", "water_tap", "knock", "male_speech"];

/// A folder with what was trained in `mine.safetensors` and printed in `printed.json`.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    // In the target folder and not a temporary one: what a static owns is never dropped.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pretrain");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = at2seld(&folder);
    command.args(["backbone", "pretrain", "--out", "mine.safetensors", "--classes", &CLASSES.join(",")]);
    command.args(["--epochs", "2", "--steps", "14", "--threads", "1", "--seed", "1", "--format", "json"]);
    let assert = command.assert().success();
    std::fs::write(folder.join("printed.json"), &assert.get_output().stdout).unwrap();
    folder
});

fn at2seld(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("at2seld").unwrap();
    command.current_dir(folder).env("AT2SELD_CACHE", folder.join("cache"));
    command
}

#[test]
fn sounds_that_it_never_heard_are_tagged_right() {
    let folder = &*FOLDER;
    let printed: Value =
        serde_json::from_slice(&std::fs::read(folder.join("printed.json")).unwrap()).unwrap();
    let chance = 1.0 / CLASSES.len() as f64;
    assert!(printed["map"].as_f64().unwrap() > 2.0 * chance, "{printed}");
    assert!(printed["top1"].as_f64().unwrap() > 2.0 * chance, "{printed}");
    assert_eq!(printed["classes"].as_array().unwrap().len(), CLASSES.len());
    let names = std::fs::read_to_string(folder.join("mine_classes.txt")).unwrap();
    assert_eq!(names.lines().collect::<Vec<_>>(), CLASSES);

    let bank = Bank::builtin().select(&CLASSES.map(str::to_owned)).unwrap();
    let mut right = 0;
    for (class, name) in CLASSES.iter().enumerate() {
        let event = bank.draw(Subset::Test, class, &mut rng::stream(99, &[name])).unwrap();
        let peak = event.iter().fold(0f32, |peak, x| peak.max(x.abs()));
        let event: Vec<f32> = event.iter().map(|x| x * 0.5 / peak).collect();
        let wav = folder.join(format!("{name}.wav"));
        audio::write_wav(&wav, SAMPLE_RATE, &[event]).unwrap();
        let mut tag = at2seld(folder);
        tag.args([
            "backbone",
            "tag",
            "--backbone",
            "small",
            "--weights",
            "mine.safetensors",
            "--format",
            "json",
        ]);
        let assert = tag.args(["--top", "1"]).arg(&wav).assert().success();
        let tags: Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
        right += usize::from(tags[0]["class"] == **name);
    }
    assert!(right >= 3, "{right} of {} right", CLASSES.len());
}

#[test]
fn a_detector_is_trained_on_it() {
    let folder = &*FOLDER;
    let mut arch = Architecture::default();
    arch.backbone.name = "small".into();
    arch.backbone.weights = Some(folder.join("mine.safetensors"));
    arch.backbone.freeze = Freeze::Blocks(6);
    arch.features.hop = 800;
    (arch.encoder.width, arch.encoder.stages, arch.encoder.output) = (8, 2, 16);
    arch.temporal.hidden = 8;
    (arch.train.chunk_s, arch.train.batch) = (2.0, 4);
    std::fs::write(folder.join("arch.json"), serde_json::to_vec(&arch).unwrap()).unwrap();
    at2seld(folder).args(["data", "synth", "data", "--minutes", "1", "--seed", "1"]).assert().success();
    let mut train = at2seld(folder);
    train.args(["train", "arch.json", "--data", "data", "--out", "model", "--epochs", "1", "--threads", "1"]);
    train.assert().success().stderr(contains("best epoch 1"));
    assert!(folder.join("model/model.pt").is_file());
}

#[test]
fn an_interrupt_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_at2seld"))
        .args(["backbone", "pretrain", "--classes", "bell,knock", "--threads", "1"])
        .args(["--steps", "1", "--epochs", "100000", "--out"])
        .arg(folder.path().join("mine.safetensors"))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.starts_with("epoch   1/100000"), "{first}");
    let kill = format!("kill -s INT {}", child.id());
    assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let last = lines.map(Result::unwrap).last().unwrap();
    assert_eq!(last, "error: interrupted; nothing was written");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn sounds_that_cannot_serve_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events");
    let tone: Vec<f32> = (0..8_000).map(|n| (n as f32 * 0.3).sin() * 0.5).collect();
    let sound = |name: &str| audio::write_wav(&events.join(name), 16_000, &[&tone]).unwrap();
    let refused = |word: &str| {
        let mut command = at2seld(folder.path());
        command.args(["backbone", "pretrain", "--events", "events", "--out", "out/mine.safetensors"]);
        command.args(["--epochs", "1", "--steps", "1"]).assert().code(2).stderr(contains(word));
        assert!(!folder.path().join("out/mine.safetensors").exists());
    };
    refused("events: expected a folder of recordings");
    std::fs::create_dir(&events).unwrap();
    refused("events: expected one sub-folder a class");
    sound("bird/a.wav");
    refused("events/bird: expected at least two recordings");
    sound("bird/b.wav");
    refused("events: expected sounds of at least two classes, got bird");
    sound("drum/a.wav");
    std::fs::write(events.join("drum/b.wav"), "no sound at all").unwrap();
    refused("events/drum/b.wav: not a wav, flac or ogg file");
    let mut command = at2seld(folder.path());
    command
        .args(["backbone", "pretrain", "--out", "events"])
        .assert()
        .code(2)
        .stderr(contains("a file to write"));
}
