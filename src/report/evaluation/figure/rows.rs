//! A row for each group, a column for each score.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::{AMBER, BLUE, GREEN, HEAD, PURPLE, WIDTH};
use crate::report::chart::{shortened, title};
use crate::report::picture::{Area, Drawn, FAINT, INK, PALE, Pen};
use crate::train::evaluate::{GroupScores, MotionScores};

const ROW: f64 = 27.0;
/// Above the rows, for the names of the columns.
const COLUMN_HEAD: f64 = 24.0;
const MARGIN: f64 = 14.0;

/// Height of a figure with so many groups.
pub(super) fn height(groups: usize) -> f64 {
    HEAD + COLUMN_HEAD + ROW * groups.max(1) as f64 + MARGIN
}

/// A score of every group.
struct Column {
    name: &'static str,
    color: RGBColor,
    values: Vec<f64>,
    /// The value of a bar of full length.
    most: f64,
    digits: usize,
}

/// Scores of the metric.
pub(super) fn groups<DB: DrawingBackend>(
    area: &Area<DB>,
    pen: Pen,
    name: &str,
    groups: &[GroupScores],
) -> Drawn<DB> {
    title(area, pen, name, "behind the name the events of the labels in single frames")?;
    let column = |name, color, of: fn(&GroupScores) -> f64| {
        let values: Vec<f64> = groups.iter().map(of).collect();
        Column { name, color, values, most: 1.0, digits: 3 }
    };
    let columns = [
        column("F (more is better)", BLUE, |group| group.values.f),
        column("LR (more is better)", GREEN, |group| group.values.lr),
        degrees(column("LE in degrees (less is better)", AMBER, |group| group.values.le)),
        stretched(column("SELD (less is better)", PURPLE, |group| group.values.seld)),
    ];
    let names: Vec<_> = groups.iter().map(|group| (group.group.as_str(), group.references)).collect();
    draw(area, pen, &names, &columns)
}

/// Scores of what is there.
pub(super) fn motion<DB: DrawingBackend>(area: &Area<DB>, pen: Pen, groups: &[MotionScores]) -> Drawn<DB> {
    let note = "of events of the labels in single frames, whose number stands behind the name";
    title(area, pen, "Static and moving events", note)?;
    let column = |name, color, of: fn(&MotionScores) -> f64| {
        let values: Vec<f64> = groups.iter().map(of).collect();
        Column { name, color, values, most: 1.0, digits: 3 }
    };
    let columns = [
        column("LR: class is said", GREEN, |group| group.lr),
        degrees(column("LE in degrees", AMBER, |group| group.le)),
        column("of these within the limit", BLUE, |group| group.within),
        column("of all within the limit", PURPLE, |group| group.recall),
    ];
    let names: Vec<_> = groups.iter().map(|group| (group.group, group.references)).collect();
    draw(area, pen, &names, &columns)
}

/// On a scale to the largest value.
fn stretched(column: Column) -> Column {
    let most = column.values.iter().copied().filter(|value| value.is_finite()).fold(1.0, f64::max);
    Column { most, ..column }
}

fn degrees(column: Column) -> Column {
    let most = column.values.iter().copied().filter(|value| value.is_finite()).fold(10.0, f64::max);
    Column { most, digits: 1, ..column }
}

fn draw<DB: DrawingBackend>(
    area: &Area<DB>,
    pen: Pen,
    names: &[(&str, u64)],
    columns: &[Column],
) -> Drawn<DB> {
    let widest = names.iter().map(|(name, _)| shortened(name).chars().count()).max().unwrap_or(0);
    let left = MARGIN + 78.0 + 7.0 * widest as f64;
    let width = (WIDTH - left - MARGIN) / columns.len() as f64;
    let (bar, numbers) = (width - 74.0, 8.0);
    for (row, (name, references)) in names.iter().enumerate() {
        let middle = pen.px(HEAD + COLUMN_HEAD + ROW * (row as f64 + 0.5));
        let style = pen.text_at(13.0, INK, HPos::Left);
        area.draw_text(&shortened(name), &style, (pen.px(MARGIN), middle))?;
        let style = pen.text_at(12.0, PALE, HPos::Right);
        area.draw_text(&references.to_string(), &style, (pen.px(left - 14.0), middle))?;
    }
    for (index, column) in columns.iter().enumerate() {
        let x = left + width * index as f64;
        let style = pen.text_at(12.5, INK, HPos::Left);
        area.draw_text(column.name, &style, (pen.px(x), pen.px(HEAD + 10.0)))?;
        for (row, &value) in column.values.iter().enumerate() {
            let top = HEAD + COLUMN_HEAD + ROW * row as f64;
            let rectangle = |from: f64, to: f64| {
                let corner = |x: f64, y: f64| (pen.px(x), pen.px(y));
                [corner(from, top + 5.0), corner(to, top + ROW - 5.0)]
            };
            area.draw(&Rectangle::new(rectangle(x, x + bar), FAINT.filled()))?;
            let share = (value / column.most).clamp(0.0, 1.0);
            if share > 0.0 {
                area.draw(&Rectangle::new(rectangle(x, x + bar * share), column.color.filled()))?;
            }
            let label = if value.is_finite() { format!("{value:.*}", column.digits) } else { "-".into() };
            let style = pen.text_at(12.0, INK, HPos::Left);
            let place = (pen.px(x + bar + numbers), pen.px(top + 0.5 * ROW));
            area.draw_text(&label, &style, place)?;
        }
    }
    Ok(())
}
