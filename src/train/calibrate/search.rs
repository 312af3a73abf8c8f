//! The coordinate search for the best decoding.
//!
//! A held-out set is small, and with a threshold a class there is much to fit to it. So a value is taken for better than
//! one nearer to the default only when it wins by more than half of what one event in one segment is worth; a class that
//! is never there or never found keeps its default; and settings of all classes must gain [`LEAST_GAIN`].

use rayon::prelude::*;

use super::candidates::{Candidates, LEAST_ACTIVITY};
use super::{Calibration, Objective};
use crate::model::decode::{DEFAULT_MERGE_DEG, DEFAULT_THRESHOLD, Decoding, Rules, logit, sigmoid};
use crate::seld::metric::{ClassShare, Shares};

/// Thresholds tried, after the temperature.
const THRESHOLDS: [f64; 24] = [
    0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8,
    0.85, 0.9, 0.93, 0.95, 0.97,
];
/// Lengths of the median filter tried, in label frames.
const MEDIANS: [usize; 5] = [1, 3, 5, 7, 11];
/// Least durations tried, in label frames.
const DURATIONS: [usize; 5] = [1, 2, 3, 5, 8];
/// Angles within which tracks are merged, in degrees.
const ANGLES_DEG: [f64; 6] = [0.0, 15.0, 30.0, 45.0, 60.0, 90.0];
/// By how much a setting of all classes must lower the objective.
const LEAST_GAIN: f64 = 0.002;
/// Most times that all classes are gone through; they hardly depend on each other.
const MOST_SWEEPS: usize = 4;

/// What holds for all classes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Common {
    median_frames: usize,
    min_frames: usize,
    merge_deg: f64,
}

impl Default for Common {
    fn default() -> Self {
        Self { median_frames: 1, min_frames: 1, merge_deg: DEFAULT_MERGE_DEG }
    }
}

impl Common {
    /// For one class.
    fn rules(self, threshold: f64, temperature: f64) -> Rules {
        let Self { median_frames, min_frames, merge_deg } = self;
        Rules { thresholds: vec![threshold as f32], temperature, median_frames, min_frames, merge_deg }
    }
}

/// Thresholds by class, as places in the list, and the objective that they reach.
#[derive(Debug, Clone, PartialEq)]
struct Choice {
    thresholds: Vec<usize>,
    loss: f64,
}

/// Finds the decoding for activities at this temperature.
pub(super) fn search(calibration: &Calibration, classes: &[String], temperature: f64) -> Decoding {
    // A threshold at which the network's own activity is below what was kept cannot be judged.
    let network = |threshold: f64| sigmoid(logit(threshold) * temperature);
    let thresholds: Vec<f64> =
        THRESHOLDS.into_iter().filter(|t| network(*t) >= f64::from(LEAST_ACTIVITY)).collect();
    let candidates: Vec<Candidates> = (0..calibration.classes)
        .into_par_iter()
        .map(|class| Candidates::of(class, &calibration.recordings))
        .collect();
    let search = Search { objective: calibration.objective, temperature, thresholds, candidates };
    let (common, choice) = search.run();
    let thresholds = classes.iter().zip(&choice.thresholds);
    Decoding {
        thresholds: thresholds.map(|(name, &place)| (name.clone(), search.thresholds[place])).collect(),
        merge_deg: common.merge_deg,
        temperature,
        median_frames: common.median_frames,
        min_frames: common.min_frames,
    }
}

struct Search {
    objective: Objective,
    temperature: f64,
    thresholds: Vec<f64>,
    candidates: Vec<Candidates>,
}

