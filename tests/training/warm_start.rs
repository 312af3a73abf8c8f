//! Beginning with the weights of another model.

use std::path::Path;
use std::sync::PoisonError;

use at2seld::model::saved::SavedModel;
use at2seld::train::trial::TrialSpec;

use crate::site::{TURN, largest_difference, run, spatial, spec, train, train_interrupted, variable};

#[test]
fn what_fits_is_taken_and_the_rest_is_named_also_when_resumed() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let (_, first) = train(&spec(&folder.path().join("first"), spatial()));
    // One layer more in front of the heads, which keep their width; a step that changes next to nothing.
    let mut arch = spatial();
    arch.encoder.blocks = 2;
    arch.train.learning_rate = 1e-30;
    let after = |name: &str, from: &Path| TrialSpec {
        init_from: Some(from.to_owned()),
        seed: 77,
        ..spec(&folder.path().join(name), arch.clone())
    };
    let (_, second) = train(&after("second", &first));
    let [before, model] = [&first, &second].map(|folder| SavedModel::load(folder).unwrap());
    let taken = model.origin.warm_start.clone().unwrap();
    assert_eq!(taken.from, first.display().to_string());
    assert_eq!(taken.tensors + taken.grown + taken.others.len(), taken.of_tensors);
    // What scales the new block of every stage, so that it adds nothing yet.
    assert_eq!(taken.grown, 2 * arch.encoder.stages as usize);
    assert!(taken.values > taken.of_values / 4 && taken.values < taken.of_values, "{taken}");
    assert!(taken.others.iter().all(|name| name.contains("block2")), "{:?}", taken.others);
    for name in ["network.encoder.stage1.block1.unit1.conv.weight", "network.tracks.activity.weight"] {
        assert!(largest_difference(&variable(&before, name), &variable(&model, name)) < 1e-6, "{name}");
    }

    let resumed = train_interrupted(after("resumed", &first));
    let bytes = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
    assert!(bytes(&second) == bytes(&resumed), "another model when resumed");

    // A checkpoint serves as well.
    let (_, reports) = run(&spec(&folder.path().join("stopped"), spatial()), 1);
    let (_, third) = train(&after("third", &reports[0].checkpoint));
    let origin = SavedModel::load(&third).unwrap().origin;
    assert_eq!(origin.warm_start.unwrap().tensors, taken.tensors);
}
