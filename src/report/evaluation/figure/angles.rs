//! How far off directions are: a histogram, and the middle and the end of the angles of each class.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::{AMBER, BLUE, HEAD, RED, WIDTH};
use crate::report::chart::{number, place, shortened, title};
use crate::report::picture::{Area, Drawn, FAINT, INK, PALE, Pen};
use crate::report::plot;
use crate::train::evaluate::{Angles, HISTOGRAM_DEG};

const ROW: f64 = 26.0;
const LEFT: f64 = 560.0;

pub(super) fn height(angles: &Angles) -> f64 {
    (HEAD + 50.0 + ROW * angles.classes.len() as f64).max(430.0)
}

pub(super) fn draw<DB: DrawingBackend>(area: &Area<DB>, pen: Pen, angles: &Angles) -> Drawn<DB> {
    let (left, right) = area.split_horizontally(pen.px(LEFT));
    histogram(&left, pen, angles)?;
    classes(&right, pen, angles)
}

fn histogram<DB: DrawingBackend>(area: &Area<DB>, pen: Pen, angles: &Angles) -> Drawn<DB> {
    let all = &angles.all;
    let note = format!("% of {} directions by angle to the label in degrees, activity known", all.localized);
    title(area, pen, "Direction error", &note)?;
    let entries = [("median", INK), ("nine of ten", RED), ("limit of the metric", AMBER)];
    plot::legend(area, pen, (60.0, HEAD + 6.0), &entries)?;
    let total = all.localized.max(1) as f64;
    let share = |count: u64| 100.0 * count as f64 / total;
    let highest = angles.histogram.iter().map(|&count| share(count)).fold(1.0, f64::max);
    let chart = plot::axes(area, pen, [0.0..180.0, 0.0..1.08 * highest], HEAD + 24.0, 7)?;
    for (bar, &count) in angles.histogram.iter().enumerate() {
        let from = HISTOGRAM_DEG * bar as f64;
        let corners = [(from + 0.4, 0.0), (from + HISTOGRAM_DEG - 0.4, share(count))];
        chart.plotting_area().draw(&Rectangle::new(corners, BLUE.filled()))?;
    }
    plot::mark(&chart, angles.within_deg, plot::stroke(AMBER, pen, 1.5))?;
    for (value, color) in [(all.median, INK), (all.p90, RED)] {
        if value.is_finite() {
            plot::mark(&chart, value, plot::stroke(color, pen, 1.5))?;
        }
    }
    Ok(())
}

fn classes<DB: DrawingBackend>(area: &Area<DB>, pen: Pen, angles: &Angles) -> Drawn<DB> {
    title(
        area,
        pen,
        "By class",
        "degrees: bar from the median to nine of ten, dot at the mean; behind: % within",
    )?;
    let furthest = angles.classes.iter().map(|class| class.spread.p90).filter(|p90| p90.is_finite());
    let most = (1.05 * furthest.fold(30.0, f64::max)).min(180.0);
    let widest =
        angles.classes.iter().map(|class| shortened(&class.class).chars().count()).max().unwrap_or(0);
    let rows = angles.classes.len().max(1);
    let mut chart = ChartBuilder::on(area)
        .margin_top(pen.px(HEAD))
        .margin_right(pen.px(64.0))
        .margin_bottom(pen.px(4.0))
        .x_label_area_size(pen.px(24.0))
        .y_label_area_size(pen.px(22.0 + 6.8 * widest as f64))
        .build_cartesian_2d(0.0..most, 0.0..rows as f64)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_labels(6)
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .x_label_style(pen.text(12.0, INK))
        .x_label_formatter(&|x| number(*x))
        .draw()?;
    plot::mark(&chart, angles.within_deg.min(most), plot::stroke(AMBER, pen, 1.5))?;
    for (index, class) in angles.classes.iter().enumerate() {
        let (spread, middle) = (&class.spread, (rows - 1 - index) as f64 + 0.5);
        let (x, y) = place(area, &chart, (0.0, middle));
        let style = pen.text_at(13.0, INK, HPos::Right);
        area.draw_text(&shortened(&class.class), &style, (x - pen.px(8.0), y))?;
        let right = (pen.px(WIDTH - LEFT - 56.0), y);
        let style = pen.text_at(12.0, PALE, HPos::Left);
        if spread.localized == 0 {
            area.draw_text("-", &style, right)?;
            continue;
        }
        area.draw_text(&format!("{:.0} %", 100.0 * spread.within), &style, right)?;
        let corners = [(spread.median, middle - 0.22), (spread.p90.min(most), middle + 0.22)];
        let plane = chart.plotting_area();
        plane.draw(&Rectangle::new(corners, BLUE.mix(0.45).filled()))?;
        plot::line(
            &chart,
            [(spread.median, middle - 0.3), (spread.median, middle + 0.3)],
            plot::stroke(INK, pen, 2.0),
        )?;
        plane.draw(&Circle::new((spread.le.min(most), middle), pen.px(4.0), RED.filled()))?;
    }
    Ok(())
}
