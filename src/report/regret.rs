//! The regret of searches over their budget, as a figure.

use std::path::Path;

use plotters::prelude::*;

use super::chart::title;
use super::picture::{Area, Drawn, Image, Pen, Picture, PictureError, write as write_picture};
use super::plot;
use crate::simulate::regret::Regret;

const SIZE: (u32, u32) = (860, 520);
/// Height of title, note and legend.
const HEAD: f64 = 84.0;
/// One after the other; with more kinds they come again.
const COLORS: [RGBColor; 6] = [
    RGBColor(52, 101, 164),
    RGBColor(226, 152, 46),
    RGBColor(70, 150, 110),
    RGBColor(190, 72, 60),
    RGBColor(136, 100, 180),
    RGBColor(110, 116, 128),
];

/// Kinds of search on one table.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The table's name.
    pub table: String,
    /// The name of each kind, and its regret at each budget.
    pub kinds: Vec<(String, Vec<Regret>)>,
}

/// Draws the regret of each kind over the budget, with its interval.
///
/// # Errors
/// A name that ends neither in .svg nor in .png; a file that cannot be written.
pub fn write(path: &Path, comparison: &Comparison) -> Result<(), PictureError> {
    write_picture(path, comparison)
}

impl Comparison {
    /// The smallest and the largest budget, and the largest regret with its interval.
    fn ranges(&self) -> ([f64; 2], f64) {
        let all = || self.kinds.iter().flat_map(|(_, regrets)| regrets);
        let place = |regret: &Regret| f64::from(regret.budget);
        let low = all().map(place).reduce(f64::min).unwrap_or(0.0);
        let high = all().map(place).reduce(f64::max).unwrap_or(0.0);
        let most = all().map(|regret| regret.percent + regret.ci95.unwrap_or(0.0)).fold(0.0, f64::max);
        // A single budget is a point in the middle.
        let margin = if high > low { 0.0 } else { 1.0 };
        ([low - margin, high + margin], if most > 0.0 { 1.05 * most } else { 1.0 })
    }
}

impl Picture for Comparison {
    fn size(&self) -> (u32, u32) {
        SIZE
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>, pen: Pen) -> Drawn<DB, Vec<Image>> {
        area.fill(&WHITE)?;
        let note =
            "regret in percent over the budget in whole trainings; bars are 95 % intervals of the mean";
        title(area, pen, &format!("Searches of {}", self.table), note)?;
        let colors = COLORS.iter().copied().cycle();
        let names: Vec<(&str, RGBColor)> =
            self.kinds.iter().map(|(name, _)| name.as_str()).zip(colors).collect();
        plot::legend(area, pen, (14.0, 62.0), &names)?;
        let ([low, high], most) = self.ranges();
        let chart = plot::axes(area, pen, [low..high, 0.0..most], HEAD, 8)?;
        for ((_, regrets), (_, color)) in self.kinds.iter().zip(&names) {
            let place = |regret: &Regret| f64::from(regret.budget);
            let points = regrets.iter().map(|regret| (place(regret), regret.percent));
            plot::line(&chart, points, plot::stroke(*color, pen, 2.0))?;
            for regret in regrets {
                let half = regret.ci95.unwrap_or(0.0);
                let ends = [(regret.percent - half).max(0.0), regret.percent + half];
                let bar = ends.map(|end| (place(regret), end));
                chart.plotting_area().draw(&PathElement::new(bar, plot::stroke(*color, pen, 1.0)))?;
            }
        }
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(budgets: &[u32]) -> Comparison {
        let regret = |budget: &u32| Regret {
            budget: *budget,
            percent: 100.0 / f64::from(*budget),
            ci95: Some(1.0),
            seeds: 3,
            distinct_trials: 1.0,
        };
        let regrets: Vec<Regret> = budgets.iter().map(regret).collect();
        Comparison {
            table: "made up".into(),
            kinds: vec![("a + none".into(), regrets.clone()), ("b + asha".into(), regrets)],
        }
    }

    #[test]
    fn a_figure_is_xml_and_names_what_it_compares() {
        let folder = tempfile::tempdir().unwrap();
        for budgets in [&[25, 50, 100][..], &[25], &[]] {
            let path = folder.path().join("regret.svg");
            write(&path, &comparison(budgets)).unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let parsed = roxmltree::Document::parse(&text).unwrap();
            let words: String = parsed.descendants().filter_map(|node| node.text()).collect();
            assert!(words.contains("Searches of made up") && words.contains("b + asha"), "{words}");
        }
        assert!(write(&folder.path().join("regret.pdf"), &comparison(&[25])).is_err());
    }
}
