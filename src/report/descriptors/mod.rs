//! Descriptors of a recording as a picture: a panel for each channel, time across, frequency (or lag) upwards.

use std::path::Path;

use super::picture::{self, PictureError};
use crate::features::Descriptor;

mod color;
mod draw;
mod ticks;

/// A descriptor of one recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// Which.
    pub descriptor: Descriptor,
    /// Number of frames.
    pub frames: usize,
    /// Number of bands, or of lags.
    pub bands: usize,
    /// `[C, T, F]`, row after row.
    pub values: Vec<f32>,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Above everything.
    pub title: String,
    /// Below the title.
    pub note: String,
    /// Distance of frames in seconds; frame t is centred on t times this.
    pub hop_s: f64,
    /// Centres of the bands in Hz, ascending.
    pub centres_hz: Vec<f64>,
    /// Of the levels of `logmel` and `waveform`: "dB" as long as they are not normalised.
    pub level_unit: &'static str,
    /// All on the same frames.
    pub described: Vec<Described>,
}

/// Most columns of colours in a panel; the mean of several frames is shown where there are more.
pub const COLUMNS: usize = 1500;

/// Writes the picture as .png or .svg. The file is either the old one or the whole new one.
///
/// # Errors
/// A name that ends otherwise; a file that cannot be written.
pub fn write(path: &Path, page: &Page) -> Result<(), PictureError> {
    picture::write(path, page)
}

impl Described {
    /// `[T, F]` of a channel.
    fn channel(&self, channel: usize) -> &[f32] {
        let size = self.frames * self.bands;
        &self.values[channel * size..(channel + 1) * size]
    }
}
