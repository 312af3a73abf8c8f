//! The `--format` flag, and printing data on stdout.

use std::io::Write;

use crate::report::table::{Style, Table};

/// How data is printed on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// Comma-separated values with a header.
    Csv,
    /// A Markdown table.
    Markdown,
}

impl Format {
    /// Prints `document` as JSON, or `table` in the other formats.
    pub(crate) fn print<T: serde::Serialize>(self, document: &T, table: &Table) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        match self {
            Self::Json => {
                serde_json::to_writer_pretty(&mut out, document)?;
                writeln!(out)?;
            }
            Self::Table => write!(out, "{}", table.render(Style::Plain))?,
            Self::Csv => write!(out, "{}", table.render(Style::Csv))?,
            Self::Markdown => write!(out, "{}", table.render(Style::Markdown))?,
        }
        Ok(())
    }
}
