//! A dataset, a training, and what can be done with the export.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use assert_cmd::Command;
use at2seld::model::arch::{Architecture, FusionPlacement, TemporalKind};
use at2seld::model::saved;
use at2seld::{cache, export};
use serde_json::Value;

use crate::network;

/// Activity that the network, hardly trained, is sure to reach somewhere.
const LOW_THRESHOLD: f64 = 0.05;

pub(crate) struct Story {
    folder: PathBuf,
    /// What `train` exported.
    pub(crate) model: PathBuf,
    /// A recording of the test split.
    pub(crate) recording: PathBuf,
}

/// Made once for all tests of this file.
pub(crate) static STORY: LazyLock<Story> = LazyLock::new(|| {
    // In the target folder and not a temporary one: what a static owns is never dropped.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("export");
    let _ = std::fs::remove_dir_all(&folder);
    let at = |name: &str| folder.join(name);
    // A cache of its own, with the tagger of the user's.
    std::fs::create_dir_all(at("cache/backbones")).unwrap();
    std::os::unix::fs::symlink(cache::default_backbone(), at("cache/backbones/aisfx.pth")).unwrap();
    let arch = network::architecture(&[FusionPlacement::Late], TemporalKind::Gru);
    std::fs::write(at("arch.json"), serde_json::to_vec(&arch).unwrap()).unwrap();
    at2seld(&folder, &["data", "synth", "data", "--minutes", "1", "--seed", "1"]).assert().success();
    at2seld(&folder, &["train", "arch.json", "--data", "data", "--out", "model", "--epochs", "1"])
        .assert()
        .success();
    let (model, tests) = (at("model"), at("data/foa_dev/dev-test-synth"));
    let recording = std::fs::read_dir(tests).unwrap().next().unwrap().unwrap().path();
    Story { folder, model, recording }
});

fn at2seld(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("at2seld").unwrap();
    command.current_dir(folder).env("AT2SELD_CACHE", folder.join("cache")).args(arguments);
    command
}

pub(crate) fn json(command: &mut Command) -> Value {
    let output = command.args(["--format", "json"]).assert().success().get_output().stdout.clone();
    serde_json::from_slice(&output).unwrap()
}

/// A copy of the export with every threshold so low that there are events.
pub(crate) fn with_low_thresholds(target: &Path) {
    std::fs::create_dir_all(target).unwrap();
    for entry in std::fs::read_dir(&STORY.model).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, target.join(path.file_name().unwrap())).unwrap();
    }
    let path = target.join(saved::THRESHOLDS);
    let mut document: Value = saved::read_json(&path).unwrap();
    document["thresholds"]
        .as_object_mut()
        .unwrap()
        .values_mut()
        .for_each(|value| *value = LOW_THRESHOLD.into());
    std::fs::write(path, document.to_string()).unwrap();
}

#[test]
fn a_trained_network_with_all_parts() {
    network::check(&STORY.model);
}

#[test]
fn the_files_parse_and_agree() {
    let read = |name: &str| std::fs::read_to_string(STORY.model.join(name)).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(&STORY.model)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        export::CARD,
        saved::ARCHITECTURE,
        saved::CLASSES,
        export::TORCHSCRIPT,
        saved::WEIGHTS,
        saved::THRESHOLDS,
    ];
    assert_eq!(names, expected);
    let arch: Architecture = serde_json::from_str(&read(saved::ARCHITECTURE)).unwrap();
    assert_eq!(arch, network::architecture(&[FusionPlacement::Late], TemporalKind::Gru));
    let classes: Vec<String> = read(saved::CLASSES).lines().map(str::to_owned).collect();
    assert!(classes.len() >= 6, "{classes:?}");
    let decoding: Value = serde_json::from_str(&read(saved::THRESHOLDS)).unwrap();
    let thresholds = decoding["thresholds"].as_object().unwrap();
    assert_eq!(thresholds.len(), classes.len());
    let card = read(export::CARD);
    for class in &classes {
        let threshold = thresholds[class].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&threshold));
        assert!(card.contains(&format!("| {class} | {threshold:.2} |")), "{card}");
    }
    let (tracks, count) = (arch.tracks.count, classes.len());
    assert!(card.contains(&format!("`[batch, frames, {tracks}, {count}]`")), "{card}");
    assert!(card.contains(&format!("at {} Hz", network::RATE)), "{card}");
}

#[test]
fn eval_reads_the_export() {
    let scores = json(&mut at2seld(&STORY.folder, &["eval", "model", "--data", "data"]));
    assert_eq!((&scores["metric"], &scores["average"]), (&"dcase2023".into(), &"macro".into()));
    for key in ["ER", "F", "LE", "LR", "SELD"] {
        assert!(scores.get(key).is_some_and(|value| value.is_number() || value.is_null()), "{key}: {scores}");
    }
    for flags in [
        &["--metric", "dcase2019", "--variant", "regression"][..],
        &["--metric", "dcase2020", "--doa-threshold", "30"],
        &["--metric", "dcase2021", "--oracle-activity"],
        &["--metric", "dcase2022", "--average", "micro", "--coordinates", "cartesian"],
        &["--metric", "dcase2022", "--average", "micro", "--turns", "4"],
    ] {
        let arguments = [&["eval", "model", "--data", "data"], flags].concat();
        let scores = json(&mut at2seld(&STORY.folder, &arguments));
        assert_eq!((&scores["metric"], &scores["classwise"]), (&flags[1].into(), &serde_json::json!([])));
        assert!(scores["ER"].is_number(), "{scores}");
    }
    for (flags, message) in [
        (["--metric", "dcase2024"], "dcase2024 scores distances, and the model predicts none"),
        (["--variant", "grid"], "--variant means nothing to dcase2023"),
        (["--turns", "3"], "3 turns: there are 1, 2, 4, 8 and 16"),
    ] {
        let arguments = [&["eval", "model", "--data", "data"][..], &flags].concat();
        let output = at2seld(&STORY.folder, &arguments).assert().code(2).get_output().stderr.clone();
        assert!(String::from_utf8_lossy(&output).contains(message), "{}", String::from_utf8_lossy(&output));
    }
}

#[test]
fn infer_writes_what_score_reads_and_eval_says() {
    let folder = &STORY.folder;
    with_low_thresholds(&folder.join("eager"));
    let recording = STORY.recording.to_str().unwrap();
    at2seld(folder, &["infer", "eager", recording, "--out", "events"]).assert().success();
    let events = folder.join("events").join(STORY.recording.file_name().unwrap()).with_extension("csv");
    assert!(std::fs::read_to_string(events).unwrap().lines().count() > 10);
    let classes = std::fs::read_to_string(folder.join("eager").join(saved::CLASSES)).unwrap().lines().count();
    let scored = json(&mut at2seld(
        folder,
        &[
            "score",
            "--reference",
            "data/metadata_dev/dev-test-synth",
            "--prediction",
            "events",
            "--metric",
            "dcase2023",
            "--classes",
            &classes.to_string(),
        ],
    ));
    let evaluated = json(&mut at2seld(folder, &["eval", "eager", "--data", "data"]));
    // The files hold whole degrees.
    for (key, tolerance) in [("LR", 1e-9), ("F", 0.05), ("ER", 0.05)] {
        let of = |scores: &Value| scores[key].as_f64().unwrap();
        let (scored, evaluated) = (of(&scored), of(&evaluated));
        assert!((scored - evaluated).abs() <= tolerance, "{key}: {scored} and {evaluated}");
    }
}
