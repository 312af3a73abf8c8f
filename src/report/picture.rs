//! A picture as a file: its formats, its text, and images within it.
//!
//! The font is part of the program, so that a picture looks the same on a machine without any.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use base64::Engine;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::fs::{self, FileError};

/// The name that the font is known under while drawing; in an SVG the viewer takes its own.
const FONT: &str = "sans-serif";
/// Pixels of a PNG for each point.
pub(super) const PNG_SCALE: u32 = 2;

pub(super) const INK: RGBColor = RGBColor(40, 44, 52);
pub(super) const PALE: RGBColor = RGBColor(110, 116, 128);
pub(super) const FAINT: RGBColor = RGBColor(222, 225, 230);

pub(super) type Area<'a, DB> = DrawingArea<DB, Shift>;
pub(super) type Drawn<DB, T = ()> = Result<T, DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// Why a picture was not drawn.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
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
    pub fn of(path: &Path) -> Result<Self, PictureError> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => Err(PictureError::Extension { path: path.to_owned() }),
        }
    }
}

/// What can be drawn as a file of either format.
pub(super) trait Picture {
    /// Width and height in points.
    fn size(&self) -> (u32, u32);

    /// Draws everything but the images, which it returns: they lie above the rest.
    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>, pen: Pen) -> Drawn<DB, Vec<Image>>;
}

/// Coloured cells that fill a rectangle.
pub(super) struct Image {
    /// Left, top, width and height in the units of the area that it was drawn for.
    pub(super) place: [u32; 4],
    /// Cells across and down.
    pub(super) cells: (u32, u32),
    /// Red, green and blue, row after row from the top.
    pub(super) colors: Vec<u8>,
}

/// Sizes and text styles, all sizes in points.
#[derive(Clone, Copy)]
pub(super) struct Pen {
    /// Pixels for each point.
    scale: f64,
}

impl Pen {
    /// Points to pixels.
    pub(super) fn px(self, points: f64) -> i32 {
        (points * self.scale).round() as i32
    }

    pub(super) fn text(self, points: f64, color: RGBColor) -> TextStyle<'static> {
        let font = (FONT, points * self.scale).into_font();
        TextStyle { font, color: color.to_backend_color(), pos: Pos::default() }
    }

    /// Centred on the point's height.
    pub(super) fn text_at(self, points: f64, color: RGBColor, horizontal: HPos) -> TextStyle<'static> {
        self.text(points, color).pos(Pos::new(horizontal, VPos::Center))
    }
}

/// Writes a picture. The file is either the old one or the whole new one.
///
/// # Errors
/// A name that ends neither in .svg nor in .png; a file that cannot be written.
pub(super) fn write(path: &Path, picture: &impl Picture) -> Result<(), PictureError> {
    let format = Format::of(path)?;
    register_font();
    let failed = |problem: String| PictureError::Draw { path: path.to_owned(), problem };
    let size = picture.size();
    match format {
        Format::Svg => Ok(fs::write_bytes(path, svg(picture).map_err(failed)?.as_bytes())?),
        Format::Png => {
            let size = (PNG_SCALE * size.0, PNG_SCALE * size.1);
            let mut pixels = vec![0; 3 * size.0 as usize * size.1 as usize];
            let area = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
            let pen = Pen { scale: f64::from(PNG_SCALE) };
            let images = picture.draw(&area, pen).map_err(|error| failed(error.to_string()))?;
            drop(area);
            images.iter().for_each(|image| image.paint(&mut pixels, size));
            let encoded = encode(size, &pixels).map_err(|error| failed(error.to_string()))?;
            Ok(fs::write_bytes(path, &encoded)?)
        }
    }
}

/// A picture as the text of an SVG.
///
/// # Errors
/// What the drawing library said.
pub(super) fn svg(picture: &impl Picture) -> Result<String, String> {
    register_font();
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, picture.size()).into_drawing_area();
    let images = picture.draw(&area, Pen { scale: 1.0 }).map_err(|error| error.to_string())?;
    drop(area);
    let elements: Result<String, _> = images.iter().map(Image::element).collect();
    let elements = elements.map_err(|error| error.to_string())?;
    let end = text.rfind("</svg>").unwrap_or(text.len());
    text.insert_str(end, &elements);
    Ok(text)
}

impl Image {
    /// For an SVG.
    fn element(&self) -> Result<String, png::EncodingError> {
        let [x, y, width, height] = self.place;
        let file = encode(self.cells, &self.colors)?;
        let data = base64::engine::general_purpose::STANDARD.encode(file);
        Ok(format!(
            "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{data}\"/>\n"
        ))
    }

    /// Onto the pixels of a picture of this size.
    fn paint(&self, pixels: &mut [u8], (width, height): (u32, u32)) {
        let [left, top, across, down] = self.place;
        for row in 0..down.min(height.saturating_sub(top)) {
            let cell_row = row * self.cells.1 / down;
            for column in 0..across.min(width.saturating_sub(left)) {
                let cell = cell_row * self.cells.0 + column * self.cells.0 / across;
                let (from, to) = (3 * cell as usize, 3 * ((top + row) * width + left + column) as usize);
                pixels[to..to + 3].copy_from_slice(&self.colors[from..from + 3]);
            }
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
