//! The picture of a dataset: how long each class is heard in each split, how many events there are at once, and where
//! they come from.

use std::path::Path;

use plotters::prelude::DrawingBackend;

use super::panels;
use crate::dataset::stats::Stats;
use crate::report::picture::{self, Area, Drawn, Image, Pen, Picture, PictureError};

/// Writes the picture. The file is either the old one or the whole new one.
///
/// # Errors
/// A name that ends neither in .svg nor in .png; a file that cannot be written.
pub fn write(path: &Path, stats: &Stats) -> Result<(), PictureError> {
    picture::write(path, &Page(stats))
}

struct Page<'a>(&'a Stats);

impl Picture for Page<'_> {
    fn size(&self) -> (u32, u32) {
        (1180, 760)
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>, pen: Pen) -> Drawn<DB, Vec<Image>> {
        panels::draw(area, self.0, pen)?;
        Ok(Vec::new())
    }
}
