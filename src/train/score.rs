//! Predictions against labels.

use super::trial::ValidationScores;
use crate::dataset::{self, Recording};
use crate::model::decode::Prediction;
use crate::seld::event::FrameEvent;
use crate::seld::metric::{Average, Metric, Options, Scores, Tally};

/// The metric that validation uses.
pub const VALIDATION_METRIC: Metric = Metric::Dcase2023;

/// Scores of predicted events against labels, recording by recording as (labels, predictions), all pooled.
pub fn score<L: AsRef<[FrameEvent]>>(
    metric: Metric,
    average: Average,
    options: Options,
    classes: usize,
    pairs: impl IntoIterator<Item = (L, Vec<FrameEvent>)>,
) -> Scores {
    let mut tally = Tally::new(metric, classes, options);
    for (labels, predicted) in pairs {
        let frames = metric.scored_frames(labels.as_ref(), &predicted);
        tally.add_recording(labels.as_ref(), &predicted, frames);
    }
    tally.scores(average)
}

/// The validation scores of one side: dcase2023, macro, 20 degrees.
pub(super) fn validation<'a>(
    recordings: impl Iterator<Item = &'a Recording>,
    predictions: &[Prediction],
    thresholds: &[f32],
    merge_deg: f64,
) -> Result<Scores, dataset::Error> {
    let labels = recordings.map(Recording::events).collect::<Result<Vec<_>, _>>()?;
    let pairs = labels.into_iter().zip(predictions).map(|(l, p)| (l, p.events(thresholds, merge_deg)));
    Ok(score(VALIDATION_METRIC, Average::Macro, Options::default(), thresholds.len(), pairs))
}

impl From<&Scores> for ValidationScores {
    fn from(scores: &Scores) -> Self {
        let finite = |x: f64| x.is_finite().then_some(x);
        let all = &scores.overall;
        Self {
            seld: finite(all.seld),
            er20: finite(all.er),
            f20: finite(all.f),
            le_cd: finite(all.le),
            lr_cd: finite(all.lr),
        }
    }
}
