//! All kinds of descriptors through a training and into the export: learned filters, statistics of the dataset, and
//! descriptors that are read from the cache.

use std::path::Path;
use std::sync::PoisonError;

use at2seld::dataset::augment::RotationKind;
use at2seld::export;
use at2seld::features::{Descriptor, FrontEnd, Normalisation};
use at2seld::model::arch::{Architecture, Source};
use at2seld::model::detector::Detector;
use at2seld::model::predict::{Turns, predict};
use at2seld::model::prior::{Prior, load_tagger};
use at2seld::model::saved::SavedModel;
use tch::nn::VarStore;
use tch::{Device, Kind};

use crate::site::{
    FOLDER, RATE, TURN, architecture, at2seld, largest_difference, new_cache, spec, train, train_interrupted,
    variable,
};

#[test]
fn learned_filters_and_statistics_are_trained_kept_and_exported() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
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
    FrontEnd::new(&vs.root(), &arch.features, RATE).unwrap();
    let initial = &vs.variables()["waveform.filters"];
    let change = largest_difference(&variable(&model, "features.waveform.filters"), initial);
    assert!(change > 1e-5, "filters have changed by {change:e}");
    // Levels are in dB, about 20 to 60 below full scale, and spread by more than a few.
    let levels = |name: &str| variable(&model, name).narrow(1, 0, 4).mean(Kind::Float).double_value(&[]);
    let (mean, deviation) = (levels("features.statistics.mean"), levels("features.statistics.deviation"));
    assert!((-80.0..-5.0).contains(&mean) && (2.0..40.0).contains(&deviation), "{mean} {deviation}");

    // What is exported is compared with the network before it counts.
    export::export(&path, &folder.path().join("exported")).unwrap();
}

#[test]
fn cached_descriptors_are_trained_on_as_computed_ones_are() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
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
    let (computed, _) = train(&at("computed", Source::Computed));
    let (cached, path) = train(&at("cached", Source::Cached));
    let kept = std::fs::read_dir(FOLDER.join("cache").join("descriptors")).unwrap();
    let names: Vec<String> = kept.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for descriptor in ["logmel-", "iv-"] {
        assert!(names.iter().any(|n| n.starts_with(descriptor) && n.ends_with(".safetensors")), "{names:?}");
    }
    // Sixteen bits, and neighbours at the edges of chunks.
    assert_ne!(computed, cached);
    for (computed, cached) in computed.iter().flatten().zip(cached.iter().flatten()) {
        assert!((computed - cached).abs() < 0.05 * computed, "{computed} {cached}");
    }
    assert_eq!(train(&at("auto", Source::Auto)).0, cached);
    let weights = |folder: &Path| SavedModel::load(folder).unwrap().variables;
    let resumed = weights(&train_interrupted(at("resumed", Source::Cached)));
    for ((name, resumed), (_, whole)) in resumed.iter().zip(&weights(&path)) {
        assert_eq!(resumed, whole, "{name}");
    }
}

/// Files in the cache of descriptors that are no locks.
fn cached_files(cache: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(cache.join("descriptors")).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.ends_with(".lock"));
    names.sort();
    names
}

#[test]
fn processes_share_descriptors_and_one_that_is_killed_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    new_cache(&cache);
    let mut arch = architecture();
    arch.features.descriptors = vec![Descriptor::Logmel, Descriptor::Eigenvector];
    arch.train.augment.rotation = RotationKind::None;
    std::fs::write(folder.path().join("arch.json"), serde_json::to_vec(&arch).unwrap()).unwrap();
    let start = |out: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_at2seld"));
        command.current_dir(folder.path()).env("AT2SELD_CACHE", &cache).stderr(std::process::Stdio::piped());
        command.args(["train", "arch.json", "--epochs", "1", "--threads", "1", "--out", out, "--data"]);
        command.arg(FOLDER.join("data")).spawn().unwrap()
    };
    let mut killed = start("killed");
    while !cached_files(&cache).iter().any(|name| name.starts_with(".tmp-")) {
        assert_eq!(killed.try_wait().unwrap(), None, "it ended before it wrote descriptors");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(cached_files(&cache).iter().any(|name| name.starts_with(".tmp-")));

    let losses = ["a", "b"].map(start).map(|process| {
        let output = process.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{stderr}");
        let line = stderr.lines().find(|line| line.starts_with("epoch")).unwrap().to_owned();
        line.split("  ").take(3).map(str::to_owned).collect::<Vec<_>>()
    });
    assert_eq!(losses[0], losses[1]);
    let files = cached_files(&cache);
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files[0].starts_with("eigenvector-") && files[1].starts_with("logmel-"), "{files:?}");
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
        let mut command = at2seld(folder.path(), &FOLDER.join("cache"));
        command.env("AT2SELD_DESCRIPTOR_CACHE_GB", limit).arg("train").arg("arch.json").args(["--out", out]);
        command.args(["--epochs", "1", "--data"]).arg(FOLDER.join("data")).assert()
    };
    let assert = train("0.000001", "small").success();
    let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(stderr.contains("computed for every batch instead"), "{stderr}");
    let assert = train("some", "wrong").code(2);
    let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(stderr.contains("AT2SELD_DESCRIPTOR_CACHE_GB is \"some\""), "{stderr}");
}

#[test]
fn recordings_shorter_than_a_transform_are_heard_and_chunks_are_refused() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut arch = architecture();
    arch.features.n_fft = 8192;
    let detector = |arch: &Architecture| {
        let vs = VarStore::new(Device::Cpu);
        let tagger = load_tagger(&arch.backbone, &vs).unwrap().unwrap();
        let prior = Prior::new(tagger, arch, RATE, 1.0, Device::Cpu).unwrap();
        Detector::new(&vs, arch, Some(prior), RATE, 5)
    };
    let heard = detector(&arch).unwrap();
    for (samples, frames) in [(100, 1), (2400, 1), (2401, 2), (12_000, 5), (60_000, 25)] {
        let prediction =
            predict(&heard, &vec![0.1; 4 * samples], arch.train.chunk_s, Turns::NONE, Device::Cpu).unwrap();
        assert_eq!(prediction.activity.len(), frames * 3 * 5, "{samples} samples");
        assert_eq!(prediction.direction.len(), frames * 3 * 3, "{samples} samples");
    }
    arch.train.chunk_s = 0.1;
    let error = detector(&arch).unwrap_err().to_string();
    assert!(error.contains("train.chunk_s of 0.1 is too short") && error.contains("0.2 s"), "{error}");
}
