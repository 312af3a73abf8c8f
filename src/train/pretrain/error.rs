//! What can go wrong in pretraining.

use std::path::PathBuf;

use crate::train::device::DeviceError;

/// No tagger was trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting outside its range.
    #[error("{key}: expected {expected}, got {got}")]
    Setting {
        /// Name of the setting.
        key: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        got: String,
    },
    /// Nothing to tell apart.
    #[error("{}: expected sounds of at least two classes, got {names}", describe(events.as_ref()))]
    Classes {
        /// The folder; none for the built-in bank.
        events: Option<PathBuf>,
        /// The classes there are.
        names: String,
    },
    /// The bank of sounds.
    #[error(transparent)]
    Scene(#[from] crate::scene::SceneError),
    /// A recording of the bank.
    #[error(transparent)]
    Recording(#[from] crate::audio::AudioError),
    /// The device is not there.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The network.
    #[error(transparent)]
    Backbone(#[from] crate::backbone::Error),
    /// libtorch refused an operation.
    #[error("training failed: {0}")]
    Torch(#[from] tch::TchError),
    /// The weights cannot be written.
    #[error(transparent)]
    Weights(#[from] crate::model::weights::Error),
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] crate::fs::FileError),
    /// The loss is no number any more.
    #[error("training diverged in epoch {epoch}: the loss is {loss}; try a lower learning rate")]
    Diverged {
        /// The epoch.
        epoch: u32,
        /// Its loss.
        loss: f64,
    },
}

impl Error {
    /// Whether what the user gave is at fault, not the machine.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Setting { .. } | Self::Classes { .. } | Self::Recording(_) | Self::Device(_) => true,
            Self::Scene(error) => error.is_input(),
            Self::Backbone(error) => error.is_input(),
            Self::Torch(_) | Self::Weights(_) | Self::File(_) | Self::Diverged { .. } => false,
        }
    }
}

fn describe(events: Option<&PathBuf>) -> String {
    events.map_or_else(|| "built-in bank".to_owned(), |folder| folder.display().to_string())
}
