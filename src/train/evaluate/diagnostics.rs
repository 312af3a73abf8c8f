//! All that can be asked of a model beside its scores, counted in one pass.

use serde::Serialize;

use super::angles::{AngleTally, Angles};
use super::errors::{ErrorBreakdown, ErrorTally};
use super::groups::{GroupTallies, Grouping, Groups, Scoring};
use super::heard::Heard;
use super::reliability::{Reliability, ReliabilityTally};
use super::sweep::{Sweep, SweepTally};
use crate::seld::metric::{Average, Metric, Options};

/// What is asked. Nothing by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// Angles, of events whose activity is known from the labels.
    pub angles: bool,
    /// Scores by these groups.
    pub by: Vec<Grouping>,
    /// Whether activities are probabilities.
    pub reliability: bool,
    /// Scores at every threshold.
    pub sweep: bool,
    /// What becomes of every event.
    pub errors: bool,
}

/// The answers.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Findings {
    /// See [`Asked::angles`].
    #[serde(rename = "oracle_activity", skip_serializing_if = "Option::is_none")]
    pub angles: Option<Angles>,
    /// See [`Asked::by`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Groups>,
    /// See [`Asked::reliability`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reliability: Option<Reliability>,
    /// See [`Asked::sweep`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
    /// See [`Asked::errors`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<ErrorBreakdown>,
}

/// Counts of the recordings heard so far.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    classes: Vec<String>,
    angles: Option<AngleTally>,
    by: Option<GroupTallies>,
    reliability: Option<ReliabilityTally>,
    sweep: Option<SweepTally>,
    errors: Option<ErrorTally>,
}

impl Diagnostics {
    /// Nothing heard yet. `classes`: the names of those that count, by index.
    pub fn new(
        asked: &Asked,
        classes: &[String],
        metric: Metric,
        options: Options,
        average: Average,
    ) -> Self {
        let count = classes.len();
        let scoring = Scoring { metric, options, average, classes: count };
        Self {
            classes: classes.to_vec(),
            angles: asked.angles.then(|| AngleTally::new(count, options)),
            by: (!asked.by.is_empty()).then(|| GroupTallies::new(scoring, &asked.by)),
            reliability: asked.reliability.then(|| ReliabilityTally::new(count)),
            sweep: asked.sweep.then(|| SweepTally::new(scoring)),
            errors: asked.errors.then(|| ErrorTally::new(count, options)),
        }
    }

    /// Adds a recording.
    pub fn add(&mut self, heard: &Heard) {
        if let Some(angles) = &mut self.angles {
            angles.add(heard);
        }
        if let Some(by) = &mut self.by {
            by.add(heard);
        }
        if let Some(reliability) = &mut self.reliability {
            reliability.add(heard);
        }
        if let Some(sweep) = &mut self.sweep {
            sweep.add(heard);
        }
        if let Some(errors) = &mut self.errors {
            errors.add(heard);
        }
    }

    /// The answers. `in_use`: the threshold of each class, where there is one.
    pub fn findings(&self, in_use: &[Option<f64>]) -> Findings {
        Findings {
            angles: self.angles.as_ref().map(|angles| angles.finish(&self.classes)),
            by: self.by.as_ref().map(|by| by.finish(&self.classes)),
            reliability: self.reliability.as_ref().map(|counts| counts.finish(&self.classes)),
            sweep: self.sweep.as_ref().map(|sweep| sweep.finish(&self.classes, in_use)),
            errors: self.errors.as_ref().map(|errors| errors.finish(&self.classes)),
        }
    }
}
