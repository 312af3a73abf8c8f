//! Scores at every threshold.

use rayon::prelude::*;
use serde::Serialize;

use super::groups::{GroupTally, Scoring, by_class};
use super::heard::Heard;
use crate::seld::metric::{Average, Detections, Tally, Values};

/// What scores would be at other thresholds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sweep {
    /// One threshold for all classes: the scores as they are averaged.
    pub all: Curve,
    /// Each class alone.
    pub classes: Vec<Curve>,
}

/// Scores over the threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// Name of the class, or "all".
    pub class: String,
    /// The threshold that was in use; none where classes have their own, or several of the model's count as one.
    pub in_use: Option<f64>,
    /// Where F is largest; none where it is 0 everywhere, or no event is there.
    pub best_f: Option<Best>,
    /// Where SELD is smallest; none where no event is there.
    pub best_seld: Option<Best>,
    /// From the lowest threshold to the highest.
    pub points: Vec<Point>,
}

/// A threshold that is better than all others. Of equals the one nearest to 0.5.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Best {
    /// The threshold.
    pub threshold: f64,
    /// The score there.
    pub score: f64,
}

/// Scores at a threshold; NaN, `null` in JSON, for a class without events.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// The threshold.
    pub threshold: f64,
    /// Scores of the metric.
    #[serde(flatten)]
    pub values: Values,
    /// Share of what is found that is right, in 0..1; NaN where nothing is found. Macro averages leave such classes out.
    pub precision: f64,
    /// Share of what is there that is found rightly, in 0..1.
    pub recall: f64,
}

/// Thresholds: 0.05, 0.1, ... 0.95.
fn thresholds() -> impl Iterator<Item = f64> {
    (1..20).map(|n| f64::from(n) / 20.0)
}

#[derive(Debug, Clone)]
struct At {
    threshold: f64,
    all: Tally,
    classes: Vec<GroupTally>,
}

#[derive(Debug, Clone)]
pub(super) struct SweepTally {
    scoring: Scoring,
    at: Vec<At>,
}

impl SweepTally {
    pub(super) fn new(scoring: Scoring) -> Self {
        let at = |threshold| At {
            threshold,
            all: Tally::new(scoring.metric, scoring.classes, scoring.options),
            classes: vec![GroupTally::new(scoring); scoring.classes],
        };
        Self { scoring, at: thresholds().map(at).collect() }
    }

    /// Thresholds are scored on all threads; their number changes nothing.
    pub(super) fn add(&mut self, heard: &Heard) {
        let (span, labels) = (self.scoring.span(heard), &heard.truth.events);
        let labels_of = by_class(labels, self.scoring.classes);
        let scored = self.scoring.metric.scored_frames(labels, heard.frames as usize);
        self.at.par_iter_mut().for_each(|at| {
            let events = (heard.events_at)(at.threshold);
            at.all.add_recording(labels, &events, scored);
            let events_of = by_class(&events, self.scoring.classes);
            for (tally, (labels, events)) in at.classes.iter_mut().zip(labels_of.iter().zip(&events_of)) {
                tally.add(labels, events, u64::from(span.end), span);
            }
        });
    }

    /// `in_use`: the threshold of each class.
    pub(super) fn finish(&self, names: &[String], in_use: &[Option<f64>]) -> Sweep {
        let common = in_use.first().copied().flatten();
        let all = Curve::new(
            "all".to_owned(),
            common.filter(|_| in_use.iter().all(|threshold| *threshold == common)),
            self.at.iter().map(|at| at.all_classes(self.scoring.average)).collect(),
        );
        let classes = names.iter().zip(in_use).enumerate().map(|(class, (name, in_use))| {
            Curve::new(name.clone(), *in_use, self.at.iter().map(|at| at.class(class)).collect())
        });
        Sweep { all, classes: classes.collect() }
    }
}

impl At {
    fn all_classes(&self, average: Average) -> Point {
        let scores = self.all.scores(average);
        let of_class = || self.classes.iter().map(|class| class.tally.detections());
        let (precision, recall) = if scores.classwise.is_empty() {
            let pooled = of_class().fold(Detections::default(), |sum, class| sum + class);
            (pooled.precision(), pooled.recall())
        } else {
            (
                mean_of_defined(of_class().map(Detections::precision)),
                mean_of_defined(of_class().map(Detections::recall)),
            )
        };
        Point { threshold: self.threshold, values: scores.overall, precision, recall }
    }

