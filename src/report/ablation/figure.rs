//! The SELD score of every row at each operating point, with intervals.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use crate::ablation::{Findings, Points, RowScores, Summary};
use crate::report::chart::{number, shortened, title};
use crate::report::picture::{Area, Drawn, FAINT, INK, Image, PALE, Pen, Picture};

const WIDTH: f64 = 980.0;
const HEAD: f64 = 78.0;
const ROW: f64 = 54.0;
const FOOT: f64 = 40.0;
/// Where the axis begins and ends.
const LEFT: f64 = 240.0;
const RIGHT: f64 = WIDTH - 30.0;

/// An operating point: its name, colour, and which scores it has.
type Point = (&'static str, RGBColor, fn(&Points) -> &Option<Summary>);

const POINTS: [Point; 3] = [
    ("threshold 0.5", RGBColor(226, 152, 46), |points| &points.plain),
    ("calibrated", RGBColor(52, 101, 164), |points| &points.calibrated),
    ("known activity", RGBColor(70, 150, 110), |points| &points.known_activity),
];

/// The figure as a picture.
pub(super) struct Page<'a>(pub(super) &'a Findings);

impl Picture for Page<'_> {
    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (HEAD + ROW * self.0.rows.len().max(1) as f64 + FOOT) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>, pen: Pen) -> Drawn<DB, Vec<Image>> {
        area.fill(&WHITE)?;
        let Findings { study, data, split, rows, .. } = self.0;
        let name = format!("SELD score of the winner of {study}, trained with and without");
        let note = format!("on {data}, split {split}; less is better; lines are 95 % intervals");
        title(area, pen, &name, &note)?;
        legend(area, pen)?;
        let axis = Axis::of(rows);
        axis.draw(area, pen, rows.len())?;
        for (index, row) in rows.iter().enumerate() {
            draw_row(area, pen, &axis, index, row)?;
        }
        Ok(Vec::new())
    }
}

fn legend<DB: DrawingBackend>(area: &Area<DB>, pen: Pen) -> Drawn<DB> {
    let mut x = 14.0;
    for (name, color, _) in POINTS {
        let y = 58.0;
        area.draw(&Circle::new((pen.px(x + 5.0), pen.px(y)), pen.px(4.5), color.filled()))?;
        area.draw_text(name, &pen.text_at(12.0, INK, HPos::Left), (pen.px(x + 15.0), pen.px(y + 1.0)))?;
        x += 34.0 + 6.6 * name.len() as f64;
    }
    Ok(())
}

fn draw_row<DB: DrawingBackend>(
    area: &Area<DB>,
    pen: Pen,
    axis: &Axis,
    index: usize,
    row: &RowScores,
) -> Drawn<DB> {
    let middle = HEAD + ROW * (index as f64 + 0.5);
    let style = pen.text_at(13.0, INK, HPos::Left);
    area.draw_text(&shortened(&row.row.row), &style, (pen.px(14.0), pen.px(middle - 7.0)))?;
    let (runs, failed) = (row.runs.len(), row.failed.len());
    let plural = if runs == 1 { "" } else { "s" };
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    let style = pen.text_at(11.5, PALE, HPos::Left);
    area.draw_text(&format!("{runs} run{plural}{failed}"), &style, (pen.px(14.0), pen.px(middle + 9.0)))?;
    for (place, (_, color, of)) in POINTS.iter().enumerate() {
        let y = pen.px(middle + 13.0 * (place as f64 - 1.0));
        let Some(summary) = of(&row.points) else { continue };
        if let Some([low, high]) = summary.interval.as_ref().map(|ends| ends.seld)
            && low.is_finite()
            && high.is_finite()
        {
            let ends = [(pen.px(axis.x(low)), y), (pen.px(axis.x(high)), y)];
            area.draw(&PathElement::new(ends, color.stroke_width(pen.px(2.0).unsigned_abs())))?;
        }
        if summary.mean.seld.is_finite() {
            let x = axis.x(summary.mean.seld);
            area.draw(&Circle::new((pen.px(x), y), pen.px(4.0), color.filled()))?;
        }
    }
    Ok(())
}

/// The scale of the scores.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// As far as scores and intervals reach, in whole tenths; intervals are cut far outside the range of scores.
    fn of(rows: &[RowScores]) -> Self {
        let summaries =
            || rows.iter().flat_map(|row| POINTS.iter().filter_map(|(_, _, of)| of(&row.points).as_ref()));
        let ends = summaries().filter_map(|s| s.interval.as_ref()).flat_map(|ends| ends.seld);
        let values = summaries().map(|s| s.mean.seld).chain(ends).filter(|value| value.is_finite());
        let (low, high) = values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return Self { low: 0.0, high: 1.0 };
        }
        let tenths = |value: f64, round: fn(f64) -> f64| round(value * 10.0) / 10.0;
        let low = tenths(low.clamp(0.0, 1.0), f64::floor);
        Self { low, high: tenths(high.clamp(low + 0.1, 1.5), f64::ceil) }
    }

    /// In points.
    fn x(&self, score: f64) -> f64 {
        let share = (score - self.low) / (self.high - self.low);
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>, pen: Pen, rows: usize) -> Drawn<DB> {
        let bottom = HEAD + ROW * rows.max(1) as f64;
        let steps = ((self.high - self.low) * 10.0).round() as i32;
        for step in 0..=steps {
            let score = self.low + f64::from(step) / 10.0;
            let x = pen.px(self.x(score));
            let line = [(x, pen.px(HEAD)), (x, pen.px(bottom))];
            area.draw(&PathElement::new(line, FAINT.stroke_width(1)))?;
            let style = pen.text_at(12.0, INK, HPos::Center);
            area.draw_text(&number(score), &style, (x, pen.px(bottom + 14.0)))?;
        }
        Ok(())
    }
}
