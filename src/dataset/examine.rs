//! What opening a dataset finds out about a recording: its header and its labels, from the files or from the index.

use std::sync::Arc;

use super::CHANNELS;
use super::error::Error;
use super::index::{Index, Known, Stamp};
use super::labels::{LabelForm, frames_in};
use super::layout::Entry;
use super::recording::{Parts, Recording};
use crate::audio::AudioFormat;
use crate::seld::event::FrameEvent;

/// What all recordings of a dataset share.
pub(super) struct Shared<'a> {
    pub(super) label_form: LabelForm,
    pub(super) classes: Arc<[String]>,
    pub(super) index: &'a Index,
}

/// A recording as the index keeps it.
pub(super) struct Examined {
    pub(super) recording: Recording,
    pub(super) known: Known,
    /// Whether the index has it already.
    pub(super) indexed: bool,
}

/// A recording with whatever is wrong with it.
pub(super) struct Findings {
    pub(super) entry: Entry,
    /// Where the header can be read.
    pub(super) format: Option<AudioFormat>,
    /// As far as they can be read, those after the end of the audio included.
    pub(super) events: Vec<FrameEvent>,
    pub(super) errors: Vec<Error>,
}

/// Header and labels, not caring for the index.
pub(super) fn findings(entry: Entry, label_form: LabelForm, classes: &[String]) -> Findings {
    let mut errors = Vec::new();
    let format = header(&entry).map_err(|error| errors.push(error)).ok();
    let mut events = Vec::new();
    if entry.labels.is_file() {
        let (rows, problems) = label_form.read(&entry.labels, classes);
        events = rows;
        errors.extend(problems);
    } else {
        errors.push(Error::NoLabels { audio: entry.audio.clone(), labels: entry.labels.clone() });
    }
    Findings { entry, format, events, errors }
}

fn header(entry: &Entry) -> Result<AudioFormat, Error> {
    let format = AudioFormat::of(&entry.audio)?;
    match usize::from(format.channels) == CHANNELS {
        true => Ok(format),
        false => Err(Error::Channels { path: entry.audio.clone(), got: format.channels }),
    }
}

/// A recording that training could use.
///
/// # Errors
/// The first thing that training would fail on.
pub(super) fn examine(entry: Entry, shared: &Shared) -> Result<Examined, Error> {
    let stamps = (Stamp::of(&entry.audio), Stamp::of(&entry.labels));
    if let (Ok(audio), Ok(labels)) = stamps
        && let Some(known) = shared.index.get(&entry.audio, audio, labels)
    {
        return Ok(shared.examined(entry, known.clone(), true));
    }
    let Findings { entry, format, events, errors } = findings(entry, shared.label_form, &shared.classes);
    if let Some(error) = errors.into_iter().next() {
        return Err(error);
    }
    // Without an error there is a header.
    let Some(format) = format else {
        return Err(Error::NoLabels { audio: entry.audio, labels: entry.labels });
    };
    let frames = frames_in(format.samples, format.sample_rate);
    let mut class_rows = vec![0; shared.classes.len()];
    for event in events.iter().filter(|event| event.frame < frames) {
        if let Some(rows) = class_rows.get_mut(event.class as usize) {
            *rows += 1;
        }
    }
    let known = Known::new(stamps.0?, stamps.1?, format, class_rows);
    Ok(shared.examined(entry, known, false))
}

impl Shared<'_> {
    fn examined(&self, entry: Entry, known: Known, indexed: bool) -> Examined {
        let parts = Parts {
            entry,
            format: known.format,
            label_form: self.label_form,
            classes: Arc::clone(&self.classes),
            class_rows: known.class_rows.clone(),
        };
        Examined { recording: Recording::new(parts), known, indexed }
    }
}