impl Search {
    fn run(&self) -> (Common, Choice) {
        let mut common = Common::default();
        let table = self.table(common);
        let by_default = vec![self.place_of_default(); self.candidates.len()];
        let plain = self.loss(&table, &by_default);
        let mut best = self.choose(&table, &by_default);
        for coordinate in 0..3 {
            let values: Vec<Common> = match coordinate {
                0 => MEDIANS.map(|median_frames| Common { median_frames, ..common }).into(),
                1 => DURATIONS.map(|min_frames| Common { min_frames, ..common }).into(),
                _ => ANGLES_DEG.map(|merge_deg| Common { merge_deg, ..common }).into(),
            };
            let before = common;
            for value in values.iter().filter(|value| **value != before) {
                let choice = self.choose(&self.table(*value), &best.thresholds);
                let gain = if common == before { LEAST_GAIN } else { 0.0 };
                if choice.loss < best.loss - gain {
                    (common, best) = (*value, choice);
                }
            }
        }
        if best.loss > plain {
            return (Common::default(), Choice { thresholds: by_default, loss: plain });
        }
        (common, best)
    }

    fn place_of_default(&self) -> usize {
        let distance = |place: &usize| (self.thresholds[*place] - DEFAULT_THRESHOLD).abs();
        (0..self.thresholds.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0)
    }

    /// What every class adds at every threshold, `[K][threshold]`.
    fn table(&self, common: Common) -> Vec<Vec<ClassShare>> {
        let of_class = |candidates: &Candidates| {
            let share = |threshold: &f64| candidates.share(&common.rules(*threshold, self.temperature));
            self.thresholds.par_iter().map(share).collect()
        };
        self.candidates.par_iter().map(of_class).collect()
    }

    fn loss(&self, table: &[Vec<ClassShare>], thresholds: &[usize]) -> f64 {
        let shares = table.iter().zip(thresholds).map(|(class, &place)| &class[place]).collect();
        self.objective.loss(&Shares::new(shares).scores())
    }

    /// Thresholds of all classes, one class after the other, beginning with those given.
    fn choose(&self, table: &[Vec<ClassShare>], begin: &[usize]) -> Choice {
        let mut thresholds = begin.to_vec();
        let mut shares = Shares::new(table.iter().zip(begin).map(|(class, &place)| &class[place]).collect());
        let tolerances = self.tolerances(table);
        for _ in 0..MOST_SWEEPS {
            let before = thresholds.clone();
            for (class, of_class) in table.iter().enumerate() {
                // None: there is nothing to learn of it.
                let Some(tolerance) = tolerances[class] else { continue };
                let loss = |share| {
                    shares.replace(class, share);
                    self.objective.loss(&shares.scores())
                };
                let losses: Vec<f64> = of_class.iter().map(loss).collect();
                thresholds[class] = self.nearest_to_default(&losses, tolerance);
                shares.replace(class, &of_class[thresholds[class]]);
            }
            if thresholds == before {
                break;
            }
        }
        Choice { loss: self.objective.loss(&shares.scores()), thresholds }
    }

    /// Of those that are as good as the best but for the tolerance.
    fn nearest_to_default(&self, losses: &[f64], tolerance: f64) -> usize {
        let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
        let distance = |place: &usize| (self.thresholds[*place] - DEFAULT_THRESHOLD).abs();
        let good = (0..losses.len()).filter(|place| losses[*place] <= best + tolerance);
        let nearest =
            good.min_by(|a, b| distance(a).total_cmp(&distance(b)).then(losses[*a].total_cmp(&losses[*b])));
        nearest.unwrap_or_else(|| self.place_of_default())
    }

    /// By class, half of what one event in one segment is worth to the objective; none for a class that is not there or
    /// that no threshold finds.
    fn tolerances(&self, table: &[Vec<ClassShare>]) -> Vec<Option<f64>> {
        let references = |of_class: &[ClassShare]| of_class.first().map_or(0, ClassShare::references) as f64;
        let all: f64 = table.iter().map(|of_class| references(of_class)).sum();
        let classes = table.len() as f64;
        let tolerance = |of_class: &Vec<ClassShare>| {
            let own = references(of_class);
            let is_found = own > 0.0 && of_class.iter().any(ClassShare::is_detected);
            is_found.then(|| match self.objective {
                Objective::F20 => 0.5 / (classes * own),
                // F and LR of the class, and the error rate of all, are a quarter each.
                Objective::Seld => 0.5 * (2.0 / (classes * own) + 1.0 / all) / 4.0,
            })
        };
        table.iter().map(tolerance).collect()
    }
}
