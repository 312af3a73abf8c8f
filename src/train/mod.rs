//! One trial, from architecture document to outcome. Knows no store: it reports through [`trial::Progress`].
//!
//! [`pretrain`] is apart: it trains the small tagger that a trial may begin with.

mod adamw;
mod average;
pub mod calibrate;
mod checkpoint;
mod data;
pub mod descriptors;
pub mod device;
pub mod evaluate;
mod material;
mod precision;
mod prefix;
pub mod pretrain;
mod run;
mod schedule;
pub mod score;
mod slots;
pub mod trial;
mod validate;
mod vary;
mod warm_start;
mod watch;

pub use run::run;

/// A trial could not be trained.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The dataset cannot be read.
    #[error(transparent)]
    Dataset(#[from] crate::dataset::Error),
    /// The pretrained tagger or the cache of its output failed.
    #[error(transparent)]
    Backbone(#[from] crate::backbone::Error),
    /// The dataset's sample rate cannot be brought to the tagger's.
    #[error(transparent)]
    Resample(#[from] crate::backbone::resample::ResampleError),
    /// The architecture cannot be built for this dataset.
    #[error(transparent)]
    Detector(#[from] crate::model::detector::Error),
    /// A checkpoint cannot be read or written.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] crate::model::weights::Error),
    /// The trained model cannot be written.
    #[error(transparent)]
    Model(#[from] crate::model::saved::Error),
    /// A file or folder cannot be read or written.
    #[error(transparent)]
    File(#[from] crate::fs::FileError),
    /// The device is not there.
    #[error(transparent)]
    Device(#[from] device::DeviceError),
    /// A file of the cache of descriptors cannot be read after it was written.
    #[error("cannot use the cache of descriptors {}: {what}", path.display())]
    Cache {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The limit of a cache is no number.
    #[error(transparent)]
    CacheLimit(#[from] crate::cache::LimitError),
    /// The network is to learn distances, which the labels do not say.
    #[error(
        "output.distance is true, and the labels of {recording} say no distance (label frame {frame}): set it to false, or \
         give every event its distance"
    )]
    NoDistance {
        /// Name of the recording.
        recording: String,
        /// The first label frame with an event without one.
        frame: u32,
    },
    /// The processor has no bfloat16.
    #[error(
        "train.precision is \"bf16\", and this processor has no instructions for it (avx512_bf16, amx_bf16): set it to \
         \"float32\", or train on a GPU"
    )]
    Precision,
    /// A model whose weights were to be begun with has none of this architecture.
    #[error("no tensor of {} has the name and shape of one of this architecture, to begin training with", from.display())]
    NothingFits {
        /// The model folder or checkpoint.
        from: std::path::PathBuf,
    },
    /// A mistake of this program.
    #[error("this is a bug, please report it: {0}")]
    Bug(String),
}

impl Error {
    /// Whether what the user gave is at fault (exit code 2), not the machine (exit code 1).
    pub fn is_input(&self) -> bool {
        match self {
            Self::Dataset(_) | Self::Resample(_) | Self::Detector(_) | Self::Device(_) => true,
            Self::CacheLimit(_) | Self::NoDistance { .. } | Self::Precision | Self::NothingFits { .. } => {
                true
            }
            Self::Backbone(error) => error.is_input(),
            Self::Checkpoint(_) | Self::Model(_) | Self::File(_) | Self::Cache { .. } | Self::Bug(_) => false,
        }
    }
}
