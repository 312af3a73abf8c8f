//! How much each class counts.

use crate::dataset::sampler::effective_number;
use crate::model::arch::ClassBalance;

/// The weight of every class, with mean 1 over those that occur; 1 where a class does not. `None`: all alike.
///
/// * `beta`: see [`effective_number`].
/// * `frames`: label frames of the training data with each class.
pub(super) fn class_weights(balance: ClassBalance, beta: f64, frames: &[u64]) -> Option<Vec<f32>> {
    let number = |frames: u64| match balance {
        ClassBalance::None => None,
        ClassBalance::InverseFrequency => Some(frames as f64),
        ClassBalance::EffectiveNumber => Some(effective_number(beta, frames)),
    };
    let inverse = |&frames: &u64| Some(if frames == 0 { 0.0 } else { number(frames)?.recip() });
    let inverse = frames.iter().map(inverse).collect::<Option<Vec<f64>>>()?;
    let occurring = inverse.iter().filter(|weight| **weight > 0.0).count();
    let mean = inverse.iter().sum::<f64>() / occurring.max(1) as f64;
    Some(inverse.into_iter().map(|w| if w > 0.0 { (w / mean) as f32 } else { 1.0 }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_classes_count_more_and_those_that_occur_have_mean_1() {
        assert_eq!(class_weights(ClassBalance::None, 0.9, &[5, 1]), None);
        let weights = class_weights(ClassBalance::InverseFrequency, 0.0, &[100, 0, 300]).unwrap();
        assert_eq!(weights, [1.5, 1.0, 0.5]);
        // (1 - 0.5) / (1 - 0.5^n) of 1 and 2 frames: 1 and 2/3.
        let weights = class_weights(ClassBalance::EffectiveNumber, 0.5, &[1, 2]).unwrap();
        assert!((weights[0] - 1.2).abs() < 1e-6 && (weights[1] - 0.8).abs() < 1e-6, "{weights:?}");
        assert_eq!(class_weights(ClassBalance::EffectiveNumber, 0.9, &[0, 0]), Some(vec![1.0, 1.0]));
    }

    #[test]
    fn the_effective_number_lies_between_all_alike_and_inverse_frequency() {
        let frames = [20, 4000, 90_000];
        let weights = |beta| class_weights(ClassBalance::EffectiveNumber, beta, &frames).unwrap();
        assert_eq!(weights(0.0), [1.0, 1.0, 1.0]);
        let inverse = class_weights(ClassBalance::InverseFrequency, 0.0, &frames).unwrap();
        for (near, exact) in weights(1.0 - 1e-12).iter().zip(inverse) {
            assert!((near - exact).abs() < 1e-3, "{near} {exact}");
        }
    }
}
