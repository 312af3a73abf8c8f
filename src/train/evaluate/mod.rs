//! A trained model on the recordings of a dataset: its scores, and what is behind them.
//!
//! [`evaluate`] predicts every recording once. All that is asked for is counted from that one prediction, recording by
//! recording, so that nothing but counts is kept: [`Scorer`](super::score::Scorer) for the scores, [`Diagnostics`] for
//! the rest. Predictions that come from elsewhere are given to [`Diagnostics`] as [`Heard`] in the same way.
//!
//! What each number means is in docs/diagnostics.md. Events are of classes that count: those of the class map, else the
//! model's. Errors, angles and reliability are counted frame by frame over whole recordings; groups and sweep are scored
//! by the metric, over the frames that it scores.

mod angles;
mod decoder;
mod diagnostics;
mod errors;
mod groups;
mod heard;
mod motion;
mod operating;
mod pairs;
mod reliability;
mod run;
mod sweep;
#[cfg(test)]
mod testing;
mod truth;

pub use angles::{Angles, ClassAngles, HISTOGRAM_DEG, Spread};
pub use diagnostics::{Asked, Diagnostics, Findings};
pub use errors::{ClassErrors, Confusion, ErrorBreakdown, PredictionCounts, ReferenceCounts};
pub use groups::{GroupScores, Grouping, Groups, UnknownGrouping};
pub use heard::Heard;
pub use motion::MotionScores;
pub use operating::{OperatingPoints, operating_points};
pub use reliability::{BINS, Bin, Calibration, ClassCalibration, Reliability};
pub use run::{Error, Evaluated, Evaluation, Thresholds, evaluate};
pub use sweep::{Best, Curve, Point, Sweep};
pub use truth::{Truth, room};
