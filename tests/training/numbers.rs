//! Mixed precision, and the average of weights.

use std::sync::PoisonError;

use at2seld::model::arch::Precision;
use at2seld::torch_ext::cpu_has_bf16;

use crate::site::{TURN, largest_difference, run, spatial, spec, tensors, train};

#[test]
fn mixed_precision_trains_near_float32() {
    if !cpu_has_bf16() {
        println!("skipped: this processor has no bfloat16");
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let losses = |precision| {
        let mut arch = spatial();
        arch.train.precision = precision;
        train(&spec(&folder.path().join(format!("{precision:?}")), arch)).0
    };
    let (single, mixed) = (losses(Precision::Float32), losses(Precision::Bf16));
    assert_ne!(single, mixed);
    for (single, mixed) in single.iter().flatten().zip(mixed.iter().flatten()) {
        assert!((single - mixed).abs() < 0.02 * single.abs(), "{single} {mixed}");
    }
}

#[test]
fn the_average_of_the_weights_is_what_is_validated_and_kept() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    for decay in [0.0, 0.9] {
        let mut arch = spatial();
        arch.train.average_decay = decay;
        let (_, reports) = run(&spec(&folder.path().join(decay.to_string()), arch), 1);
        let kept = tensors(&reports[0].checkpoint);
        let difference = |a: &str, b: &str| {
            let names = kept.keys().filter_map(|name| name.strip_prefix("best."));
            names
                .map(|name| largest_difference(&kept[&format!("{a}.{name}")], &kept[&format!("{b}.{name}")]))
                .fold(0.0, f64::max)
        };
        if decay == 0.0 {
            assert_eq!(difference("best", "model"), 0.0);
            assert!(kept.keys().all(|name| !name.starts_with("average.")));
        } else {
            assert_eq!(difference("best", "average"), 0.0);
            assert!(difference("best", "model") > 1e-4);
        }
    }
}
