//! A folder with everything that an evaluation found.

use std::path::Path;

use super::tables::{Named, tables};
use super::{figure, figures};
use crate::fs::{self, FileError};
use crate::report::picture::{self, PictureError};
use crate::report::table::{Style, Table};
use crate::train::evaluate::Evaluated;

/// Why the folder was not written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A figure cannot be drawn.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

/// Writes `evaluation.json`, the whole document; each table as `NAME.csv` and `NAME.json`, a list of rows; each figure
/// as `NAME.svg`. `scores` is the table of scores. Every file is either the old one or the whole new one; other files in
/// the folder stay.
///
/// # Errors
/// A file cannot be written.
pub fn write(folder: &Path, evaluated: &Evaluated, scores: &Table) -> Result<(), OutputError> {
    fs::write_json(&folder.join("evaluation.json"), evaluated)?;
    let scores = Named { name: "scores", title: String::new(), table: scores.clone(), shown: usize::MAX };
    for Named { name, table, .. } in std::iter::once(scores).chain(tables(evaluated)) {
        fs::write_bytes(&folder.join(format!("{name}.csv")), table.render(Style::Csv).as_bytes())?;
        fs::write_json(&folder.join(format!("{name}.json")), &table.to_objects())?;
    }
    for (name, figure) in figures(evaluated) {
        picture::write(&folder.join(format!("{name}.svg")), &figure::Page(figure))?;
    }
    Ok(())
}
