//! From activities and directions of tracks to events.
//!
//! All that is done to the network's activities is done here and in this order, for whoever asks: the temperature
//! (Guo et al., "On calibration of modern neural networks", arXiv 1706.04599), the threshold of the class, a median
//! filter and a least duration for every track and class, and the merging of tracks that say the same. [`Decoder`] does it
//! frame by frame; [`Prediction::decode`] gives it a whole recording.

mod decoder;
mod filter;
mod merge;
mod prediction;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use decoder::{Decoder, Detected};
pub use prediction::{FrameRow, Prediction};

/// Activity above which an event counts when nothing was calibrated.
pub const DEFAULT_THRESHOLD: f64 = 0.5;
/// Two tracks that say the same class closer than this, in degrees, mean one event.
pub const DEFAULT_MERGE_DEG: f64 = 30.0;
/// Most label frames that a median filter or a least duration may span: a minute.
pub const MOST_FRAMES: usize = 600;

/// How activities become events. Kept in thresholds.json, next to the class names it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoding {
    /// Activity above which an event of a class counts, by class name, in 0..1, after the temperature.
    pub thresholds: BTreeMap<String, f64>,
    /// Two tracks that say the same class closer than this, in degrees, mean one event; 0 merges nothing.
    pub merge_deg: f64,
    /// Logits are divided by it: above 1 where the network is surer than it is right.
    #[serde(default = "no_temperature")]
    pub temperature: f64,
    /// Length of the median filter over the activity of every track and class, in label frames, odd; 1 filters nothing.
    #[serde(default = "one_frame")]
    pub median_frames: usize,
    /// Events shorter than this, in label frames, are dropped; 1 drops nothing.
    #[serde(default = "one_frame")]
    pub min_frames: usize,
}

fn no_temperature() -> f64 {
    1.0
}

fn one_frame() -> usize {
    1
}

impl Decoding {
    /// One threshold for all classes, and nothing else done but merging.
    pub fn uniform(classes: &[String], threshold: f64) -> Self {
        let thresholds = classes.iter().map(|name| (name.clone(), threshold)).collect();
        Self { thresholds, merge_deg: DEFAULT_MERGE_DEG, temperature: 1.0, median_frames: 1, min_frames: 1 }
    }

    /// Thresholds in the order of `classes`; the default for a class that has none.
    pub fn by_class(&self, classes: &[String]) -> Vec<f32> {
        let of = |name| self.thresholds.get(name).copied().unwrap_or(DEFAULT_THRESHOLD) as f32;
        classes.iter().map(of).collect()
    }

    /// The same for classes in a fixed order.
    pub fn rules(&self, classes: &[String]) -> Rules {
        Rules {
            thresholds: self.by_class(classes),
            temperature: self.temperature,
            median_frames: self.median_frames,
            min_frames: self.min_frames,
            merge_deg: self.merge_deg,
        }
    }

    /// The first value that is out of its range, with its key and what was expected.
    pub fn problem(&self) -> Option<String> {
        let frames = 1..=MOST_FRAMES;
        if let Some((name, value)) = self.thresholds.iter().find(|(_, value)| !(0.0..=1.0).contains(*value)) {
            return Some(format!("thresholds.{name}: {value} is not in 0..1"));
        }
        if !(0.0..=180.0).contains(&self.merge_deg) {
            return Some(format!("merge_deg: {} is not in 0..180", self.merge_deg));
        }
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            return Some(format!("temperature: {} is not above 0", self.temperature));
        }
        if !frames.contains(&self.median_frames) || self.median_frames.is_multiple_of(2) {
            return Some(format!(
                "median_frames: {} is not an odd number up to {MOST_FRAMES}",
                self.median_frames
            ));
        }
        if !frames.contains(&self.min_frames) {
            return Some(format!("min_frames: {} is not in 1..{MOST_FRAMES}", self.min_frames));
        }
        None
    }
}

/// A [`Decoding`] for classes in a fixed order.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Activity above which a class counts, by class index, after the temperature.
    pub thresholds: Vec<f32>,
    /// See [`Decoding::temperature`].
    pub temperature: f64,
    /// See [`Decoding::median_frames`].
    pub median_frames: usize,
    /// See [`Decoding::min_frames`].
    pub min_frames: usize,
    /// See [`Decoding::merge_deg`].
    pub merge_deg: f64,
}

impl Rules {
    /// Thresholds and merging alone.
    pub fn plain(thresholds: Vec<f32>, merge_deg: f64) -> Self {
        Self { thresholds, temperature: 1.0, median_frames: 1, min_frames: 1, merge_deg }
    }

    /// Label frames that must be known after one before its events are decided.
    pub fn delay_frames(&self) -> usize {
        self.median_frames / 2 + self.min_frames - 1
    }

    /// The network's activity (0..1) after the temperature.
    pub fn calibrated(&self, activity: f64) -> f64 {
        if self.temperature == 1.0 { activity } else { sigmoid(logit(activity) / self.temperature) }
    }

    /// The thresholds before the temperature, for the network's activities as they are.
    fn thresholds_of_network(&self) -> Vec<f32> {
        let before = |&threshold: &f32| match self.temperature {
            1.0 => threshold,
            temperature => sigmoid(logit(f64::from(threshold)) * temperature) as f32,
        };
        self.thresholds.iter().map(before).collect()
    }
}

/// The log odds of a probability; infinite at 0 and 1.
pub fn logit(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

/// The probability of log odds.
pub fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}
