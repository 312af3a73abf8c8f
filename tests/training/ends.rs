//! How a training ends: because it has left the numbers, or because it gets no better.

use std::sync::PoisonError;

use at2seld::train::trial::{Keep, Outcome, TrialSpec};

use crate::site::{TURN, run, spatial, spec};

#[test]
fn a_training_that_leaves_the_numbers_ends_with_the_epoch_the_step_and_what_it_was() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let mut arch = spatial();
    (arch.train.learning_rate, arch.train.warmup_epochs) = (1e38, 0.0);
    let (outcome, reports) = run(&spec(folder.path(), arch), 0);
    let Outcome::Diverged { epoch, cause } = outcome else { panic!("it ended as {outcome:?}") };
    assert_eq!((epoch, reports.len()), (1, 0));
    // The first step is taken from the initial weights.
    let step = cause.rsplit("in step ").next().and_then(|number| number.parse::<u32>().ok());
    assert!(step.is_some_and(|step| step >= 2), "{cause}");
    assert!(["loss is ", "norm of the gradients is "].iter().any(|what| cause.contains(what)), "{cause}");
}

#[test]
fn a_training_that_gets_no_better_ends_early() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let mut arch = spatial();
    (arch.train.learning_rate, arch.train.patience) = (1e-30, 2);
    let (outcome, reports) = run(&TrialSpec { epochs: 9, ..spec(folder.path(), arch) }, 0);
    let Outcome::Complete { best_epoch, .. } = outcome else { panic!("it ended as {outcome:?}") };
    assert_eq!((best_epoch, reports.len()), (1, 3));
}

#[test]
fn the_last_epoch_is_kept_where_that_is_asked_for() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let mut arch = spatial();
    // Nothing is learned, so that no epoch is better than the first.
    (arch.train.learning_rate, arch.train.patience) = (1e-30, 0);
    let kept = |keep: Keep, name: &str| {
        let spec = TrialSpec { epochs: 3, keep, ..spec(&folder.path().join(name), arch.clone()) };
        match run(&spec, 0).0 {
            Outcome::Complete { best_epoch, .. } => best_epoch,
            other => panic!("it ended as {other:?}"),
        }
    };
    assert_eq!((kept(Keep::Best, "best"), kept(Keep::Last, "last")), (1, 3));
}