    fn class(&self, class: usize) -> Point {
        let tally = &self.classes[class];
        let found = tally.tally.detections();
        let (precision, recall) = (found.precision(), found.recall());
        Point { threshold: self.threshold, values: tally.values(), precision, recall }
    }
}

impl Curve {
    fn new(class: String, in_use: Option<f64>, points: Vec<Point>) -> Self {
        let best_f = best(&points, |values| values.f).filter(|best| best.score > 0.0);
        let best_seld = best(&points, |values| -values.seld);
        let best_seld = best_seld.map(|best| Best { score: -best.score, ..best });
        Self { class, in_use, best_f, best_seld, points }
    }
}

/// Where `score` is greatest.
fn best(points: &[Point], score: impl Fn(&Values) -> f64) -> Option<Best> {
    let mut best: Option<Best> = None;
    for point in points {
        let score = score(&point.values);
        let from_middle = |threshold: f64| (threshold - 0.5).abs();
        let is_better = best.is_none_or(|best| {
            let nearer = from_middle(point.threshold) < from_middle(best.threshold);
            score > best.score || (score == best.score && nearer)
        });
        if is_better && !score.is_nan() {
            best = Some(Best { threshold: point.threshold, score });
        }
    }
    best
}

fn mean_of_defined(values: impl Iterator<Item = f64>) -> f64 {
    let defined: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
    defined.iter().sum::<f64>() / defined.len() as f64
}

#[cfg(test)]
mod tests {
    use super::super::testing::{event, heard};
    use super::super::truth::Truth;
    use super::*;
    use crate::seld::event::FrameEvent;
    use crate::seld::metric::{Metric, Options};

    fn sweep(average: Average) -> Sweep {
        // Class 0 is there in the first second at 0.32 and is heard falsely at 0.12 in the next. Class 1 is sure.
        // Class 2 is never there and never heard.
        let labels: Vec<_> =
            (0..10).map(|f| event(f, 0, 0.0)).chain((20..31).map(|f| event(f, 1, 0.0))).collect();
        let heard_at = |threshold: f64| -> Vec<FrameEvent> {
            let rows = [(0.32, 0..10, 0), (0.12, 10..20, 0), (0.99, 20..30, 1)];
            let over = rows.into_iter().filter(|row| row.0 > threshold);
            over.flat_map(|(_, frames, class)| frames.map(move |f| event(f, class, 0.0))).collect()
        };
        let truth = Truth::new(&labels, 31, None);
        let metric = Metric::Dcase2023;
        let mut tally =
            SweepTally::new(Scoring { metric, options: Options::official(metric), average, classes: 3 });
        tally.add(&Heard { events_at: &heard_at, ..heard(&truth, &[], &[]) });
        tally.finish(&["a", "b", "c"].map(String::from), &[Some(0.3), Some(0.3), None])
    }

    #[test]
    fn the_best_threshold_finds_what_is_there_and_nothing_else() {
        let found = sweep(Average::Macro);
        let at = |curve: &Curve, n: usize| {
            (curve.points[n].threshold, curve.points[n].precision, curve.points[n].recall)
        };
        let [a, b, c] = &found.classes[..] else { panic!("three classes") };
        assert_eq!((at(a, 0), at(a, 2)), ((0.05, 0.5, 1.0), (0.15, 1.0, 1.0)));
        assert_eq!((a.points[6].recall, a.points[6].values.f), (0.0, 0.0));
        assert!(a.points[6].precision.is_nan());
        // From 0.15 to 0.3 all are as good.
        assert_eq!(a.best_f.map(|best| best.threshold), Some(0.3));
        assert!((a.best_f.unwrap().score - 1.0).abs() < 1e-9);
        assert_eq!(b.best_f.map(|best| best.threshold), Some(0.5));
        assert_eq!((c.best_f, c.best_seld), (None, None));
        assert_eq!((a.in_use, c.in_use, found.all.in_use), (Some(0.3), None, None));
        // The error rate of a class is its own.
        assert!((a.points[0].values.er - 1.0).abs() < 1e-9 && b.points[0].values.er.abs() < 1e-9);
        // Two of three classes have events: their recall is averaged, and so is F over all three.
        assert_eq!(at(&found.all, 0), (0.05, 0.75, 1.0));
        assert!((found.all.points[3].values.f - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(found.all.best_seld.map(|best| best.threshold), Some(0.3));
    }

    #[test]
    fn pooled_counts_are_shares_of_all_events() {
        let point = sweep(Average::Micro).all.points[0];
        assert_eq!((point.precision, point.recall), (2.0 / 3.0, 1.0));
    }
}
