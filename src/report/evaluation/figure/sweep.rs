//! Scores over the threshold: of all classes together, and of each.

use plotters::prelude::*;

use super::{AMBER, BLUE, GREEN, HEAD, PURPLE, RED, WIDTH, grid};
use crate::report::chart::{Chart, title};
use crate::report::picture::{Area, Drawn, INK, Pen};
use crate::report::plot;
use crate::train::evaluate::{Best, Curve, Point, Sweep};

const TOP: f64 = 320.0;

/// A score of a point.
type Score = fn(&Point) -> f64;
/// Name and colour of a line, and what it shows.
type Line = (&'static str, RGBColor, Score);

const FOUND: [Line; 3] = [
    ("F", BLUE, |point| point.values.f),
    ("precision", AMBER, |point| point.precision),
    ("recall", GREEN, |point| point.recall),
];

pub(super) fn height(sweep: &Sweep) -> f64 {
    TOP + HEAD + grid::height(sweep.classes.len(), WIDTH) + 8.0
}

pub(super) fn draw<DB: DrawingBackend>(area: &Area<DB>, pen: Pen, sweep: &Sweep) -> Drawn<DB> {
    let (top, bottom) = area.split_vertically(pen.px(TOP));
    let panels = top.split_evenly((1, 3));
    let all = &sweep.all;
    let with_lr = [FOUND[0], FOUND[1], FOUND[2], ("LR", RED, |point: &Point| point.values.lr)];
    panel(&panels[0], pen, ("Detection", &with_lr), all, 1.0, all.best_f)?;
    let errors: [Line; 2] =
        [("SELD", PURPLE, |point| point.values.seld), ("ER", RED, |point| point.values.er)];
    let highest = 1.5_f64.min(1.1 * greatest(all, &errors)).max(1.0);
    panel(&panels[1], pen, ("Error", &errors), all, highest, all.best_seld)?;
    let angle: [Line; 1] = [("LE in degrees", AMBER, |point| point.values.le)];
    panel(&panels[2], pen, ("Direction", &angle), all, (1.1 * greatest(all, &angle)).max(10.0), None)?;
    let note = "blue line: the best threshold for F; black line: the one in use";
    title(&bottom, pen, "F, precision and recall by class", note)?;
    plot::legend(&bottom, pen, (420.0, 36.0), &FOUND.map(|(name, color, _)| (name, color)))?;
    let (_, below) = bottom.split_vertically(pen.px(HEAD));
    grid::draw(
        &below,
        pen,
        WIDTH,
        &sweep.classes,
        |curve| {
            let best = curve.best_f.map(|best| format!("best F {:.3} at {:.2}", best.score, best.threshold));
            (&curve.class, best.unwrap_or_else(|| "never found".to_owned()))
        },
        |chart, curve| {
            lines(chart, pen, curve, &FOUND, 1.3)?;
            marks(chart, pen, curve.in_use, curve.best_f)
        },
    )
}

/// All classes together.
fn panel<DB: DrawingBackend>(
    area: &Area<DB>,
    pen: Pen,
    (name, what): (&str, &[Line]),
    curve: &Curve,
    highest: f64,
    best: Option<Best>,
) -> Drawn<DB> {
    let note = match best {
        Some(best) => {
            let (score, threshold) = (best.score, best.threshold);
            format!("all classes over the threshold; best {} {score:.3} at {threshold:.2}", what[0].0)
        }
        None => "all classes over the threshold".to_owned(),
    };
    title(area, pen, name, &note)?;
    let names: Vec<(&str, RGBColor)> = what.iter().map(|&(name, color, _)| (name, color)).collect();
    plot::legend(area, pen, (48.0, HEAD + 4.0), &names)?;
    let chart = plot::axes(area, pen, [0.0..1.0, 0.0..highest], HEAD + 20.0, 6)?;
    lines(&chart, pen, curve, what, 2.0)?;
    marks(&chart, pen, curve.in_use, best)
}

fn lines<DB: DrawingBackend>(
    chart: &Chart<DB>,
    pen: Pen,
    curve: &Curve,
    what: &[Line],
    points: f64,
) -> Drawn<DB> {
    for &(_, color, score) in what {
        let values = curve.points.iter().map(|point| (point.threshold, score(point)));
        plot::line(chart, values, plot::stroke(color, pen, points))?;
    }
    Ok(())
}

fn marks<DB: DrawingBackend>(
    chart: &Chart<DB>,
    pen: Pen,
    in_use: Option<f64>,
    best: Option<Best>,
) -> Drawn<DB> {
    if let Some(best) = best {
        plot::mark(chart, best.threshold, plot::stroke(BLUE, pen, 1.0))?;
    }
    if let Some(threshold) = in_use {
        plot::mark(chart, threshold, plot::stroke(INK, pen, 1.0))?;
    }
    Ok(())
}

fn greatest(curve: &Curve, what: &[Line]) -> f64 {
    let values = what.iter().flat_map(|&(_, _, score)| curve.points.iter().map(score));
    values.filter(|value| value.is_finite()).fold(0.0, f64::max)
}
