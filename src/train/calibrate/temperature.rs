//! The temperature that makes activities most likely (Guo et al., "On calibration of modern neural networks", arXiv
//! 1706.04599): one number for all classes, as there, because one for each would follow the few events of rare classes.
//!
//! What is made likely is whether a class is there in a label frame, given the greatest of its activities over tracks:
//! which track an event is on means nothing.

use super::HeldOut;
use crate::model::decode::{logit, sigmoid};

/// Logits beyond it are taken for it, which float32 activities near 1 can hardly tell apart.
const LARGEST_LOGIT: f64 = 16.0;
/// Bins in a unit of the logit.
const BINS_PER_UNIT: f64 = 64.0;
/// Temperatures tried.
const RANGE: std::ops::RangeInclusive<f64> = 0.2..=5.0;
/// Fewer label frames than this of which something is in, or is not, say nothing: ten seconds.
const FEWEST_FRAMES: u64 = 100;
/// Likelihood is to grow by more than this part, else the temperature stays 1.
const LEAST_GAIN: f64 = 1e-3;
/// Halvings of the range by about two thirds: to a millionth of it.
const STEPS: usize = 30;

/// How many label frames and classes had this logit, without and with the class being there.
#[derive(Debug, Clone)]
struct Histogram {
    bins: Vec<[u64; 2]>,
}

/// The temperature, rounded to thousandths; 1 where the recordings do not say enough.
pub(super) fn fit(classes: usize, recordings: &[HeldOut]) -> f64 {
    let histogram = Histogram::of(classes, recordings);
    if histogram.totals().iter().any(|total| *total < FEWEST_FRAMES) {
        return 1.0;
    }
    let temperature = minimise(|log| histogram.loss(log.exp()), RANGE.start().ln(), RANGE.end().ln()).exp();
    let temperature = (temperature * 1000.0).round() / 1000.0;
    let (best, plain) = (histogram.loss(temperature), histogram.loss(1.0));
    if best < plain * (1.0 - LEAST_GAIN) { temperature } else { 1.0 }
}

impl Histogram {
    fn of(classes: usize, recordings: &[HeldOut]) -> Self {
        let mut bins = vec![[0; 2]; (2.0 * LARGEST_LOGIT * BINS_PER_UNIT) as usize + 1];
        for HeldOut { labels, frames, prediction } in recordings {
            let count = prediction.frames().min(*frames as usize);
            let mut there = vec![false; count * classes];
            for event in labels {
                let (frame, class) = (event.frame as usize, event.class as usize);
                if frame < count && class < classes {
                    there[frame * classes + class] = true;
                }
            }
            let mut greatest = vec![0f32; classes];
            for (row, there) in prediction.rows().zip(there.chunks_exact(classes.max(1))) {
                greatest.fill(0.0);
                for track in row.activity.chunks_exact(classes.max(1)) {
                    greatest.iter_mut().zip(track).for_each(|(most, activity)| *most = most.max(*activity));
                }
                for (activity, there) in greatest.iter().zip(there) {
                    let logit = logit(f64::from(*activity)).clamp(-LARGEST_LOGIT, LARGEST_LOGIT);
                    let bin = ((logit + LARGEST_LOGIT) * BINS_PER_UNIT).round() as usize;
                    bins[bin][usize::from(*there)] += 1;
                }
            }
        }
        Self { bins }
    }

    /// Without and with the class being there.
    fn totals(&self) -> [u64; 2] {
        [0, 1].map(|there| self.bins.iter().map(|bin| bin[there]).sum())
    }

    /// Mean negative log likelihood at a temperature.
    fn loss(&self, temperature: f64) -> f64 {
        let mut sum = 0.0;
        for (index, [absent, present]) in self.bins.iter().enumerate() {
            if absent + present > 0 {
                let logit = (index as f64 / BINS_PER_UNIT - LARGEST_LOGIT) / temperature;
                // ln sigmoid(x) without the rounding of 1 + exp(x) for large x.
                let log_of = |x: f64| x.min(0.0) - (-x.abs()).exp().ln_1p();
                debug_assert!((log_of(logit).exp() - sigmoid(logit)).abs() < 1e-9);
                sum -= *present as f64 * log_of(logit) + *absent as f64 * log_of(-logit);
            }
        }
        sum / self.totals().iter().sum::<u64>().max(1) as f64
    }
}

/// Where a function of one valley is least, by golden sections. The likelihood is convex in the inverse of the temperature,
/// so it has one valley.
fn minimise(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    for _ in 0..STEPS {
        let (a, b) = (high - golden * (high - low), low + golden * (high - low));
        if f(a) < f(b) {
            high = b;
        } else {
            low = a;
        }
    }
    f64::midpoint(low, high)
}
