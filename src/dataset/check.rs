//! Everything that is wrong with a dataset, not only the first thing.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use super::error::Error;
use super::fold::Split;
use super::layout::starss;
use super::set::{Examined, RateCheck, examine};

/// What `data check` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
    /// Recordings, usable or not.
    pub recordings: usize,
    /// Of these, in the training split.
    pub train: usize,
    /// Of these, in the test split.
    pub test: usize,
    /// Length of all readable audio.
    pub seconds: f64,
    /// Samples per second of the first recording.
    pub sample_rate: Option<u32>,
    /// How often each class is labelled.
    pub classes: Vec<ClassCount>,
    /// All that was found, in the order of the recordings.
    pub problems: Vec<Problem>,
}

impl CheckReport {
    /// Whether training on the dataset would fail.
    pub fn breaks_training(&self) -> bool {
        self.problems.iter().any(|problem| problem.fatal)
    }
}

/// Label rows of one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// Its name.
    pub name: String,
    /// Rows, which are frames of single events.
    pub rows: usize,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file or folder.
    pub path: PathBuf,
    /// Line in it, from 1, where it is about one.
    pub line: Option<u64>,
    /// What is wrong.
    pub problem: String,
    /// Whether training would fail on it.
    pub fatal: bool,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        let weight = if self.fatal { "" } else { "warning: " };
        write!(f, "{}{line}: {weight}{}", self.path.display(), self.problem)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem = error.problem();
        Self { path: error.path().to_owned(), line: error.line(), problem, fatal: true }
    }
}

fn warning(path: &Path, problem: String) -> Problem {
    Problem { path: path.to_owned(), line: None, problem, fatal: false }
}

/// Reads a dataset whole, every sample and every label.
///
/// # Errors
/// The folder itself cannot be read. All else is in the report.
pub fn check(root: &Path) -> Result<CheckReport, Error> {
    let listing = starss::list(root)?;
    let mut problems: Vec<Problem> = listing.errors.into_iter().map(Problem::from).collect();
    let orphan = |path: &PathBuf| warning(path, "labels without a recording; they are not used".into());
    problems.extend(listing.orphans.iter().map(orphan));

    let class_count = listing.classes.len();
    // With an unusable list of classes every label would be out of range: that is one problem, not thousands.
    let limit = if class_count == 0 { usize::MAX } else { class_count };
    let examined: Vec<Examined> =
        listing.entries.into_par_iter().map(|entry| examine_whole(entry, limit)).collect();

    let mut rate = RateCheck::default();
    let mut rows = vec![0; class_count];
    let mut seconds = 0.0;
    let (mut train, mut test) = (0, 0);
    for Examined { recording, sample_rate, errors, late_rows } in examined {
        problems.extend(errors.into_iter().map(Problem::from));
        problems.extend(rate.check(&recording.audio, sample_rate).map(Problem::from));
        if late_rows > 0 {
            let text = format!(
                "{late_rows} rows after the end of the audio (frame {}); they are not used",
                recording.frames
            );
            problems.push(warning(&recording.labels, text));
        }
        for event in &recording.events {
            if let Some(count) = rows.get_mut(event.class as usize) {
                *count += 1;
            }
        }
        seconds += sample_rate.map_or(0.0, |rate| recording.samples as f64 / f64::from(rate));
        match recording.split {
            Split::Train => train += 1,
            Split::Test => test += 1,
        }
    }
    if train == 0 && test > 0 {
        let problem = format!("no recordings in {}/dev-train-SITE to train on", starss::AUDIO);
        problems.push(Problem { fatal: true, ..warning(root, problem) });
    } else if test == 0 && train > 0 {
        problems.push(warning(root, format!("no recordings in {}/dev-test-SITE to test on", starss::AUDIO)));
    }
    let name = |(name, rows)| ClassCount { name, rows };
    Ok(CheckReport {
        recordings: train + test,
        train,
        test,
        seconds,
        sample_rate: rate.first.map(|(rate, _)| rate),
        classes: listing.classes.into_iter().zip(rows).map(name).collect(),
        problems,
    })
}

fn examine_whole(entry: super::layout::Entry, classes: usize) -> Examined {
    let mut examined = examine(entry, classes);
    // With an unreadable header there is nothing to read behind it.
    if examined.sample_rate.is_some()
        && let Err(error) = examined.recording.verify()
    {
        examined.errors.insert(0, error);
    }
    examined
}
