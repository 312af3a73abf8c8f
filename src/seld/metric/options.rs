//! Which metric, and its settings.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Coordinates;
use crate::seld::event::{FRAMES_PER_SECOND, FrameEvent};

/// A metric, named after the DCASE challenge whose evaluator it equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Segment-based detection, and frame-wise direction apart from it.
    Dcase2019,
    /// Segment-based joint scores, one event of a class at a time.
    Dcase2020,
    /// Segment-based joint scores, several events of a class at a time.
    Dcase2021,
    /// As 2021 with macro and micro averages, and full weight on matches that are too far off.
    Dcase2022,
    /// Scored as [`Metric::Dcase2022`]; only the official CSV reading differs.
    Dcase2023,
    /// Frame-based joint scores with distance errors.
    Dcase2024,
}

/// The text is no metric that is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no metric {name:?}; there are {}", Metric::ALL.map(Metric::name).join(", "))]
pub struct UnknownMetric {
    /// What was asked for.
    pub name: String,
}

impl Metric {
    /// All metrics that are there.
    pub const ALL: [Self; 6] = [
        Self::Dcase2019,
        Self::Dcase2020,
        Self::Dcase2021,
        Self::Dcase2022,
        Self::Dcase2023,
        Self::Dcase2024,
    ];

    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dcase2019 => "dcase2019",
            Self::Dcase2020 => "dcase2020",
            Self::Dcase2021 => "dcase2021",
            Self::Dcase2022 => "dcase2022",
            Self::Dcase2023 => "dcase2023",
            Self::Dcase2024 => "dcase2024",
        }
    }

    /// Whether it knows macro and micro averages; the older ones only pool. Those that do take the length of a
    /// recording from its labels.
    pub fn has_averages(self) -> bool {
        matches!(self, Self::Dcase2022 | Self::Dcase2023 | Self::Dcase2024)
    }

    /// Whether it scores distances, so that every event must have one.
    pub fn has_distances(self) -> bool {
        self == Self::Dcase2024
    }

    /// How many frames of a recording of `frames` label frames the official evaluator scores.
    ///
    /// Up to 2021 all of them. From 2022 on the largest frame index of the reference, taken as a count, so one
    /// too small. The official wrapper stops on an empty reference; here such a recording is scored whole, which
    /// is what the official metric classes do when they are called by hand.
    pub fn scored_frames(self, reference: &[FrameEvent], frames: usize) -> usize {
        let last = reference.iter().map(|event| event.frame as usize).max();
        if self.has_averages() { last.unwrap_or(frames) } else { frames }
    }
}

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(name: &str) -> Result<Self, UnknownMetric> {
        let known = Self::ALL.into_iter().find(|metric| metric.name() == name);
        known.ok_or_else(|| UnknownMetric { name: name.to_owned() })
    }
}

/// How scores of several classes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Average {
    /// The mean of the scores of all classes, absent ones included; the error rate stays global.
    #[default]
    Macro,
    /// The score of what was counted over all classes.
    Micro,
}

/// Which of the two evaluators of 2019.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// Directions as cells of the 10-degree grid, as the challenge was scored.
    #[default]
    Grid,
    /// True directions, at most one event of a class in a frame, recordings joined end to end: how the baseline
    /// validated.
    Regression,
}

/// Settings of the metrics. Each looks only at those that it has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Label frames in a second; a segment is one second (up to 2023). At least 1.
    pub frames_per_second: usize,
    /// Largest angle of a true positive in degrees, inclusive (from 2020 on).
    pub doa_threshold_deg: f64,
    /// Largest distance error of a true positive in metres, inclusive; none is no limit (2024).
    pub distance_threshold_m: Option<f64>,
    /// Largest distance error of a true positive relative to the true distance, inclusive; none is no limit (2024).
    pub relative_distance_threshold: Option<f64>,
    /// How angles are computed.
    pub coordinates: Coordinates,
    /// Which evaluator (2019).
    pub variant: Variant,
}

impl Options {
    /// The settings of the challenge of that year, at label frames of 100 ms.
    pub fn official(metric: Metric) -> Self {
        let coordinates = match metric {
            Metric::Dcase2024 => Coordinates::Cartesian,
            _ => Coordinates::Polar,
        };
        Self {
            frames_per_second: FRAMES_PER_SECOND,
            doa_threshold_deg: 20.0,
            distance_threshold_m: None,
            relative_distance_threshold: Some(1.0),
            coordinates,
            variant: Variant::Grid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_an_unknown_one_lists_them() {
        for metric in Metric::ALL {
            assert_eq!(metric.name().parse(), Ok(metric));
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
        }
        let error = "dcase2018".parse::<Metric>().unwrap_err().to_string();
        assert!(error.starts_with("no metric \"dcase2018\"; there are dcase2019, dcase2020, "), "{error}");
    }

    #[test]
    fn scored_length_is_one_short_from_2022_on() {
        let event = crate::seld::metric::testing::event;
        let reference = [event(40, 0, 0.0), event(12, 0, 0.0)];
        let scored = |reference: &[FrameEvent]| Metric::ALL.map(|m| m.scored_frames(reference, 60));
        assert_eq!(scored(&reference), [60, 60, 60, 40, 40, 40]);
        assert_eq!(scored(&[]), [60; 6]);
    }
}
