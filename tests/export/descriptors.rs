//! All kinds of descriptors through a training and into the export: learned filters, statistics of the dataset, and
//! descriptors that are read from the cache.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use at2seld::export;
use at2seld::features::{Descriptor, FrontEnd, Normalisation};
use at2seld::model::arch::{Architecture, DescriptorSource, FusionPlacement, TemporalKind};
use at2seld::model::saved::SavedModel;
use at2seld::train::trial::{EpochReport, Instruction, Outcome, Progress, TrialSpec};
use at2seld::{dataset::augment::RotationKind, train};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use crate::network;
use crate::story::STORY;

/// Keeps the reports; stops after some epoch.
struct Record {
    reports: Vec<EpochReport>,
    stop_after: u32,
}

impl Progress for Record {
    fn started(&mut self, _: u64, _: u64) {}

    fn epoch(&mut self, report: EpochReport) -> Instruction {
        let stops = report.epoch == self.stop_after;
        self.reports.push(report);
        if stops { Instruction::Stop } else { Instruction::Continue }
    }
}

fn spec(folder: &Path, architecture: Architecture) -> TrialSpec {
    TrialSpec {
        architecture,
        seed: 3,
        epochs: 2,
        data: STORY.data(),
        validation: 0.25,
        device: "cpu".into(),
        threads: 1,
        folder: folder.to_owned(),
        resume_from: None,
        cache: STORY.cache(),
    }
}

/// Losses by epoch, and the model folder.
fn train(spec: &TrialSpec) -> (Vec<[f64; 2]>, PathBuf) {
    let mut record = Record { reports: Vec::new(), stop_after: 0 };
    let Outcome::Complete { model, .. } = train::run(spec, &mut record).unwrap() else {
        panic!("not complete")
    };
    (record.reports.iter().map(|report| [report.train_loss, report.val_loss]).collect(), model)
}

/// The same, stopped after the first epoch and resumed.
fn train_interrupted(mut spec: TrialSpec) -> PathBuf {
    let mut record = Record { reports: Vec::new(), stop_after: 1 };
    assert_eq!(train::run(&spec, &mut record).unwrap(), Outcome::Stopped);
    spec.resume_from = Some(record.reports[0].checkpoint.clone());
    train(&spec).1
}

fn variable(model: &SavedModel, name: &str) -> Tensor {
    let found = model.variables.iter().find(|(other, _)| other == name);
    found.unwrap_or_else(|| panic!("no {name}")).1.shallow_clone()
}

fn architecture() -> Architecture {
    network::architecture(&[FusionPlacement::Late], TemporalKind::Gru)
}

#[test]
fn learned_filters_and_statistics_are_trained_kept_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let mut arch = architecture();
    arch.features.descriptors = vec![Descriptor::Logmel, Descriptor::Waveform];
    arch.features.normalisation = Normalisation::Dataset;
    let (losses, path) = train(&spec(&folder.path().join("one"), arch.clone()));
    assert!(losses.iter().flatten().all(|loss| loss.is_finite()));
    let resumed = train_interrupted(spec(&folder.path().join("two"), arch.clone()));
    let bytes = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
    assert!(bytes(&path) == bytes(&resumed), "another model when resumed");

    let model = SavedModel::load(&path).unwrap();
    let vs = VarStore::new(Device::Cpu);
    FrontEnd::new(&vs.root(), &arch.features, network::RATE).unwrap();
    let initial = &vs.variables()["waveform.filters"];
    let change = network::largest_difference(&variable(&model, "features.waveform.filters"), initial);
    assert!(change > 1e-5, "filters have changed by {change:e}");
    // Levels are in dB, about 20 to 60 below full scale, and spread by more than a few.
    let levels = |name: &str| variable(&model, name).narrow(1, 0, 4).mean(Kind::Float).double_value(&[]);
    let (mean, deviation) = (levels("features.statistics.mean"), levels("features.statistics.deviation"));
    assert!((-80.0..-5.0).contains(&mean) && (2.0..40.0).contains(&deviation), "{mean} {deviation}");

    let exported = folder.path().join("exported");
    export::export(&path, &exported).unwrap();
    network::check(&exported);
}

#[test]
fn cached_descriptors_are_trained_on_as_computed_ones_are() {
    let folder = tempfile::tempdir().unwrap();
    let arch = |descriptors| {
        let mut arch = architecture();
        arch.features.normalisation = Normalisation::Dataset;
        arch.train.descriptors = descriptors;
        arch.train.augment.rotation = RotationKind::None;
        (arch.train.augment.band_mask, arch.train.augment.time_mask) = (0.2, 0.2);
        arch
    };
    let at = |name: &str, descriptors| spec(&folder.path().join(name), arch(descriptors));
    let (computed, _) = train(&at("computed", DescriptorSource::Computed));
    let (cached, path) = train(&at("cached", DescriptorSource::Cached));
    let kept = std::fs::read_dir(STORY.cache().join("descriptors")).unwrap();
    let names: Vec<String> = kept.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for descriptor in ["logmel-", "iv-"] {
        assert!(names.iter().any(|n| n.starts_with(descriptor) && n.ends_with(".safetensors")), "{names:?}");
    }
    // Sixteen bits, and neighbours at the edges of chunks.
    assert_ne!(computed, cached);
    for (computed, cached) in computed.iter().flatten().zip(cached.iter().flatten()) {
        assert!((computed - cached).abs() < 0.05 * computed, "{computed} {cached}");
    }
    assert_eq!(train(&at("auto", DescriptorSource::Auto)).0, cached);
    let weights = |folder: &Path| SavedModel::load(folder).unwrap().variables;
    let resumed = weights(&train_interrupted(at("resumed", DescriptorSource::Cached)));
    for ((name, resumed), (_, whole)) in resumed.iter().zip(&weights(&path)) {
        assert_eq!(resumed, whole, "{name}");
    }
}

#[test]
fn where_the_cache_is_too_small_descriptors_are_computed_and_a_warning_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut arch = architecture();
    arch.train.augment.rotation = RotationKind::None;
    // A grid that no other test has.
    arch.features.bands = 20;
    std::fs::write(folder.path().join("arch.json"), serde_json::to_vec(&arch).unwrap()).unwrap();
    let train = |limit: &str, out: &str| {
        let mut command = Command::cargo_bin("at2seld").unwrap();
        command.current_dir(folder.path()).env("AT2SELD_CACHE", STORY.cache());
        command.env("AT2SELD_DESCRIPTOR_CACHE_GB", limit).args([
            "train",
            "arch.json",
            "--epochs",
            "1",
            "--out",
            out,
        ]);
        command.arg("--data").arg(STORY.data()).assert()
    };
    let assert = train("0.000001", "small").success();
    let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(stderr.contains("computed for every batch instead"), "{stderr}");
    let assert = train("some", "wrong").code(2);
    let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(stderr.contains("AT2SELD_DESCRIPTOR_CACHE_GB is \"some\""), "{stderr}");
}
