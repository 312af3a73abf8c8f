//! Pretrained taggers, their checkpoints, the cache of what they compute.
//!
//! A [`Tagger`] serves in two ways: as its authors meant it (`embed`, `logits`), which is compared with their code; and
//! as the semantic path of a SELD network: a picture of the sound and [blocks](blocks::Blocks), the first of them frozen
//! and the others trained, tensor operations without constants of batch or time that can stand inside a traced network.

pub mod aisfx;
pub mod blocks;
pub mod checkpoint;
pub mod class_names;
mod error;
pub mod panns;
pub mod prefix_cache;
pub mod pull;
pub mod registry;
pub mod resample;
pub mod small;
mod tagger;
mod weights;
pub mod yamnet;

pub use blocks::{Blocks, Thaw};
pub use error::Error;
pub use prefix_cache::{PrefixCache, PrefixKey};
pub use registry::load;
pub use resample::Resampler;
pub use tagger::{Activation, Head, Tagger, Tap};
pub use weights::{Problem, sha256 as weights_sha256};
