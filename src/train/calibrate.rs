//! Thresholds by class, chosen on held-out recordings.

use super::score;
use crate::dataset::{self, Recording};
use crate::model::decode::{DEFAULT_MERGE_DEG, DEFAULT_THRESHOLD, Decoding, Prediction};

/// Thresholds tried: 0.05, 0.1, ... 0.95.
fn candidates() -> impl Iterator<Item = f64> {
    (1..20).map(|n| f64::from(n) * 0.05)
}

/// The threshold of every class with the best F-score within 20 degrees. Macro averaging scores classes apart, so
/// one pass over the candidates finds them all. A class that no candidate detects keeps 0.5; among equals the one
/// nearest to 0.5 wins.
///
/// # Errors
/// Labels cannot be read any more.
pub fn thresholds(
    recordings: &[&Recording],
    predictions: &[Prediction],
    classes: &[String],
) -> Result<Decoding, dataset::Error> {
    let mut best: Vec<(f64, f64)> = vec![(0.0, DEFAULT_THRESHOLD); classes.len()];
    let from_middle = |t: &f64| (t - DEFAULT_THRESHOLD).abs();
    let mut tried: Vec<f64> = candidates().collect();
    tried.sort_by(|a, b| from_middle(a).total_cmp(&from_middle(b)));
    for threshold in tried {
        let uniform = vec![threshold as f32; classes.len()];
        let scores = score::validation(recordings.iter().copied(), predictions, &uniform, DEFAULT_MERGE_DEG)?;
        for (best, class) in best.iter_mut().zip(&scores.classwise) {
            if class.f > best.0 {
                *best = (class.f, threshold);
            }
        }
    }
    let thresholds =
        classes.iter().zip(&best).map(|(name, &(_, t))| (name.clone(), (t * 100.0).round() / 100.0));
    Ok(Decoding { thresholds: thresholds.collect(), merge_deg: DEFAULT_MERGE_DEG })
}
