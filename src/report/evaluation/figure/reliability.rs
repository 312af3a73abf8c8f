//! The reliability diagram of all classes with the histogram of their activities, and a small one for each class.

use plotters::prelude::*;

use super::{BLUE, GREY, HEAD, RED, WIDTH, grid};
use crate::report::chart::{Chart, title};
use crate::report::picture::{Area, Drawn, PALE, Pen};
use crate::report::plot;
use crate::train::evaluate::{Bin, Reliability};

const LEFT: f64 = 420.0;
const DIAGRAM: f64 = 430.0;
const HISTOGRAM: f64 = 190.0;

pub(super) fn height(found: &Reliability) -> f64 {
    let grid = HEAD + grid::height(found.classes.len(), WIDTH - LEFT);
    grid.max(HEAD + DIAGRAM + HISTOGRAM) + 8.0
}

pub(super) fn draw<DB: DrawingBackend>(area: &Area<DB>, pen: Pen, found: &Reliability) -> Drawn<DB> {
    let (left, right) = area.split_horizontally(pen.px(LEFT));
    let all = &found.all;
    let note = format!("how often it is so, by activity; ECE {:.4}, Brier {:.4}", all.ece, all.brier);
    title(&left, pen, "Reliability, all classes", &note)?;
    let (_, below) = left.split_vertically(pen.px(HEAD));
    let (diagram, below) = below.split_vertically(pen.px(DIAGRAM));
    let chart = plot::axes(&diagram, pen, [0.0..1.0, 0.0..1.0], 6.0, 6)?;
    curve(&chart, pen, &all.bins)?;
    let (histogram_area, _) = below.split_vertically(pen.px(HISTOGRAM));
    histogram(&histogram_area, pen, &all.bins)?;
    title(&right, pen, "By class", "a point below the diagonal: said too confidently")?;
    let (_, below) = right.split_vertically(pen.px(HEAD));
    grid::draw(
        &below,
        pen,
        WIDTH - LEFT,
        &found.classes,
        |class| {
            let calibration = &class.calibration;
            (
                &class.class,
                format!("ECE {:.4}, active {:.1} %", calibration.ece, 100.0 * calibration.observed),
            )
        },
        |chart, class| curve(chart, pen, &class.calibration.bins),
    )
}

/// The diagonal, and a point for each bin; larger where there are more cases.
fn curve<DB: DrawingBackend>(chart: &Chart<DB>, pen: Pen, bins: &[Bin]) -> Drawn<DB> {
    plot::line(chart, [(0.0, 0.0), (1.0, 1.0)], plot::stroke(GREY, pen, 1.0))?;
    let defined = || bins.iter().filter(|bin| bin.cases > 0);
    plot::line(chart, defined().map(|bin| (bin.predicted, bin.observed)), plot::stroke(BLUE, pen, 1.6))?;
    for bin in defined() {
        let points = 1.5 + 0.6 * (bin.cases as f64).log10();
        let circle = Circle::new((bin.predicted, bin.observed), pen.px(points), RED.filled());
        chart.plotting_area().draw(&circle)?;
    }
    Ok(())
}

/// On a logarithmic scale: most cases are silence.
fn histogram<DB: DrawingBackend>(area: &Area<DB>, pen: Pen, bins: &[Bin]) -> Drawn<DB> {
    let text = pen.text(12.5, PALE);
    area.draw_text("cases by activity, as powers of ten", &text, (pen.px(14.0), pen.px(6.0)))?;
    let power = |cases: u64| ((cases + 1) as f64).log10();
    let highest = bins.iter().map(|bin| power(bin.cases)).fold(1.0, f64::max);
    let chart = plot::axes(area, pen, [0.0..1.0, 0.0..1.05 * highest], 26.0, 5)?;
    for bin in bins {
        let corners = [(bin.low + 0.004, 0.0), (bin.high - 0.004, power(bin.cases))];
        chart.plotting_area().draw(&Rectangle::new(corners, GREY.filled()))?;
    }
    Ok(())
}
