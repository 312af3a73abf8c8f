//! `infer` on files and on a stream, and `calibrate`, through the program.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use at2seld::export;
use at2seld::model::saved;
use serde_json::Value;

use crate::story::{STORY, json, with_low_thresholds};

/// A copy of the export with low thresholds and all that can be done to activities.
fn eager(folder: &Path) -> std::path::PathBuf {
    let model = folder.join("model");
    with_low_thresholds(&model);
    let path = model.join(saved::THRESHOLDS);
    let mut document: Value = saved::read_json(&path).unwrap();
    document["median_frames"] = 3.into();
    document["min_frames"] = 2.into();
    document["temperature"] = 1.1.into();
    std::fs::write(path, document.to_string()).unwrap();
    model
}

fn infer(model: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_at2seld"));
    command.env("AT2SELD_CACHE", STORY.model.with_file_name("cache"));
    command.arg("infer").arg(model).args(arguments).stderr(Stdio::piped());
    command
}

fn stream(model: &Path, arguments: &[&str]) -> Child {
    let arguments = [&["--stream"], arguments].concat();
    infer(model, &arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Everything that a stream says about some bytes.
fn lines(model: &Path, arguments: &[&str], bytes: Vec<u8>) -> Vec<Value> {
    let mut child = stream(model, arguments);
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    writer.join().unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Frame, class, source, azimuth, elevation of every event.
fn rows(lines: &[Value]) -> Vec<[f64; 5]> {
    let row = |line: &Value| {
        let number = |key: &str| line[key].as_f64().unwrap();
        let activity = number("activity");
        assert!(line["type"] == "event" && activity > 0.0 && activity <= 1.0, "{line}");
        [
            (number("time") * 10.0).round(),
            number("class"),
            number("source"),
            number("azimuth"),
            number("elevation"),
        ]
    };
    lines.iter().map(row).collect()
}

fn csv(path: &Path) -> Vec<[f64; 5]> {
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| -> [f64; 5] {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        cells.try_into().unwrap()
    };
    text.lines().map(row).collect()
}

/// The samples of a wav file without its header.
fn raw_samples(wav: &Path) -> Vec<u8> {
    let mut reader = hound::WavReader::open(wav).unwrap();
    assert_eq!(reader.spec().bits_per_sample, 16);
    reader.samples::<i16>().flat_map(|sample| sample.unwrap().to_le_bytes()).collect()
}

#[test]
fn a_stream_has_the_events_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let model = eager(folder.path());
    let (wav, out) = (&STORY.recording, folder.path().join("out"));
    for windows in [&[][..], &["--window", "3", "--hop", "2"]] {
        let files = [&[wav.to_str().unwrap(), "--out", out.to_str().unwrap()], windows].concat();
        let output = infer(&model, &files).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let expected = csv(&out.join(wav.file_name().unwrap()).with_extension("csv"));
        assert!(expected.len() > 10);

        let said = lines(&model, windows, std::fs::read(wav).unwrap());
        assert_eq!(rows(&said[1..]), expected);
        let raw = [&["--input-format", "raw-s16", "--sample-rate", "24000"], windows].concat();
        assert_eq!(lines(&model, &raw, raw_samples(wav)), said);

        let first = &said[0];
        assert_eq!((&first["type"], &first["sample_rate"]), (&"stream".into(), &24_000.into()));
        let parts = first["latency"].as_object().unwrap();
        let sum: f64 = parts.values().map(|part| part.as_f64().unwrap()).sum();
        assert!((first["latency_s"].as_f64().unwrap() - sum).abs() < 0.005, "{first}");
        // Half the median and the least duration: two frames.
        assert_eq!(parts["decoding_s"], 0.2);
        let class = said[1]["class"].as_u64().unwrap() as usize;
        assert_eq!(first["classes"][class], said[1]["name"]);
    }
}

#[test]
fn events_come_before_the_end_and_ctrl_c_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = stream(&eager(folder.path()), &[]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    // All but the end, and standard input stays open.
    let writer = std::thread::spawn(move || {
        let bytes = std::fs::read(&STORY.recording).unwrap();
        let _ = stdin.write_all(&bytes[..bytes.len() - 4_000]);
        stdin
    });
    for kind in ["stream", "event"] {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["type"], kind);
    }
    let kill = Command::new("sh").args(["-c", "kill -s INT $0", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    // What it has printed by then is read, so that it does not wait for that.
    let rest = std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(writer.join().unwrap());
    rest.join().unwrap().unwrap();
}

#[test]
fn a_closed_standard_output_ends_it_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = stream(&eager(folder.path()), &[]);
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    // It may end before it has read everything.
    let _ = stdin.write_all(&std::fs::read(&STORY.recording).unwrap());
    drop(stdin);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}

#[test]
fn what_cannot_be_a_stream_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let model = eager(folder.path());
    let refused = |arguments: &[&str], bytes: &[u8]| {
        let mut child = stream(&model, arguments);
        let _ = child.stdin.take().unwrap().write_all(bytes);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        said
    };
    let wav = std::fs::read(&STORY.recording).unwrap();
    assert!(refused(&[], &[7; 100]).contains("standard input: not a readable wav file"));
    assert!(refused(&[], &wav[..40_000]).contains("standard input: truncated"));
    assert!(refused(&["--input-format", "raw-f32"], &[]).contains("--sample-rate"));
    assert!(refused(&["--window", "0.01"], &[]).contains("a window of 0.01 s is too short"));
    assert!(refused(&["--hop", "9"], &[]).contains("cannot follow each other every 9 s"));
}

#[test]
fn calibration_on_other_recordings_is_what_eval_then_uses() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    with_low_thresholds(&model);
    let card = model.join(export::CARD);
    let notes = "\n## Notes\n\nKeep this.\n";
    let text = std::fs::read_to_string(&card).unwrap() + notes;
    std::fs::write(&card, &text).unwrap();
    let thresholds = || -> Value { saved::read_json(&model.join(saved::THRESHOLDS)).unwrap() };
    let before = thresholds();

    let data = STORY.model.with_file_name("data");
    let run = |arguments: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("at2seld").unwrap();
        command.env("AT2SELD_CACHE", STORY.model.with_file_name("cache")).arg(arguments[0]).arg(&model);
        json(command.arg("--data").arg(&data).args(&arguments[1..]))
    };
    let eval = |thresholds: &str| run(&["eval", "--split", "test", "--thresholds", thresholds]);
    let (plain, old) = (eval("0.5"), eval("calibrated"));
    let found = run(&["calibrate", "--split", "test"]);
    let scores = &found["scores"];
    assert_eq!((&scores["0.5"], &scores["before"], &scores["after"]), (&plain, &old, &eval("calibrated")));
    assert!(scores["after"]["SELD"].as_f64() <= scores["0.5"]["SELD"].as_f64());
    assert_eq!((&found["before"]["thresholds"], &found["after"]), (&before["thresholds"], &thresholds()));
    assert_ne!(before["thresholds"], thresholds()["thresholds"]);

    let renewed = std::fs::read_to_string(&card).unwrap();
    assert!(renewed.ends_with(notes) && renewed != text, "{renewed}");
    for (class, threshold) in thresholds()["thresholds"].as_object().unwrap() {
        let row = format!("| {class} | {:.2} |", threshold.as_f64().unwrap());
        assert!(renewed.contains(&row), "no {row} in {renewed}");
    }
    let best_f = run(&["calibrate", "--split", "test", "--objective", "f20"]);
    assert!(best_f["scores"]["after"]["F"].as_f64() >= plain["F"].as_f64());
}
