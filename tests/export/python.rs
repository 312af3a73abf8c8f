//! The export in plain Python, where PyTorch is installed.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use at2seld::export;
use at2seld::model::decode::{Prediction, Rules};
use at2seld::model::saved::SavedModel;
use tch::{Device, Tensor};

use crate::network::{self, largest_difference};
use crate::story::{self, STORY};

/// Other builds of libtorch, and other devices, round differently.
const TOLERANCE: f64 = 1e-4;

/// A Python that can import torch: AT2SELD_PYTHON, else python3.
fn python() -> Option<Command> {
    let interpreter = std::env::var_os("AT2SELD_PYTHON").unwrap_or_else(|| "python3".into());
    let command = || {
        let mut command = Command::new(&interpreter);
        // Cargo names the folder of our libtorch there; PyTorch has its own.
        command.env_remove("LD_LIBRARY_PATH");
        command
    };
    let found = command().args(["-c", "import torch"]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(command());
    }
    let interpreter = interpreter.to_string_lossy();
    // Not by eprintln, which the test harness hides.
    let _ = writeln!(
        std::io::stderr(),
        "skipped: {interpreter} has no torch; name one that has by AT2SELD_PYTHON"
    );
    None
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn to_bytes(tensor: &Tensor) -> Vec<u8> {
    let values = Vec::<f32>::try_from(tensor.flatten(0, -1)).unwrap();
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

fn from_bytes(path: &Path, like: &Tensor) -> Tensor {
    let bytes = std::fs::read(path).unwrap();
    let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&four| f32::from_le_bytes(four)).collect();
    Tensor::from_slice(&values).view_as(like)
}

#[test]
fn python_says_the_same_however_it_loads_the_model() {
    let Some(mut python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (batch, input) = (3, network::noise(3, 31_237));
    let input_file = folder.path().join("input.f32");
    std::fs::write(&input_file, to_bytes(&input)).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/export/run_model.py");
    python.arg(script).arg(STORY.model.join(export::TORCHSCRIPT)).arg(input_file);
    succeed(python.arg(batch.to_string()).arg(folder.path()));
    let (_variables, detector) = SavedModel::load(&STORY.model).unwrap().detector(Device::Cpu).unwrap();
    let expected = tch::no_grad(|| detector.forward(&input));
    for way in ["loaded", "mapped", "moved", "cuda", "moved-to-cuda"] {
        for (output, expected) in [("sed", &expected.activity), ("doa", &expected.direction)] {
            let path = folder.path().join(format!("{way}.{output}.f32"));
            if way.contains("cuda") && !path.exists() {
                continue;
            }
            let difference = largest_difference(&from_bytes(&path, expected), expected);
            assert!(difference < TOLERANCE, "{way} {output}: {difference:e}");
        }
    }
}

#[test]
fn the_documentation_shows_the_example() {
    let example = include_str!("../../tools/infer_example.py");
    let page = include_str!("../../docs/python.md");
    let shown = page.split("```").find_map(|block| block.strip_prefix("python\n")).unwrap();
    let other = |line: &&str| line.contains("soundfile") || line.starts_with("folder, ");
    let missing: Vec<&str> =
        shown.lines().filter(|line| !other(line) && !example.lines().any(|other| other == *line)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_example_of_the_documentation_runs() {
    let Some(mut python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let model_folder = folder.path().join("model");
    story::with_low_thresholds(&model_folder);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/infer_example.py");
    let output = succeed(python.arg(script).arg(&model_folder).arg(&STORY.recording));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("frame,class,source,azimuth,elevation"));

    let model = SavedModel::load(&model_folder).unwrap();
    let (_variables, detector) = model.detector(Device::Cpu).unwrap();
    let sound = at2seld::audio::read(&STORY.recording).unwrap();
    let waveform = Tensor::from_slice(&sound.channels.concat()).view([1, 4, -1]);
    let found = tch::no_grad(|| detector.forward(&waveform));
    let prediction = Prediction {
        tracks: model.architecture.tracks.count as usize,
        classes: model.classes.len(),
        activity: Vec::try_from(found.activity.flatten(0, -1)).unwrap(),
        direction: Vec::try_from(found.direction.flatten(0, -1)).unwrap(),
        distance: None,
    };
    let thresholds = model.decoding.by_class(&model.classes);
    let rules = Rules { temperature: model.decoding.temperature, ..Rules::plain(thresholds, 0.0) };
    let expected = prediction.decode(&rules);
    let rows: Vec<Vec<i64>> =
        lines.map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    assert!(rows.len() > 10, "{text}");
    let found = expected.iter().filter(|event| {
        rows.iter().any(|row| {
            row[..3] == [event.frame, event.class, event.source].map(i64::from)
                && (row[4] as f64 - event.direction.elevation_deg).abs() < 1.0
        })
    });
    // An activity may lie on its threshold but for rounding.
    assert!(found.count().abs_diff(rows.len()) <= 2 && expected.len().abs_diff(rows.len()) <= 2);
}
