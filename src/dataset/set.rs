//! A dataset as training sees it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::error::Error;
use super::examine::{Examined, Shared, examine};
use super::fingerprint;
use super::index::{Index, Known};
use super::layout::{self, Layout};
use super::recording::Recording;
use super::split::{Selection, Split, holdout};

/// Labelled recordings with one sample rate and one list of classes.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Its folder.
    pub root: PathBuf,
    /// Its layout.
    pub layout: Layout,
    /// Class names by index.
    pub classes: Vec<String>,
    /// Samples per second that recordings are read at, in Hz.
    pub sample_rate: u32,
    /// All recordings, sorted by name.
    pub recordings: Vec<Recording>,
    /// One a recording.
    known: Vec<Known>,
    cache: Option<PathBuf>,
    fingerprint: OnceLock<String>,
}

/// How to open a dataset.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// The layout, where it is not to be detected.
    pub layout: Option<Layout>,
    /// The folder that keeps what was found out about datasets, in `datasets/`; without it all is found out anew.
    pub cache: Option<PathBuf>,
}

impl OpenOptions {
    /// With this cache folder.
    pub fn cached(cache: impl Into<PathBuf>) -> Self {
        Self { layout: None, cache: Some(cache.into()) }
    }

    /// Opens a dataset: reads the headers and labels of what is new or was changed since it was last opened with
    /// this cache folder, and checks them. Samples are not looked at; `data check` does that.
    ///
    /// # Errors
    /// The first problem that would break training.
    pub fn open(self, root: &Path) -> Result<Dataset, Error> {
        let listing = layout::list(root, self.layout)?;
        if let Some(error) = listing.errors.into_iter().next() {
            return Err(error);
        }
        let (layout, classes) = (listing.layout, listing.classes);
        let mut index = Index::read(self.cache.as_deref(), root, layout, &classes);
        let shared =
            Shared { label_form: listing.label_form, classes: Arc::from(classes.as_slice()), index: &index };
        // In order, so that of several errors always the same one is told.
        let examined: Vec<Result<Examined, Error>> =
            listing.entries.into_par_iter().map(|entry| examine(entry, &shared)).collect();
        let mut recordings = Vec::with_capacity(examined.len());
        let mut known = Vec::with_capacity(examined.len());
        let mut news = false;
        for examined in examined {
            let examined = examined?;
            news |= !examined.indexed;
            recordings.push(examined.recording);
            known.push(examined.known);
        }
        if news {
            index.write(recordings.iter().map(|recording: &Recording| recording.audio.as_path()).zip(&known));
        }
        let sample_rate = common_sample_rate(recordings.iter().map(Recording::native_sample_rate));
        let fingerprint = OnceLock::new();
        let root = root.to_owned();
        let mut dataset =
            Dataset { root, layout, classes, sample_rate, recordings, known, cache: self.cache, fingerprint };
        dataset.set_sample_rate(sample_rate);
        Ok(dataset)
    }
}

/// The rate that most recordings have; of several the higher.
pub(super) fn common_sample_rate(rates: impl Iterator<Item = u32>) -> u32 {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    rates.for_each(|rate| *counts.entry(rate).or_default() += 1);
    counts.into_iter().max_by_key(|&(rate, count)| (count, rate)).map_or(0, |(rate, _)| rate)
}

impl Dataset {
    /// Opens a folder in the layout that it looks like, without a cache folder: see [`OpenOptions::open`].
    ///
    /// # Errors
    /// The first problem that would break training.
    pub fn open(root: &Path) -> Result<Self, Error> {
        OpenOptions::default().open(root)
    }

    /// Lets recordings be read at this rate, in Hz; those that have another are resampled as they are read. Without
    /// this it is the rate that most recordings have.
    pub fn set_sample_rate(&mut self, sample_rate: u32) {
        self.sample_rate = sample_rate;
        self.recordings.iter_mut().for_each(|recording| recording.set_sample_rate(sample_rate));
    }

    /// What the dataset contains, as hexadecimal SHA-256 over class names, recording names, splits, labels and audio.
    /// Where its folder lies is no part of it. The files are read for it once: the index in the cache folder keeps
    /// what they hash to as long as they are not changed.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn fingerprint(&self) -> Result<String, Error> {
        self.fingerprint_watched(&|_, _| ())
    }

    /// [`fingerprint`](Self::fingerprint), which takes minutes the first time for a large dataset: `done` hears, from
    /// any thread, how many recordings of how many were read. It hears nothing where none has to be.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn fingerprint_watched(&self, done: &(dyn Fn(usize, usize) + Sync)) -> Result<String, Error> {
        if let Some(known) = self.fingerprint.get() {
            return Ok(known.clone());
        }
        let index = || Index::read(self.cache.as_deref(), &self.root, self.layout, &self.classes);
        let digests = fingerprint::digests(&self.recordings, &self.known, index, done)?;
        let fingerprint = fingerprint::combine(&self.classes, &self.recordings, &digests);
        Ok(self.fingerprint.get_or_init(|| fingerprint).clone())
    }

    /// The recordings of a split, by name.
    pub fn split(&self, split: Split) -> Vec<&Recording> {
        self.select(Selection::Split(split))
    }

    /// The recordings of a split or fold, by name.
    pub fn select(&self, selection: Selection) -> Vec<&Recording> {
        self.recordings.iter().filter(|recording| selection.contains(recording)).collect()
    }

    /// What training may see, by name: the training split and, where there is one, the validation split.
    pub fn training(&self) -> Vec<&Recording> {
        let seen = |split| matches!(split, Split::Train | Split::Validation);
        self.recordings.iter().filter(|recording| seen(recording.split)).collect()
    }

    /// What training may see as (fit, validation): the splits of these names, where there is one for validation.
    /// Otherwise whole rooms of the training split are held out for validation, about `fraction` of the length,
    /// always the same ones for the same names; where fewer than two rooms are named, single recordings. Each side
    /// has at least one, unless there is only one recording in all: then there is no validation.
    pub fn holdout(&self, fraction: f64) -> (Vec<&Recording>, Vec<&Recording>) {
        let published = self.split(Split::Validation);
        match published.is_empty() {
            true => holdout(&self.split(Split::Train), fraction),
            false => (self.split(Split::Train), published),
        }
    }
}
