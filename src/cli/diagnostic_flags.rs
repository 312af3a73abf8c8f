//! The flags of `eval` that ask for more than scores.

use std::path::PathBuf;

use anyhow::anyhow;

use super::error::{CommandResult, input};
use crate::train::evaluate::{Asked, Grouping};

/// What is behind the scores. All of it comes from one prediction of each recording.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Diagnostics (docs/diagnostics.md explains them)")]
pub(crate) struct DiagnosticFlags {
    /// Take activity from the labels: scores the directions alone, and shows how far off they are
    #[arg(long)]
    pub(crate) oracle_activity: bool,
    /// Scores by class, polyphony (events at once), room, motion (static and moving events); several with commas
    #[arg(long, value_name = "GROUP", value_delimiter = ',')]
    by: Vec<Grouping>,
    /// Whether activities are probabilities: reliability curves, calibration error, Brier score
    #[arg(long)]
    reliability: bool,
    /// Scores at thresholds from 0.05 to 0.95, of all classes and of each, and the best ones
    #[arg(long)]
    sweep: bool,
    /// What becomes of every event (hit, wrong place, wrong class, missed), and where false alarms come from
    #[arg(long)]
    errors: bool,
    /// Write all tables as CSV and JSON and the figures as SVG into this folder too
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

impl DiagnosticFlags {
    /// Refuses what would fail after minutes of work.
    pub(crate) fn check(&self) -> CommandResult {
        match self.out.as_ref().filter(|out| out.exists() && !out.is_dir()) {
            Some(out) => Err(input(anyhow!("--out {} is a file: give a folder", out.display()))),
            None => Ok(()),
        }
    }

    /// What is asked.
    pub(crate) fn asked(&self) -> Asked {
        Asked {
            angles: self.oracle_activity,
            by: self.by.clone(),
            reliability: self.reliability,
            sweep: self.sweep,
            errors: self.errors,
        }
    }
}
