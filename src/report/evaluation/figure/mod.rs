//! The figures of an evaluation: one file a kind.

use plotters::prelude::*;

use crate::report::picture::{Area, Drawn, Image, Pen, Picture};
use crate::train::evaluate::{Angles, ErrorBreakdown, GroupScores, MotionScores, Reliability, Sweep};

mod angles;
mod errors;
mod grid;
mod reliability;
mod rows;
mod sweep;

const BLUE: RGBColor = RGBColor(52, 101, 164);
const AMBER: RGBColor = RGBColor(226, 152, 46);
const GREEN: RGBColor = RGBColor(70, 150, 110);
const RED: RGBColor = RGBColor(190, 72, 60);
const PURPLE: RGBColor = RGBColor(136, 100, 180);
const GREY: RGBColor = RGBColor(176, 181, 190);

/// Width of all figures in points.
const WIDTH: f64 = 1180.0;
/// Height of title and note.
const HEAD: f64 = 56.0;

/// What is drawn.
#[derive(Clone, Copy)]
pub(super) enum Figure<'a> {
    /// How far off directions are.
    Angles(&'a Angles),
    /// Scores of groups under a title.
    Groups(&'static str, &'a [GroupScores]),
    /// Static and moving events.
    Motion(&'a [MotionScores]),
    /// The reliability diagram.
    Reliability(&'a Reliability),
    /// Scores over thresholds.
    Sweep(&'a Sweep),
    /// What becomes of events.
    Errors(&'a ErrorBreakdown),
}

/// A figure as a picture.
pub(super) struct Page<'a>(pub(super) Figure<'a>);

impl Picture for Page<'_> {
    fn size(&self) -> (u32, u32) {
        let height = match self.0 {
            Figure::Angles(angles) => angles::height(angles),
            Figure::Groups(_, groups) => rows::height(groups.len()),
            Figure::Motion(groups) => rows::height(groups.len()),
            Figure::Reliability(found) => reliability::height(found),
            Figure::Sweep(sweep) => sweep::height(sweep),
            Figure::Errors(errors) => errors::height(errors),
        };
        (WIDTH as u32, height as u32)
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>, pen: Pen) -> Drawn<DB, Vec<Image>> {
        area.fill(&WHITE)?;
        match self.0 {
            Figure::Angles(angles) => angles::draw(area, pen, angles)?,
            Figure::Groups(title, groups) => rows::groups(area, pen, title, groups)?,
            Figure::Motion(groups) => rows::motion(area, pen, groups)?,
            Figure::Reliability(found) => reliability::draw(area, pen, found)?,
            Figure::Sweep(sweep) => sweep::draw(area, pen, sweep)?,
            Figure::Errors(errors) => errors::draw(area, pen, errors)?,
        }
        Ok(Vec::new())
    }
}
