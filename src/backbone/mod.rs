//! Pretrained taggers, their checkpoints, the cache of what they compute.
//!
//! A [`Tagger`] is frozen: its weights are read once and never trained. It serves in two ways: as its authors
//! meant it (`embed`, `logits`), which is compared with their code; and as the semantic prior of a SELD network
//! (`sequence`), a tensor operation without constants of batch or time that can stand inside a traced network.

pub mod aisfx;
pub mod checkpoint;
pub mod class_names;
mod error;
pub mod panns;
pub mod prior_cache;
pub mod pull;
pub mod registry;
pub mod resample;
mod tagger;
mod weights;
pub mod yamnet;

pub use error::Error;
pub use prior_cache::{PriorCache, PriorKey};
pub use registry::load;
pub use resample::Resampler;
pub use tagger::{Activation, Head, Tagger, Tap};
pub use weights::Problem;
