//! Every kind of output and loss through a training, into a model and out of it.

use std::path::Path;
use std::sync::PoisonError;

use at2seld::dataset::sampler::Sampling;
use at2seld::model::arch::{ActivityLoss, ClassBalance, DoaDistance, LossWeighting, OutputFormat};
use at2seld::model::saved::SavedModel;
use tch::Device;

use crate::site::{TURN, run, spatial, spec, tensors, train, train_interrupted};

#[test]
fn every_output_learns_and_comes_back_from_its_folder() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let formats = [(OutputFormat::Tracks, 3), (OutputFormat::Accdoa, 1), (OutputFormat::MultiAccdoa, 3)];
    for (index, (format, tracks)) in formats.into_iter().enumerate() {
        let mut arch = spatial();
        (arch.output.format, arch.output.distance, arch.tracks.count) = (format, true, tracks);
        (arch.train.sampling, arch.loss.class_balance) =
            (Sampling::EffectiveNumber, ClassBalance::EffectiveNumber);
        arch.loss.effective_beta = 0.99;
        assert_eq!(arch.validate(), []);
        let (losses, path) = train(&spec(&folder.path().join(index.to_string()), arch));
        assert!(losses[1][0] < losses[0][0] && losses[1][1] < losses[0][1], "{format:?}: {losses:?}");
        let (_, detector) = SavedModel::load(&path).unwrap().detector(Device::Cpu).unwrap();
        assert_eq!(detector.interface().prior, None);
    }
}

#[test]
fn learned_weights_of_the_loss_are_trained_and_resumed_and_no_part_of_the_model() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let mut arch = spatial();
    (arch.loss.weighting, arch.loss.doa) = (LossWeighting::Uncertainty, DoaDistance::Angular);
    (arch.loss.activity, arch.loss.label_smoothing) = (ActivityLoss::Focal, 0.05);
    let (_, path) = train(&spec(&folder.path().join("one"), arch.clone()));
    let resumed = train_interrupted(spec(&folder.path().join("two"), arch.clone()));
    let bytes = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
    assert!(bytes(&path) == bytes(&resumed), "another model when resumed");
    assert!(tensors(&path.join("model.safetensors")).keys().all(|name| !name.starts_with("loss.")));
    SavedModel::load(&path).unwrap().detector(Device::Cpu).unwrap();

    let (_, reports) = run(&spec(&folder.path().join("three"), arch), 1);
    let kept = tensors(&reports[0].checkpoint);
    for part in ["activity", "direction"] {
        let learned = kept[&format!("model.loss.{part}")].double_value(&[]);
        assert!(learned.abs() > 1e-4, "{part}: {learned}");
    }
}
