//! One recording, its samples and its labels.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::CHANNELS;
use super::error::Error;
use super::labels::{LabelForm, frames_in};
use super::split::{Split, fold_of, room_of};
use crate::audio::{AudioFormat, resample_piece, resampled_length};
use crate::seld::event::FrameEvent;

/// One recording; samples and labels are read when they are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The files' stem; unique within a dataset.
    pub name: String,
    /// The wav or flac file, four channels W, Y, Z, X.
    pub audio: PathBuf,
    /// The label file.
    pub labels: PathBuf,
    /// What it may be used for.
    pub split: Split,
    /// Its fold where the name says so: 3 of `fold3_room4_mix001`.
    pub fold: Option<u32>,
    /// The room it was made in where the name says so: "room4" of `fold3_room4_mix001`.
    pub room: Option<String>,
    /// Samples a second that it is read at, in Hz: the dataset's.
    pub sample_rate: u32,
    /// Length in samples per channel at that rate.
    pub samples: u64,
    /// Length in label frames, the last one perhaps cut short.
    pub frames: u32,
    /// Label rows of each class, without those after the end of the audio.
    pub class_rows: Vec<u32>,
    /// How the file is stored, at its own rate.
    pub(super) format: AudioFormat,
    pub(super) label_form: LabelForm,
    pub(super) classes: Arc<[String]>,
    events: OnceLock<Vec<FrameEvent>>,
}

/// What is known of a recording before it has a place in a dataset.
pub(super) struct Parts {
    pub(super) entry: super::layout::Entry,
    pub(super) format: AudioFormat,
    pub(super) label_form: LabelForm,
    pub(super) classes: Arc<[String]>,
    pub(super) class_rows: Vec<u32>,
}

impl Recording {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { entry, format, label_form, classes, class_rows } = parts;
        let (fold, room) = (fold_of(&entry.name), room_of(&entry.name));
        Self {
            name: entry.name,
            audio: entry.audio,
            labels: entry.labels,
            split: entry.split,
            fold,
            room,
            sample_rate: format.sample_rate,
            samples: format.samples,
            frames: frames_in(format.samples, format.sample_rate),
            class_rows,
            format,
            label_form,
            classes,
            events: OnceLock::new(),
        }
    }

    /// For tests that need a name and a length only.
    #[cfg(test)]
    pub(crate) fn named(name: &str, samples: u64) -> Self {
        let storage = crate::audio::Storage::Wav { encoding: crate::audio::Encoding::Int16, data_start: 44 };
        Self::made_up(name, AudioFormat { channels: 4, sample_rate: 24_000, samples, storage })
    }

    /// For tests that hear it: a training recording without labels.
    #[cfg(test)]
    pub(crate) fn of_file(audio: &std::path::Path) -> Self {
        let format = AudioFormat::of(audio).expect("a recording that can be read");
        Self { audio: audio.to_owned(), ..Self::made_up("fold3_room1_mix001", format) }
    }

    #[cfg(test)]
    fn made_up(name: &str, format: AudioFormat) -> Self {
        let entry = super::layout::Entry {
            name: name.to_owned(),
            audio: format!("{name}.wav").into(),
            labels: format!("{name}.csv").into(),
            split: Split::Train,
        };
        let (label_form, classes) = (LabelForm::Frames, Arc::from([]));
        Self::new(Parts { entry, format, label_form, classes, class_rows: vec![] })
    }

    /// For tests of what is done with labels.
    #[cfg(test)]
    pub(crate) fn with_events(self, events: Vec<FrameEvent>) -> Self {
        let _ = self.events.set(events);
        self
    }

    /// Lets it be read at another sample rate than the file's own.
    pub(super) fn set_sample_rate(&mut self, sample_rate: u32) {
        self.sample_rate = sample_rate;
        self.samples = resampled_length(self.format.samples, self.format.sample_rate, sample_rate);
        self.frames = frames_in(self.samples, sample_rate);
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.format.samples as f64 / f64::from(self.format.sample_rate)
    }

    /// Samples a second of the file itself, in Hz.
    pub fn native_sample_rate(&self) -> u32 {
        self.format.sample_rate
    }

    /// `len` samples from `start_sample`, channel after channel: `[4 * len]`, zero after the end of the file.
    /// Integers come out in [-1, 1), floats as they are.
    ///
    /// # Errors
    /// The file cannot be read or is damaged; a sample is NaN or infinite.
    pub fn read(&self, start_sample: u64, len: usize) -> Result<Vec<f32>, Error> {
        let mut samples = vec![0.0; CHANNELS * len];
        self.read_into(start_sample, &mut samples)?;
        Ok(samples)
    }

    /// As [`Recording::read`], into `[4 * len]` samples that are there already. Of the file only what is asked for
    /// is read, whatever its length, and resampled to the dataset's rate where its own is another.
    ///
    /// # Errors
    /// As [`Recording::read`].
    pub fn read_into(&self, start_sample: u64, samples: &mut [f32]) -> Result<(), Error> {
        let rates = (self.format.sample_rate, self.sample_rate);
        resample_piece(rates, self.format.samples, start_sample, CHANNELS, samples, |start, out| {
            Ok(self.format.read(&self.audio, start, out)?)
        })
    }

    /// All samples of the omnidirectional channel W.
    ///
    /// # Errors
    /// As [`Recording::read`].
    pub fn read_channel0(&self) -> Result<Vec<f32>, Error> {
        /// Samples a channel that are read at a time: the other channels are thrown away.
        const BLOCK: usize = 1 << 16;
        let total = usize::try_from(self.samples).unwrap_or(usize::MAX);
        let mut w = Vec::with_capacity(total);
        let mut block = vec![0.0; CHANNELS * BLOCK.min(total)];
        while w.len() < total {
            let length = BLOCK.min(total - w.len());
            let block = &mut block[..CHANNELS * length];
            self.read_into(w.len() as u64, block)?;
            w.extend_from_slice(&block[..length]);
        }
        Ok(w)
    }

    /// The labels in the order of the file; rows after the end of the audio are left out. They are read when they
    /// are first asked for, and kept.
    ///
    /// # Errors
    /// The label file cannot be read or has mistakes: opening the dataset found none, so it has changed.
    pub fn events(&self) -> Result<&[FrameEvent], Error> {
        if self.events.get().is_none() {
            let events = self.read_events()?;
            let _ = self.events.set(events);
        }
        Ok(self.events.get().map_or(&[], Vec::as_slice))
    }

    /// As [`Recording::events`], but not kept: for one pass over many recordings.
    ///
    /// # Errors
    /// As [`Recording::events`].
    pub fn read_events(&self) -> Result<Vec<FrameEvent>, Error> {
        let (mut events, errors) = self.label_form.read(&self.labels, &self.classes);
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        events.retain(|event| event.frame < self.frames);
        Ok(events)
    }
}
