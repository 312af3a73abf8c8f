//! `data stats`: counts that can be done by hand, and the picture.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::path::Path;

use assert_cmd::Command;
use hound::{SampleFormat, WavSpec, WavWriter};
use predicates::str::contains;
use serde_json::{Value, json};

/// Six seconds with these labels.
fn recording(root: &Path, name: &str, labels: &str) {
    let (wav, csv) =
        (root.join(format!("foa_dev/{name}.wav")), root.join(format!("metadata_dev/{name}.csv")));
    for path in [&wav, &csv] {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    }
    let spec =
        WavSpec { channels: 4, sample_rate: 8_000, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(wav, spec).unwrap();
    (0..4 * 48_000).for_each(|n| writer.write_sample((n % 50) as i16).unwrap());
    writer.finalize().unwrap();
    std::fs::write(csv, labels).unwrap();
}

fn dataset() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    // A bell that moves over 3 frames; in the second of them two more bells; later a knock.
    let train =
        "0,0,0,0,0,100\n1,0,0,5,0,100\n2,0,0,20,0,100\n1,0,1,90,45,100\n1,0,2,-90,-45,100\n9,1,0,180,0,100\n";
    recording(folder.path(), "dev-train-a/fold3_room1_mix001", train);
    recording(folder.path(), "dev-test-a/fold4_room2_mix001", "5,1,0,-179,89,100\n6,1,0,-179,89,100\n");
    std::fs::write(folder.path().join("classes.txt"), "bell\nknock\n").unwrap();
    folder
}

fn stats(root: &Path, cache: &Path) -> Command {
    let mut command = Command::cargo_bin("at2seld").unwrap();
    command.env("AT2SELD_CACHE", cache).args(["data", "stats"]).arg(root);
    command
}

#[test]
fn everything_is_counted() {
    let (folder, cache) = (dataset(), tempfile::tempdir().unwrap());
    let output = stats(folder.path(), cache.path()).args(["--format", "json"]).assert().success();
    let found: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!((&found["layout"], &found["sample_rate"]), (&json!("synth"), &json!(8_000)));
    let [train, test] = [0, 1].map(|n| found["splits"][n].clone());
    assert_eq!(
        (&train["split"], &train["minutes"], &train["folds"]),
        (&json!("train"), &json!(0.1), &json!([3]))
    );
    assert_eq!(train["classes"][0], json!({"events": 3, "moving": 1, "frames": 5}));
    assert_eq!(train["classes"][1], json!({"events": 1, "moving": 0, "frames": 1}));
    assert_eq!(train["polyphony"], json!([56, 3, 0, 1]));
    assert_eq!(train["same_class"], json!([56, 3, 0, 1]));
    assert_eq!(test["classes"][1], json!({"events": 1, "moving": 0, "frames": 2}));
    assert_eq!(test["polyphony"], json!([58, 2]));
    // Elevation 89 in the topmost row, azimuth -179 in the first cell.
    assert_eq!(test["directions"][17][0], 2);
    assert_eq!(train["directions"][9][0], 1);
}

#[test]
fn tables_are_for_people_and_programs() {
    let (folder, cache) = (dataset(), tempfile::tempdir().unwrap());
    let table = stats(folder.path(), cache.path()).assert().success().get_output().stdout.clone();
    insta::assert_snapshot!(String::from_utf8(table).unwrap());
    let csv = stats(folder.path(), cache.path()).args(["--format", "csv"]).assert().success();
    csv.stdout(contains("split,class,events,frames,minutes,moving\ntrain,bell,3,5,"));
}

#[test]
fn pictures_are_drawn() {
    let (folder, cache) = (dataset(), tempfile::tempdir().unwrap());
    let place = tempfile::tempdir().unwrap();
    for (name, start) in [("a.svg", b"<svg".as_slice()), ("a.png", b"\x89PNG\r\n")] {
        let path = place.path().join(name);
        stats(folder.path(), cache.path()).arg("--plot").arg(&path).assert().success();
        assert!(std::fs::read(&path).unwrap().starts_with(start), "{name}");
    }
    let svg = std::fs::read_to_string(place.path().join("a.svg")).unwrap();
    for words in ["bell", "knock", "Polyphony", "Directions", "front", "5 events"] {
        assert!(svg.contains(words), "{words}");
    }
    let refused = stats(folder.path(), cache.path()).args(["--plot", "a.jpeg"]).assert().code(2);
    refused.stderr(contains("a.jpeg: pictures are written as .svg or .png"));
}
