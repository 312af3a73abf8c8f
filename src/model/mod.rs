//! The architecture document and the network it describes.
//!
//! [`arch`] is plain data. [`network`] turns it into layers that work at label-frame rate; [`detector`] puts the
//! descriptors and the pretrained tagger in front, from waveform to events. All forward passes can be traced
//! with any batch size and length: no size of a batch or time axis is ever read as a number.
//!
//! Axes: B batch, C channel, T label frame, F frequency band, N track, K class, P prior feature.

pub mod align;
mod aligned;
pub mod arch;
mod check;
mod check_network;
mod conformer;
pub mod cost;
pub mod decode;
pub mod detector;
pub mod encoder;
mod fusion;
pub(crate) mod growth;
mod lane;
mod layers;
pub mod meeting_place;
pub mod network;
pub mod predict;
pub mod prior;
pub mod saved;
pub mod signals;
mod temporal;
mod tracks;
pub mod weights;

pub use check::{ArchitectureProblem, PRESET, preset};
