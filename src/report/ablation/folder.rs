//! A folder with everything that was found.

use std::fmt::Write;
use std::path::Path;

use super::figure::Page;
use super::tables::tables;
use crate::ablation::Findings;
use crate::fs;
use crate::report::evaluation::{Named, OutputError};
use crate::report::picture;
use crate::report::table::Style;

/// Writes `diagnostics.json`, the whole document; `diagnostics.md`, all of it for people; `diagnostics.svg`, the figure; and
/// each table as `NAME.md`, `NAME.csv` and `NAME.json`, a list of rows. Every file is either the old one or the whole new one;
/// other files in the folder stay.
///
/// # Errors
/// A file cannot be written.
pub fn write(folder: &Path, findings: &Findings) -> Result<(), OutputError> {
    fs::write_json(&folder.join("diagnostics.json"), findings)?;
    for Named { name, table, .. } in tables(findings) {
        let path = |ending: &str| folder.join(format!("{name}.{ending}"));
        fs::write_bytes(&path("md"), table.render(Style::Markdown).as_bytes())?;
        fs::write_bytes(&path("csv"), table.render(Style::Csv).as_bytes())?;
        fs::write_json(&path("json"), &table.to_objects())?;
    }
    fs::write_bytes(&folder.join("diagnostics.md"), document(findings).as_bytes())?;
    Ok(picture::write(&folder.join("diagnostics.svg"), &Page(findings))?)
}

/// All tables under their titles.
fn document(findings: &Findings) -> String {
    let mut text =
        format!("# Diagnostics of {}\n\n![SELD score of every row](diagnostics.svg)\n", findings.study);
    for Named { name, title, table, .. } in tables(findings) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n## {name}\n\n{title}.\n\n{}", table.render(Style::Markdown));
    }
    text
}
