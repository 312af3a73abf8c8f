//! A dataset, a cache, and trials on them.

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

use assert_cmd::Command;
use at2seld::model::arch::Architecture;
use at2seld::model::cost::Cost;
use at2seld::model::saved::SavedModel;
use at2seld::train::trial::{EpochReport, Instruction, Keep, Outcome, Progress, TrialSpec};
use at2seld::{cache, train};
use tch::Tensor;

pub(crate) const RATE: u32 = 24_000;

/// A new cache folder, which has the tagger of the user's.
pub(crate) fn new_cache(folder: &Path) {
    std::fs::create_dir_all(folder.join("backbones")).unwrap();
    std::os::unix::fs::symlink(cache::default_backbone(), folder.join("backbones/aisfx.pth")).unwrap();
}

/// A folder with a dataset in `data` and a cache in `cache`.
pub(crate) static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    // In the target folder and not a temporary one: what a static owns is never dropped.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("training");
    let _ = std::fs::remove_dir_all(&folder);
    new_cache(&folder.join("cache"));
    let arguments = ["data", "synth", "data", "--minutes", "1", "--seed", "1"];
    at2seld(&folder, &folder.join("cache")).args(arguments).assert().success();
    folder
});

pub(crate) fn at2seld(folder: &Path, cache: &Path) -> Command {
    let mut command = Command::cargo_bin("at2seld").unwrap();
    command.current_dir(folder).env("AT2SELD_CACHE", cache);
    command
}

/// Keeps the reports; stops after some epoch.
pub(crate) struct Record {
    reports: Vec<EpochReport>,
    stop_after: u32,
}

impl Progress for Record {
    fn started(&mut self, _: &Cost) {}

    fn epoch(&mut self, report: EpochReport) -> Instruction {
        let stops = report.epoch == self.stop_after;
        self.reports.push(report);
        if stops { Instruction::Stop } else { Instruction::Continue }
    }
}

pub(crate) fn spec(folder: &Path, architecture: Architecture) -> TrialSpec {
    TrialSpec {
        layout: None,
        architecture,
        seed: 3,
        epochs: 2,
        data: FOLDER.join("data"),
        validation: 0.25,
        device: "cpu".into(),
        threads: 1,
        folder: folder.to_owned(),
        resume_from: None,
        init_from: None,
        keep: Keep::Best,
        cache: FOLDER.join("cache"),
    }
}

/// libtorch has one generator for the whole process: tests that train take turns.
pub(crate) static TURN: Mutex<()> = Mutex::new(());

pub(crate) fn run(spec: &TrialSpec, stop_after: u32) -> (Outcome, Vec<EpochReport>) {
    let mut record = Record { reports: Vec::new(), stop_after };
    (train::run(spec, &mut record).unwrap(), record.reports)
}

/// Losses by epoch, and the model folder.
pub(crate) fn train(spec: &TrialSpec) -> (Vec<[f64; 2]>, PathBuf) {
    let (outcome, reports) = run(spec, 0);
    let Outcome::Complete { model, .. } = outcome else { panic!("it ended as {outcome:?}") };
    (reports.iter().map(|report| [report.train_loss, report.val_loss]).collect(), model)
}

/// The same, stopped after the first epoch and resumed.
pub(crate) fn train_interrupted(mut spec: TrialSpec) -> PathBuf {
    let (outcome, reports) = run(&spec, 1);
    assert_eq!(outcome, Outcome::Stopped);
    spec.resume_from = Some(reports[0].checkpoint.clone());
    train(&spec).1
}

pub(crate) fn variable(model: &SavedModel, name: &str) -> Tensor {
    let found = model.variables.iter().find(|(other, _)| other == name);
    found.unwrap_or_else(|| panic!("no {name}")).1.shallow_clone()
}

/// The smallest network that has all its parts.
pub(crate) fn architecture() -> Architecture {
    let mut arch = Architecture::default();
    arch.features.hop = 800;
    (arch.encoder.width, arch.encoder.stages, arch.encoder.output) = (8, 2, 16);
    arch.temporal.hidden = 8;
    (arch.train.chunk_s, arch.train.batch) = (2.0, 4);
    arch
}

/// The same without a tagger, which trains in a moment.
pub(crate) fn spatial() -> Architecture {
    let mut arch = architecture();
    arch.backbone.name = "none".into();
    arch.fusion.placement = Vec::new();
    arch
}

/// The tensors of a file by name.
pub(crate) fn tensors(path: &Path) -> std::collections::BTreeMap<String, Tensor> {
    at2seld::model::weights::read(path).unwrap().tensors.into_iter().collect()
}

pub(crate) fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}
