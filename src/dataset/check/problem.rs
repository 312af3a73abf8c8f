//! One thing that is wrong with a dataset.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::audio::AudioProblem;
use crate::dataset::error::Error;
use crate::seld::csv::{CsvError, RowProblem};

/// What kind of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The tree: no recordings, folders of no split, two recordings of one name, a list of classes.
    Tree,
    /// A recording without labels.
    MissingLabels,
    /// Labels without a recording.
    MissingAudio,
    /// A file that cannot be read, or is of a kind that is not.
    Unreadable,
    /// No samples.
    Empty,
    /// Fewer samples than announced.
    Truncated,
    /// Not four channels.
    Channels,
    /// A sample that is no number.
    NotFinite,
    /// Samples cut off at full scale.
    Clipped,
    /// A channel, or all of them, without any sound.
    Silent,
    /// Channels that do not seem to be W, Y, Z, X.
    ChannelOrder,
    /// Another sample rate than the dataset's.
    SampleRate,
    /// A row of labels that cannot be read.
    Row,
    /// A class that is not in the list.
    Class,
    /// An angle outside its range.
    Angle,
    /// Labels after the end of the audio.
    Late,
    /// Rows that are there twice.
    Duplicate,
    /// A split that is empty.
    Split,
}

impl Kind {
    /// Its name in JSON and in counts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::MissingLabels => "missing-labels",
            Self::MissingAudio => "missing-audio",
            Self::Unreadable => "unreadable",
            Self::Empty => "empty",
            Self::Truncated => "truncated",
            Self::Channels => "channels",
            Self::NotFinite => "not-finite",
            Self::Clipped => "clipped",
            Self::Silent => "silent",
            Self::ChannelOrder => "channel-order",
            Self::SampleRate => "sample-rate",
            Self::Row => "row",
            Self::Class => "class",
            Self::Angle => "angle",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::Split => "split",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file or folder.
    pub path: PathBuf,
    /// Line in it, from 1, where it is about one.
    pub line: Option<u64>,
    /// What kind of thing it is.
    pub kind: Kind,
    /// What is wrong.
    pub problem: String,
    /// Whether training would fail on it.
    pub fatal: bool,
}

impl Problem {
    /// Something that training can live with.
    pub(super) fn warning(path: &Path, kind: Kind, problem: String) -> Self {
        Self { path: path.to_owned(), line: None, kind, problem, fatal: false }
    }
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
        let (problem, kind) = (error.problem(), kind_of(&error));
        Self { path: error.path().to_owned(), line: error.line(), kind, problem, fatal: true }
    }
}

fn kind_of(error: &Error) -> Kind {
    use crate::dataset::layout::tau2019::EventProblem;
    match error {
        Error::NoLabels { .. } => Kind::MissingLabels,
        Error::Channels { .. } => Kind::Channels,
        Error::Audio { problem, .. } => match problem {
            AudioProblem::Truncated { .. } | AudioProblem::Short { .. } => Kind::Truncated,
            AudioProblem::Empty => Kind::Empty,
            AudioProblem::NotFinite { .. } => Kind::NotFinite,
            _ => Kind::Unreadable,
        },
        Error::Labels(CsvError::Row { problem, .. }) => match problem {
            RowProblem::Class { .. } => Kind::Class,
            RowProblem::Range { column: "azimuth" | "elevation", .. } => Kind::Angle,
            _ => Kind::Row,
        },
        Error::Event { problem, .. } => match problem {
            EventProblem::Class { .. } => Kind::Class,
            EventProblem::Number { column: "azi" | "ele", .. } => Kind::Angle,
            _ => Kind::Row,
        },
        Error::File(_) | Error::Labels(CsvError::File(_)) => Kind::Unreadable,
        _ => Kind::Tree,
    }
}
