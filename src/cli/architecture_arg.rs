//! Architecture documents that people name on the command line.

use std::path::Path;

use anyhow::anyhow;

use super::error::input;
use crate::model::arch::Architecture;
use crate::model::saved;

/// Reads an architecture.
///
/// # Errors
/// The file cannot be read, or what it says is no valid architecture.
pub(crate) fn read(path: &Path) -> anyhow::Result<Architecture> {
    let document: serde_json::Value = saved::read_json(path).map_err(input)?;
    let architecture = Architecture::from_value(document)
        .map_err(|problem| input(anyhow!("{}: {problem}", path.display())))?;
    let problems: Vec<String> = architecture.validate().iter().map(ToString::to_string).collect();
    match problems.is_empty() {
        true => Ok(architecture),
        false => Err(input(anyhow!("{}: {}", path.display(), problems.join("; ")))),
    }
}
