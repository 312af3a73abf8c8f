//! Which metric, and its settings.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::seld::doa::Direction;
use crate::seld::event::{FRAMES_PER_SECOND, FrameEvent};

/// A metric, named after the DCASE challenge whose evaluator it equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Segment-based joint scores with full weight on matches that are too far off.
    Dcase2022,
    /// Scored as [`Metric::Dcase2022`]; only the official CSV reading differs.
    Dcase2023,
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
    pub const ALL: [Self; 2] = [Self::Dcase2022, Self::Dcase2023];

    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dcase2022 => "dcase2022",
            Self::Dcase2023 => "dcase2023",
        }
    }

    /// How many frames of a recording the official evaluator scores.
    ///
    /// From 2022 on that is the largest frame index of the reference, taken as a count, so one too small. The
    /// official wrapper stops on an empty reference; here such a recording is scored as far as predictions go.
    pub fn scored_frames(self, reference: &[FrameEvent], prediction: &[FrameEvent]) -> usize {
        let last = |events: &[FrameEvent]| events.iter().map(|event| event.frame as usize).max();
        last(reference).or_else(|| last(prediction).map(|frame| frame + 1)).unwrap_or(0)
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

/// How the angle between two directions is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coordinates {
    /// By the spherical law of cosines.
    #[default]
    Polar,
    /// By the dot product of the vectors, each divided by its length as the official code does it.
    Cartesian,
}

/// Added to a squared length by the official code: two equal directions come out 8.1e-4 degrees apart.
const LENGTH_EPS: f64 = 1e-10;

impl Coordinates {
    /// The angle between two directions in [0, 180] degrees.
    pub fn angle_deg(self, a: Direction, b: Direction) -> f64 {
        match self {
            Self::Polar => a.angle_to(b),
            Self::Cartesian => {
                let [a, b] = [a, b].map(|direction| {
                    let vector = direction.to_vector();
                    let length = (vector.iter().map(|v| v * v).sum::<f64>() + LENGTH_EPS).sqrt();
                    vector.map(|v| v / length)
                });
                let cosine: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                cosine.clamp(-1.0, 1.0).acos().to_degrees()
            }
        }
    }
}

/// Settings shared by the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Label frames in a second; a segment is one second. At least 1.
    pub frames_per_second: usize,
    /// Largest angle of a true positive in degrees, inclusive.
    pub doa_threshold_deg: f64,
    /// How angles are computed.
    pub coordinates: Coordinates,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            frames_per_second: FRAMES_PER_SECOND,
            doa_threshold_deg: 20.0,
            coordinates: Coordinates::Polar,
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
        }
        let error = "dcase2018".parse::<Metric>().unwrap_err().to_string();
        assert_eq!(error, "no metric \"dcase2018\"; there are dcase2022, dcase2023");
    }

    #[test]
    fn equal_directions_are_apart_only_in_cartesian_form() {
        let direction = Direction { azimuth_deg: 30.0, elevation_deg: 40.0 };
        let cartesian = Coordinates::Cartesian.angle_deg(direction, direction);
        assert!((cartesian - 8.1e-4).abs() < 1e-5, "{cartesian}");
        assert!(Coordinates::Polar.angle_deg(direction, direction) < 2e-6);
    }
}
