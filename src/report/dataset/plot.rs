//! The picture of a dataset: how long each class is heard in each split, how many events there are at once, and where
//! they come from.
//!
//! The font is part of the program, so that a picture looks the same on a machine without any.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plotters::prelude::*;

use super::panels;
use crate::dataset::stats::Stats;
use crate::fs::{self, FileError};

/// Size of the picture in points; as PNG it has twice as many pixels each way.
const SIZE: (u32, u32) = (1180, 760);
/// The name that the font is known under while drawing; in an SVG the viewer takes its own.
pub(super) const FONT: &str = "sans-serif";

/// Why a picture was not drawn.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The name says nothing about the format, or another one.
    #[error("{}: pictures are written as .svg or .png", path.display())]
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The drawing library refused.
    #[error("cannot draw {}: {problem}", path.display())]
    Draw {
        /// The file.
        path: PathBuf,
        /// What it said.
        problem: String,
    },
}

/// What a picture is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Vectors and text.
    Svg,
    /// Pixels.
    Png,
}

impl Format {
    /// By the ending of a file's name.
    ///
    /// # Errors
    /// Another ending, or none.
    pub fn of(path: &Path) -> Result<Self, PlotError> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => Err(PlotError::Extension { path: path.to_owned() }),
        }
    }
}

/// Writes the picture. The file is either the old one or the whole new one.
///
/// # Errors
/// A name that ends neither in .svg nor in .png; a file that cannot be written.
pub fn write(path: &Path, stats: &Stats) -> Result<(), PlotError> {
    let format = Format::of(path)?;
    register_font();
    let failed = |problem: String| PlotError::Draw { path: path.to_owned(), problem };
    match format {
        Format::Svg => {
            let mut text = String::new();
            let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
            panels::draw(&area, stats, 1.0).map_err(|error| failed(error.to_string()))?;
            drop(area);
            Ok(fs::write_bytes(path, text.as_bytes())?)
        }
        Format::Png => {
            let size = (2 * SIZE.0, 2 * SIZE.1);
            let mut pixels = vec![0; 3 * (size.0 * size.1) as usize];
            let area = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
            panels::draw(&area, stats, 2.0).map_err(|error| failed(error.to_string()))?;
            drop(area);
            let encoded = encode(size, &pixels).map_err(|error| failed(error.to_string()))?;
            Ok(fs::write_bytes(path, &encoded)?)
        }
    }
}

/// Red, green and blue of each pixel as a PNG file.
fn encode((width, height): (u32, u32), pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

fn register_font() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let font = epaint_default_fonts::UBUNTU_LIGHT;
        for style in [FontStyle::Normal, FontStyle::Bold] {
            let registered = plotters::style::register_font(FONT, style, font);
            assert!(registered.is_ok(), "this is a bug: the built-in font cannot be read");
        }
    });
}
