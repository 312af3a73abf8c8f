//! `features` and `backbone` through the binary: what they write, and what bad input gives.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::path::Path;

use assert_cmd::Command;
use predicates::str::contains;
use serde_json::Value;

const RATE: u32 = 24000;

fn program() -> Command {
    Command::cargo_bin("at2seld").unwrap()
}

/// Half a second of a tone, `channels` wide.
fn tone(path: &Path, channels: u16) {
    let spec = hound::WavSpec {
        channels,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in 0..RATE / 2 {
        let value = (f64::from(sample) * 0.2).sin() * 8000.0;
        (0..channels).for_each(|_| writer.write_sample(value as i16).unwrap());
    }
    writer.finalize().unwrap();
}

#[test]
fn features_are_written_as_named_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, out) = (folder.path().join("a.wav"), folder.path().join("f.safetensors"));
    tone(&wav, 4);
    let run = program()
        .args(["features", "--descriptor", "iv,logmel", "--n-fft", "512", "--hop", "240", "--bands", "32"])
        .args(["--format", "json", "--out"])
        .args([&out, &wav])
        .assert()
        .success();
    let printed: Value = serde_json::from_slice(&run.get_output().stdout).unwrap();
    assert_eq!(printed[0]["descriptor"], "iv");
    assert_eq!(printed[1]["frames"], 50);
    let inspected = program().args(["backbone", "inspect", "--format", "json"]).arg(&out).assert().success();
    let listed: Value = serde_json::from_slice(&inspected.get_output().stdout).unwrap();
    assert_eq!(listed["tensors"][0]["shape"], serde_json::json!([3, 50, 32]));
    assert_eq!(listed["tensors"][1]["name"], "logmel");
}

#[test]
fn bad_input_is_named_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (three, four) = (folder.path().join("three.wav"), folder.path().join("four.wav"));
    let out = folder.path().join("f.safetensors");
    tone(&three, 3);
    tone(&four, 4);
    let features = |wav: &Path, hop: &str| {
        let mut command = program();
        command.args(["features", "--descriptor", "logmel", "--hop", hop, "--out"]).args([&out, wav]);
        command.assert().code(2)
    };
    features(&three, "480").stderr(contains("3 channels, expected 4"));
    features(&four, "0").stderr(contains("features.hop"));
    features(&folder.path().join("absent.wav"), "480").stderr(contains("absent.wav"));
    assert!(!out.exists());
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/checkpoints");
    program()
        .args(["backbone", "tag", "--weights"])
        .args([&fixtures.join("tiny_zip.pth"), &four])
        .assert()
        .code(2)
        .stderr(contains("embedding_net.conv_block1.conv1.weight [64, 1, 3, 3] is missing"));
    program()
        .args(["backbone", "inspect"])
        .arg(fixtures.join("malicious.pkl"))
        .assert()
        .code(2)
        .stderr(contains("posix system"));
    program()
        .env("AT2SELD_CACHE", folder.path())
        .args(["backbone", "tag"])
        .arg(&four)
        .assert()
        .code(2)
        .stderr(contains("make setup"));
}
