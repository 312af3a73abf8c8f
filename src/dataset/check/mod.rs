//! Everything that is wrong with a dataset, not only the first thing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use serde::Serialize;

use super::error::Error;
use super::examine::{Findings, findings};
use super::labels::{LabelForm, frames_in};
use super::layout::{self, Entry, Layout};
use super::set::common_sample_rate;
use super::split::Split;
use crate::audio::{AudioFormat, StreamError};
use crate::seld::event::FrameEvent;

mod audio;
mod order;
mod problem;
mod rows;

use order::{Agreement, Suspicion};
pub use problem::{Kind, Problem};

/// What `data check` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
    /// The layout that it was read in.
    pub layout: Layout,
    /// Recordings, usable or not.
    pub recordings: usize,
    /// Of these, in each split that has any.
    pub splits: BTreeMap<Split, usize>,
    /// Length of all readable audio.
    pub seconds: f64,
    /// Samples per second that most recordings have, in Hz.
    pub sample_rate: Option<u32>,
    /// How often each class is labelled.
    pub classes: Vec<ClassCount>,
    /// How many problems there are of each kind.
    pub counts: BTreeMap<Kind, usize>,
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

/// Reads a dataset whole, every sample and every label, file by file in as many threads as rayon's pool has. `done`
/// is called after every recording with how many are done, of how many.
///
/// # Errors
/// The folder itself cannot be read. All else is in the report.
pub fn check(
    root: &Path,
    layout: Option<Layout>,
    done: &(dyn Fn(usize, usize) + Sync),
) -> Result<CheckReport, Error> {
    let listing = layout::list(root, layout)?;
    let mut problems: Vec<Problem> = listing.errors.into_iter().map(Problem::from).collect();
    let orphan = |path: &PathBuf| {
        let text = "labels without a recording; they are not used".into();
        Problem::warning(path, Kind::MissingAudio, text)
    };
    problems.extend(listing.orphans.iter().map(orphan));

    let classes: Arc<[String]> = Arc::from(listing.classes);
    let (total, count) = (listing.entries.len(), AtomicUsize::new(0));
    let checked: Vec<Checked> = listing
        .entries
        .into_par_iter()
        .map(|entry| {
            let checked = check_one(entry, listing.label_form, &classes);
            done(count.fetch_add(1, Ordering::Relaxed) + 1, total);
            checked
        })
        .collect();
    let rates = || checked.iter().filter_map(|one| one.format.map(|format| format.sample_rate));
    let sample_rate = rates().next().map(|_| common_sample_rate(rates()));
    let mut rows = vec![0; classes.len()];
    let (mut seconds, mut splits, mut agreement) = (0.0, BTreeMap::new(), Agreement::default());
    for one in checked {
        *splits.entry(one.split).or_default() += 1;
        rows.iter_mut().zip(&one.class_rows).for_each(|(sum, rows)| *sum += rows);
        agreement.merge(&one.agreement);
        problems.extend(one.problems);
        if let Some(format) = one.format {
            seconds += format.samples as f64 / f64::from(format.sample_rate);
            problems.extend(other_rate(&one.audio, format.sample_rate, sample_rate));
        }
    }
    problems.extend(empty_splits(root, &splits));
    if let Some(order) = agreement.better_order() {
        let text =
            format!("by the labels the channels seem to be W {order} where W Y Z X (ACN order) is expected");
        problems.push(Problem::warning(root, Kind::ChannelOrder, text));
    }
    let mut counts = BTreeMap::new();
    problems.iter().for_each(|problem| *counts.entry(problem.kind).or_default() += 1);
    let name = |(name, rows): (&String, usize)| ClassCount { name: name.clone(), rows };
    Ok(CheckReport {
        layout: listing.layout,
        recordings: total,
        splits,
        seconds,
        sample_rate,
        classes: classes.iter().zip(rows).map(name).collect(),
        counts,
        problems,
    })
}

