//! A small chart for each class.

use plotters::prelude::*;

use super::WIDTH;
use crate::report::chart::{Chart, shortened};
use crate::report::picture::{Area, Drawn, INK, PALE, Pen};
use crate::report::plot;

/// Height of a row in points.
const ROW: f64 = 186.0;

/// Height of the charts of so many classes in a grid of `width` points.
pub(super) fn height(classes: usize, width: f64) -> f64 {
    ROW * classes.div_ceil(columns(width)) as f64
}

fn columns(width: f64) -> usize {
    if width < WIDTH { 4 } else { 6 }
}

/// Charts of 0..1 by 0..1, row after row: each class with a name, a note, and what `draw` puts into its axes.
pub(super) fn draw<'a, DB: DrawingBackend, T>(
    area: &Area<'a, DB>,
    pen: Pen,
    width: f64,
    classes: &[T],
    head: impl Fn(&T) -> (&str, String),
    draw: impl Fn(&Chart<'a, DB>, &T) -> Drawn<DB>,
) -> Drawn<DB> {
    let columns = columns(width);
    let side = width / columns as f64;
    for (index, class) in classes.iter().enumerate() {
        let (column, row) = (index % columns, index / columns);
        let corner = (pen.px(side * column as f64), pen.px(ROW * row as f64));
        let size = (pen.px(side).unsigned_abs(), pen.px(ROW).unsigned_abs());
        let cell = area.clone().shrink(corner, size);
        let (name, note) = head(class);
        let fits = (side / 7.0) as usize;
        let name = shortened(name).chars().take(fits).collect::<String>();
        cell.draw_text(&name, &pen.text(13.0, INK), (pen.px(14.0), pen.px(4.0)))?;
        cell.draw_text(&note, &pen.text(11.5, PALE), (pen.px(14.0), pen.px(20.0)))?;
        let chart = plot::axes(&cell, pen, [0.0..1.0, 0.0..1.0], 40.0, 3)?;
        draw(&chart, class)?;
    }
    Ok(())
}
