//! What becomes of events, as stacked bars: those of the labels at the left, those that are predicted at the right.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::{AMBER, BLUE, GREEN, GREY, HEAD, PURPLE, RED, WIDTH};
use crate::report::chart::{shortened, title};
use crate::report::picture::{Area, Drawn, FAINT, INK, PALE, Pen};
use crate::report::plot;
use crate::train::evaluate::{ClassErrors, ErrorBreakdown};

const ROW: f64 = 27.0;
const LEGEND: f64 = 26.0;
const MARGIN: f64 = 14.0;

pub(super) fn height(errors: &ErrorBreakdown) -> f64 {
    HEAD + LEGEND + ROW * (errors.classes.len() + 1) as f64 + MARGIN
}

/// One of the two halves.
struct Half {
    title: &'static str,
    note: &'static str,
    kinds: &'static [(&'static str, RGBColor)],
    /// Counts of each kind, in the order of `kinds`.
    counts: fn(&ClassErrors) -> Vec<u64>,
}

const REFERENCES: Half = Half {
    title: "Events of the labels",
    note: "share by what becomes of them; at the right their number in single frames",
    kinds: &[("hit", GREEN), ("wrong place", AMBER), ("wrong class", PURPLE), ("missed", GREY)],
    counts: |class| {
        let counts = &class.references;
        vec![counts.hit, counts.wrong_place, counts.wrong_class, counts.missed]
    },
};

const PREDICTIONS: Half = Half {
    title: "Events that are predicted",
    note: "share by what they are; at the right their number in single frames",
    kinds: &[
        ("hit", GREEN),
        ("wrong place", AMBER),
        ("wrong class", PURPLE),
        ("duplicate", BLUE),
        ("nothing there", RED),
    ],
    counts: |class| {
        let counts = &class.predictions;
        vec![counts.hit, counts.wrong_place, counts.wrong_class, counts.duplicate, counts.nothing]
    },
};

pub(super) fn draw<DB: DrawingBackend>(area: &Area<DB>, pen: Pen, errors: &ErrorBreakdown) -> Drawn<DB> {
    let rows: Vec<&ClassErrors> = [&errors.all].into_iter().chain(&errors.classes).collect();
    let widest = rows.iter().map(|row| shortened(&row.class).chars().count()).max().unwrap_or(0);
    let names = MARGIN + 7.0 * widest as f64 + 10.0;
    let width = (WIDTH - names) / 2.0;
    for (index, row) in rows.iter().enumerate() {
        let middle = HEAD + LEGEND + ROW * (index as f64 + 0.5);
        let style = pen.text_at(13.0, INK, HPos::Left);
        area.draw_text(&shortened(&row.class), &style, (pen.px(MARGIN), pen.px(middle)))?;
    }
    for (index, half) in [REFERENCES, PREDICTIONS].into_iter().enumerate() {
        let corner = (pen.px(names + width * index as f64), 0);
        let size = (pen.px(width).unsigned_abs(), area.dim_in_pixel().1);
        half.draw(&area.clone().shrink(corner, size), pen, width, &rows)?;
    }
    Ok(())
}

impl Half {
    fn draw<DB: DrawingBackend>(
        &self,
        area: &Area<DB>,
        pen: Pen,
        width: f64,
        rows: &[&ClassErrors],
    ) -> Drawn<DB> {
        title(area, pen, self.title, self.note)?;
        plot::legend(area, pen, (MARGIN, HEAD + 8.0), self.kinds)?;
        let bar = width - MARGIN - 84.0;
        for (index, row) in rows.iter().enumerate() {
            let top = HEAD + LEGEND + ROW * index as f64;
            let rectangle = |from: f64, to: f64| {
                let corner = |share: f64, y: f64| (pen.px(MARGIN + bar * share), pen.px(y));
                [corner(from, top + 4.0), corner(to, top + ROW - 4.0)]
            };
            area.draw(&Rectangle::new(rectangle(0.0, 1.0), FAINT.filled()))?;
            let counts = (self.counts)(row);
            let total: u64 = counts.iter().sum();
            let mut before = 0;
            for (count, (_, color)) in counts.into_iter().zip(self.kinds).filter(|(count, _)| *count > 0) {
                let share = |count: u64| count as f64 / total as f64;
                let corners = rectangle(share(before), share(before + count));
                area.draw(&Rectangle::new(corners, color.filled()))?;
                before += count;
            }
            let style = pen.text_at(12.0, PALE, HPos::Left);
            let place = (pen.px(MARGIN + bar + 10.0), pen.px(top + 0.5 * ROW));
            area.draw_text(&total.to_string(), &style, place)?;
        }
        Ok(())
    }
}
