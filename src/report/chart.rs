//! What charts share: titles, the place of a point, and words that fit.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::picture::{Area, Drawn, INK, PALE, Pen};

/// A chart of two axes of numbers.
pub(super) type Chart<'a, DB> = ChartContext<'a, DB, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// What a part shows.
pub(super) fn title<DB: DrawingBackend>(area: &Area<DB>, pen: Pen, title: &str, note: &str) -> Drawn<DB> {
    area.draw_text(title, &pen.text(17.0, INK), (pen.px(14.0), pen.px(6.0)))?;
    area.draw_text(note, &pen.text(12.5, PALE), (pen.px(14.0), pen.px(28.0)))
}

/// Where a point of a chart is in its area.
pub(super) fn place<DB: DrawingBackend>(area: &Area<DB>, chart: &Chart<DB>, point: (f64, f64)) -> (i32, i32) {
    let ((x, y), (base_x, base_y)) = (chart.plotting_area().map_coordinate(&point), area.get_base_pixel());
    (x - base_x, y - base_y)
}

/// A place on an axis: three digits after the point or, where that is nothing, the first digits that are not zero;
/// without a tail of zeros.
pub(super) fn number(x: f64) -> String {
    let digits = if x == 0.0 { 3 } else { (1.0 - x.abs().log10().floor()).clamp(3.0, 12.0) as usize };
    let text = format!("{x:.digits$}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// A class name that fits beside its bar.
pub(super) fn shortened(name: &str) -> String {
    if name.chars().count() <= 30 {
        name.to_owned()
    } else {
        format!("{}…", name.chars().take(29).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_on_an_axis_are_short_and_whole() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (100.0, "100"),
            (-45.0, "-45"),
            (0.1 + 0.2, "0.3"),
            // Steps of an axis that were added up.
            (2.999_999_999_999_999_6, "3"),
            (0.000_2, "0.0002"),
            (0.001_25, "0.0013"),
            (1e-6, "0.000001"),
        ];
        for (x, expected) in cases {
            assert_eq!(number(x), expected);
        }
    }
}
