//! The figures of a stage: how the search went, its learning curves, and what size brought.

use plotters::prelude::*;

use super::PageError;
use crate::report::chart::title;
use crate::report::picture::{Area, Drawn, Image, Pen, Picture, svg};
use crate::report::plot;
use crate::search::pruner::Curve;
use crate::search::state::TrialState;
use crate::search::{StageSpec, StageView, TrialView};

const SIZE: (u32, u32) = (520, 330);
/// Height of title, note and legend.
const HEAD: f64 = 76.0;
const BEST: RGBColor = RGBColor(190, 72, 60);
const OTHERS: RGBColor = RGBColor(186, 190, 198);
const COMPLETE: RGBColor = RGBColor(52, 101, 164);
/// The latest learning curves that are drawn: more would be one grey surface.
const CURVES: usize = 200;
/// The most dots of one kind: of more, every second, third ... one is drawn.
const DOTS: usize = 2000;
/// Scores worse than the middling one by more than so many times the distance of the best one are drawn at the edge.
const REACH: f64 = 2.0;

/// What is drawn, in the order in which it lies one above the other.
enum Layer {
    Line(Vec<(f64, f64)>, RGBColor, f64),
    Dots(Vec<(f64, f64)>, RGBColor),
}

struct Figure {
    title: String,
    note: String,
    legend: Vec<(&'static str, RGBColor)>,
    layers: Vec<Layer>,
}

/// The figures of a stage as SVG; none while no trial has a score.
pub(super) fn of(spec: &StageSpec, view: &StageView) -> Result<Vec<String>, PageError> {
    let figures = [search(spec, view), curves(spec, view), size(spec, view)];
    let failed = |error: String| PageError::Draw { stage: view.name.clone(), problem: error };
    figures.iter().flatten().map(|figure| svg(figure).map_err(failed)).collect()
}

/// The score that a trial has reached so far, as people know it.
fn reached(spec: &StageSpec, trial: &TrialView) -> Option<f64> {
    let curve = Curve::new(&trial.curve, spec.objective);
    let loss = match trial.scores {
        Some(scores) => spec.objective.loss(&scores),
        None => curve.best(curve.epoch()),
    };
    loss.filter(|loss| loss.is_finite()).map(|loss| loss * spec.objective.sign())
}

/// Scores over the epochs that were spent until then.
fn search(spec: &StageSpec, view: &StageView) -> Option<Figure> {
    let sign = spec.objective.sign();
    let (mut spent, mut best) = (0.0, f64::INFINITY);
    let (mut complete, mut pruned, mut line) = (Vec::new(), Vec::new(), Vec::new());
    for trial in view.trials.candidates() {
        spent += trial.curve.len() as f64;
        let Some(score) = reached(spec, trial) else { continue };
        match trial.state {
            TrialState::Complete => {
                complete.push((spent, score));
                if score * sign < best {
                    // It stays as it was until then.
                    line.extend(best.is_finite().then_some((spent, best * sign)));
                    best = score * sign;
                    line.push((spent, score));
                }
            }
            TrialState::Pruned => pruned.push((spent, score)),
            TrialState::Failed | TrialState::Pending | TrialState::Running => {}
        }
    }
    line.extend(best.is_finite().then_some((spent, best * sign)));
    let name = spec.objective.as_str();
    (complete.len() > 1).then(|| Figure {
        title: "How the search went".into(),
        note: format!("{name} over the epochs of all trials until then"),
        legend: vec![("complete", COMPLETE), ("pruned", OTHERS), ("best so far", BEST)],
        layers: vec![
            Layer::Dots(thinned(pruned), OTHERS),
            Layer::Dots(thinned(complete), COMPLETE),
            Layer::Line(line, BEST, 1.8),
        ],
    })
}

/// Scores of single trials over their epochs.
fn curves(spec: &StageSpec, view: &StageView) -> Option<Figure> {
    let sign = spec.objective.sign();
    let points = |trial: &TrialView| -> Vec<(f64, f64)> {
        let score = |point: &crate::search::snapshot::CurvePoint| {
            (f64::from(point.epoch), spec.objective.loss(&point.scores).map_or(f64::NAN, |loss| loss * sign))
        };
        trial.curve.iter().map(score).collect()
    };
    let trained: Vec<&TrialView> = view.trials.candidates().filter(|trial| trial.curve.len() > 1).collect();
    let first = trained.len().saturating_sub(CURVES);
    let mut layers: Vec<Layer> =
        trained[first..].iter().map(|trial| Layer::Line(points(trial), OTHERS, 1.0)).collect();
    let winner = view.winner.and_then(|id| view.trials.iter().find(|trial| trial.id == id));
    let loss =
        |trial: &&TrialView| trial.scores.and_then(|s| spec.objective.loss(&s)).unwrap_or(f64::INFINITY);
    let best = winner.or_else(|| view.trials.complete().min_by(|a, b| loss(a).total_cmp(&loss(b))));
    layers.extend(best.map(|best| Layer::Line(points(best), BEST, 1.8)));
    let name = spec.objective.as_str();
    (!trained.is_empty()).then(|| Figure {
        title: "Learning curves".into(),
        note: format!("{name} over epochs; of at most {CURVES} trials, the latest"),
        legend: best.map(|_| ("the best trial", BEST)).into_iter().collect(),
        layers,
    })
}

/// Scores of complete trials over their parameters, in millions.
fn size(spec: &StageSpec, view: &StageView) -> Option<Figure> {
    let point = |trial: &TrialView| Some((trial.cost.as_ref()?.params? / 1e6, reached(spec, trial)?));
    let points: Vec<(f64, f64)> = view.trials.complete().filter_map(point).collect();
    let differ = points.iter().any(|point| point.0 != points[0].0);
    differ.then(|| Figure {
        title: "What size brings".into(),
        note: format!("{} over millions of trainable parameters", spec.objective.as_str()),
        legend: vec![("complete", COMPLETE)],
        layers: vec![Layer::Dots(thinned(points), COMPLETE)],
    })
}

fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let step = points.len().div_ceil(DOTS).max(1);
    points.into_iter().step_by(step).collect()
}

