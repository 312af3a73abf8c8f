//! What is trained, and on what.

use std::path::PathBuf;

use super::Error;
use crate::scene::{Bank, Subset};

/// Epochs that make a good tagger.
pub const EPOCHS: u32 = 20;
/// Optimizer steps of an epoch by default.
pub const STEPS: u32 = 50;

/// What to train, and on what.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Folder of recordings, as [`Bank::open`] reads it; without one, the built-in bank.
    pub events: Option<PathBuf>,
    /// Only these classes, in this order; all when empty.
    pub classes: Vec<String>,
    /// The file of weights to write. Class names go beside it.
    pub out: PathBuf,
    /// Epochs, at least 1.
    pub epochs: u32,
    /// Optimizer steps of an epoch, at least 1.
    pub steps: u32,
    /// Clips of a step, at least 2.
    pub batch: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Whether frames and bands of the picture are hidden at random.
    pub masks: bool,
    /// Decides everything random.
    pub seed: u64,
    /// "cpu" or "cuda:0".
    pub device: String,
    /// Threads for libtorch.
    pub threads: usize,
}

impl Settings {
    /// What makes a good tagger in some minutes on two cores.
    pub fn new(out: PathBuf) -> Self {
        Self {
            events: None,
            classes: Vec::new(),
            out,
            epochs: EPOCHS,
            steps: STEPS,
            batch: 32,
            learning_rate: 2e-3,
            masks: true,
            seed: 0,
            device: "cpu".into(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// Whether all but the sounds can be used.
    pub(super) fn check(&self) -> Result<(), Error> {
        let setting = |key, expected, got: String| Err(Error::Setting { key, expected, got });
        if self.epochs == 0 {
            return setting("epochs", "at least 1", self.epochs.to_string());
        }
        if self.steps == 0 {
            return setting("steps", "at least 1", self.steps.to_string());
        }
        if self.threads == 0 {
            return setting("threads", "at least 1", self.threads.to_string());
        }
        if self.batch < 2 {
            return setting("batch", "at least 2", self.batch.to_string());
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return setting("learning_rate", "a number above 0", self.learning_rate.to_string());
        }
        if self.out.is_dir() || self.out.file_stem().is_none() {
            return setting("out", "a file to write", self.out.display().to_string());
        }
        Ok(())
    }

    /// Where its sounds come from.
    pub(super) fn bank(&self) -> Result<Bank, Error> {
        let bank = match &self.events {
            Some(folder) => Bank::open(folder, &Subset::TRAIN_TEST, self.seed)?,
            None => Bank::builtin(),
        };
        let bank = if self.classes.is_empty() { bank } else { bank.select(&self.classes)? };
        if bank.len() < 2 {
            let names = bank.class_names().collect::<Vec<_>>().join(", ");
            return Err(Error::Classes { events: self.events.clone(), names });
        }
        // They are written one a line.
        if let Some(name) = bank.class_names().find(|name| name.contains(['\n', '\r'])) {
            let got = format!("{name:?}");
            return Err(Error::Setting { key: "classes", expected: "names without line breaks", got });
        }
        Ok(bank)
    }
}