fn other_rate(audio: &Path, rate: u32, usual: Option<u32>) -> Option<Problem> {
    let usual = usual.filter(|usual| *usual != rate)?;
    let text =
        format!("sample rate {rate} Hz where most recordings have {usual} Hz; it is resampled when read");
    Some(Problem::warning(audio, Kind::SampleRate, text))
}

fn empty_splits(root: &Path, splits: &BTreeMap<Split, usize>) -> Option<Problem> {
    let lacks = |split| !splits.contains_key(&split);
    match () {
        () if splits.is_empty() => None,
        () if lacks(Split::Train) => {
            let text = "no recordings to train on (in foa_dev/dev-train-SITE)".into();
            Some(Problem { fatal: true, ..Problem::warning(root, Kind::Split, text) })
        }
        () if lacks(Split::Test) => {
            let text = "no recordings to test on (in foa_dev/dev-test-SITE)".into();
            Some(Problem::warning(root, Kind::Split, text))
        }
        () => None,
    }
}

/// What was found out about a recording.
struct Checked {
    audio: PathBuf,
    split: Split,
    format: Option<AudioFormat>,
    class_rows: Vec<usize>,
    problems: Vec<Problem>,
    agreement: Agreement,
}

fn check_one(entry: Entry, label_form: LabelForm, classes: &[String]) -> Checked {
    let Findings { entry, format, mut events, errors } = findings(entry, label_form, classes);
    let mut problems: Vec<Problem> = errors.into_iter().map(Problem::from).collect();
    if let Some(format) = &format {
        let frames = frames_in(format.samples, format.sample_rate);
        problems.extend(rows::late(&entry.labels, &mut events, frames));
    }
    problems.extend(rows::duplicates(&entry.labels, &events));
    problems.extend(rows::angles(&entry.labels, &events));
    let mut class_rows = vec![0; classes.len()];
    for event in &events {
        if let Some(rows) = class_rows.get_mut(event.class as usize) {
            *rows += 1;
        }
    }
    let mut agreement = Agreement::default();
    if let Some(format) = &format {
        match audio_problems(&entry.audio, format, &events) {
            Ok((found, agrees)) => {
                problems.extend(found);
                agreement = agrees;
            }
            // A file that breaks off is told before what its labels say.
            Err(error) => problems.insert(0, Error::from(error).into()),
        }
    }
    Checked { audio: entry.audio, split: entry.split, format, class_rows, problems, agreement }
}

/// What the samples tell.
fn audio_problems(
    path: &Path,
    format: &AudioFormat,
    events: &[FrameEvent],
) -> Result<(Vec<Problem>, Agreement), StreamError> {
    const NAMES: [&str; 4] = ["W", "Y", "Z", "X"];
    let scan = audio::scan(path, format)?;
    let mut problems = Vec::new();
    let mut warn = |kind, text| problems.push(Problem::warning(path, kind, text));
    let silent: Vec<&str> = (0..4).filter(|&k| scan.peaks[k] == 0.0).map(|k| NAMES[k]).collect();
    match silent.len() {
        0 => {}
        4 => warn(Kind::Silent, "all channels are silent".into()),
        1 => warn(Kind::Silent, format!("channel {} is silent", silent[0])),
        _ => warn(Kind::Silent, format!("channels {} are silent", silent.join(", "))),
    }
    for (name, clipped) in NAMES.iter().zip(scan.clipped) {
        if clipped > 0 {
            warn(
                Kind::Clipped,
                format!("channel {name} is clipped: {clipped} samples in runs at full scale"),
            );
        }
    }
    match scan.energies.suspicion() {
        _ if !silent.is_empty() => {}
        None => {}
        Some(Suspicion::OtherIsW(channel)) => warn(
            Kind::ChannelOrder,
            format!("channel {} looks like the omnidirectional W, which must be the first", channel + 1),
        ),
        Some(Suspicion::Microphones) => warn(
            Kind::ChannelOrder,
            "the channels look like those of four microphones (MIC format), not like Ambisonics".into(),
        ),
    }
    Ok((problems, scan.energies.agreement(events)))
}