impl Layer {
    fn points(&self) -> &[(f64, f64)] {
        match self {
            Self::Line(points, ..) | Self::Dots(points, _) => points,
        }
    }
}

impl Figure {
    /// Smallest and largest place on both axes, with a margin; scores far from the rest are left out.
    fn ranges(&self) -> [std::ops::Range<f64>; 2] {
        let all = || self.layers.iter().flat_map(Layer::points).filter(|point| point.1.is_finite());
        let (mut x, mut y): (Vec<f64>, Vec<f64>) = all().copied().unzip();
        x.sort_by(f64::total_cmp);
        y.sort_by(f64::total_cmp);
        let [x, y] = [x, y].map(|values| match values[..] {
            [] => (0.0, 1.0, 1.0),
            _ => (values[0], values[values.len() / 2], values[values.len() - 1]),
        });
        let range = |low: f64, high: f64| {
            let margin = if high > low { 0.03 * (high - low) } else { 0.5 };
            low - margin..high + margin
        };
        let (low, middle, high) = y;
        let high = if middle > low { high.min(middle + REACH * (middle - low)) } else { high };
        [range(x.0, x.2), range(low, high)]
    }
}

impl Picture for Figure {
    fn size(&self) -> (u32, u32) {
        SIZE
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>, pen: Pen) -> Drawn<DB, Vec<Image>> {
        area.fill(&WHITE)?;
        title(area, pen, &self.title, &self.note)?;
        plot::legend(area, pen, (14.0, 58.0), &self.legend)?;
        let [x, y] = self.ranges();
        let top = y.end;
        let chart = plot::axes(area, pen, [x, y], HEAD, 6)?;
        for layer in &self.layers {
            match layer {
                Layer::Line(points, color, width) => {
                    plot::line(&chart, points.iter().copied(), plot::stroke(*color, pen, *width))?;
                }
                Layer::Dots(points, color) => {
                    for (x, y) in points {
                        let dot = Circle::new((*x, y.min(top)), pen.px(2.5), color.filled());
                        chart.plotting_area().draw(&dot)?;
                    }
                }
            }
        }
        Ok(Vec::new())
    }
}
