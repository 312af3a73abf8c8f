//! Axes, lines and legends.

use std::ops::Range;

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use crate::report::chart::{Chart, number};
use crate::report::picture::{Area, Drawn, FAINT, INK, Pen};

/// Two axes of numbers, with `top` points left free above them.
pub(super) fn axes<'a, DB: DrawingBackend>(
    area: &Area<'a, DB>,
    pen: Pen,
    [x, y]: [Range<f64>; 2],
    top: f64,
    labels: usize,
) -> Drawn<DB, Chart<'a, DB>> {
    let mut chart = ChartBuilder::on(area)
        .margin_top(pen.px(top))
        .margin_right(pen.px(16.0))
        .margin_bottom(pen.px(4.0))
        .x_label_area_size(pen.px(24.0))
        .y_label_area_size(pen.px(44.0))
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .x_labels(labels)
        .y_labels(labels)
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .label_style(pen.text(12.0, INK))
        .x_label_formatter(&|x| number(*x))
        .y_label_formatter(&|y| number(*y))
        .draw()?;
    Ok(chart)
}

/// A line through points; it is broken where one is undefined, and stays within the axes.
pub(super) fn line<DB: DrawingBackend>(
    chart: &Chart<DB>,
    points: impl IntoIterator<Item = (f64, f64)>,
    style: ShapeStyle,
) -> Drawn<DB> {
    let top = chart.y_range().end;
    let points: Vec<(f64, f64)> = points.into_iter().map(|(x, y)| (x, y.clamp(f64::MIN, top))).collect();
    for piece in points.split(|point| !point.1.is_finite()).filter(|piece| !piece.is_empty()) {
        match piece {
            &[alone] => {
                chart.plotting_area().draw(&Circle::new(alone, style.stroke_width + 1, style.filled()))?
            }
            _ => chart.plotting_area().draw(&PathElement::new(piece.to_vec(), style))?,
        }
    }
    Ok(())
}

/// A vertical line over the whole height.
pub(super) fn mark<DB: DrawingBackend>(chart: &Chart<DB>, x: f64, style: ShapeStyle) -> Drawn<DB> {
    let y = chart.y_range();
    chart.plotting_area().draw(&PathElement::new([(x, y.start), (x, y.end)], style))
}

/// Names and their colours, one after the other from a place in points.
pub(super) fn legend<DB: DrawingBackend>(
    area: &Area<DB>,
    pen: Pen,
    (x, y): (f64, f64),
    entries: &[(&str, RGBColor)],
) -> Drawn<DB> {
    let (mut x, y) = (pen.px(x), pen.px(y));
    for (name, color) in entries {
        let square = [(x, y - pen.px(5.0)), (x + pen.px(10.0), y + pen.px(5.0))];
        area.draw(&Rectangle::new(square, color.filled()))?;
        x += pen.px(15.0);
        let style = pen.text_at(12.0, INK, HPos::Left);
        area.draw_text(name, &style, (x, y + pen.px(1.0)))?;
        // By the length of the word, as the viewer's font is not known.
        x += pen.px(16.0 + 6.4 * name.chars().count() as f64);
    }
    Ok(())
}

/// The style of a line so many points wide.
pub(super) fn stroke(color: RGBColor, pen: Pen, points: f64) -> ShapeStyle {
    color.stroke_width(pen.px(points).unsigned_abs().max(1))
}
