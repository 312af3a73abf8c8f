//! What to read: dataset layouts, splits, class names, labels, samples. Imports `seld` only; no tensors.
//!
//! ```no_run
//! use at2seld::dataset::{Dataset, Split};
//! let data = Dataset::open("demo".as_ref())?;
//! let (fit, validation) = data.holdout(0.2);
//! println!("{} classes, {} + {} recordings", data.classes.len(), fit.len(), validation.len());
//! for recording in data.split(Split::Test) {
//!     let first_second: Vec<f32> = recording.read(0, data.sample_rate as usize)?;
//! }
//! # Ok::<(), at2seld::dataset::Error>(())
//! ```

pub mod augment;
pub mod check;
mod error;
mod fold;
mod labels;
pub mod layout;
mod recording;
pub mod sampler;
mod set;
mod wav;

pub use error::{Error, WavProblem};
pub use fold::Split;
pub use recording::Recording;
pub use set::Dataset;

/// Channels of a recording: W, Y, Z, X of first-order Ambisonics.
pub const CHANNELS: usize = 4;
