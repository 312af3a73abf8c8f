//! What to read: dataset layouts, splits, class names, labels, samples. Imports `audio` and `seld` only; no tensors.
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
pub mod class_map;
mod error;
mod examine;
mod fingerprint;
mod index;
mod labels;
pub mod layout;
mod recording;
pub mod sampler;
mod set;
mod split;
pub mod stats;

pub use class_map::ClassMap;
pub use error::Error;
pub use labels::LabelForm;
pub use layout::Layout;
pub use recording::Recording;
pub use set::{Dataset, OpenOptions};
pub use split::{Selection, Split, UnknownSplit};

/// Channels of a recording: W, Y, Z, X of first-order Ambisonics.
pub const CHANNELS: usize = 4;
