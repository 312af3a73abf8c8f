//! What an evaluation found, as tables and as figures.

use crate::train::evaluate::{Evaluated, Findings};

mod figure;
mod folder;
mod tables;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use folder::{OutputError, write};
pub use tables::{Named, tables};

/// What can be drawn of an evaluation, by the name of its file.
fn figures(evaluated: &Evaluated) -> Vec<(&'static str, figure::Figure<'_>)> {
    let Findings { angles, by, reliability, sweep, errors } = &evaluated.findings;
    let mut figures = Vec::new();
    figures.extend(angles.as_ref().map(|angles| ("oracle_activity", figure::Figure::Angles(angles))));
    if let Some(by) = by {
        let groups = [
            ("by_class", "Scores by class", &by.class),
            ("by_polyphony", "Scores by number of events at once", &by.polyphony),
            ("by_room", "Scores by room", &by.room),
        ];
        for (name, title, groups) in groups {
            figures.extend(groups.as_ref().map(|groups| (name, figure::Figure::Groups(title, groups))));
        }
        figures.extend(by.motion.as_ref().map(|motion| ("by_motion", figure::Figure::Motion(motion))));
    }
    figures.extend(reliability.as_ref().map(|found| ("reliability", figure::Figure::Reliability(found))));
    figures.extend(sweep.as_ref().map(|sweep| ("sweep", figure::Figure::Sweep(sweep))));
    figures.extend(errors.as_ref().map(|errors| ("errors", figure::Figure::Errors(errors))));
    figures
}
