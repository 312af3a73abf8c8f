//! Whether activities are probabilities: how often what is said with a probability of 0.7 is so.
//!
//! Guo et al., "On calibration of modern neural networks", ICML 2017 (reliability diagram, expected calibration error);
//! Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 1950.

use serde::Serialize;

use super::heard::Heard;

/// Bins of equal width from 0 to 1.
pub const BINS: usize = 10;

/// How far activities are from frequencies. A case is a class in a label frame; it happens when a label has the class
/// in the frame, and it is foretold with the greatest activity of the class over all tracks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reliability {
    /// All classes pooled.
    pub all: Calibration,
    /// By class.
    pub classes: Vec<ClassCalibration>,
}

/// The calibration of a class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassCalibration {
    /// Its name.
    pub class: String,
    /// Its numbers; the keys stand beside the name.
    #[serde(flatten)]
    pub calibration: Calibration,
}

/// How far activities are from frequencies. Undefined values are NaN, `null` in JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Cases.
    pub cases: u64,
    /// Share of the cases that happen, in 0..1.
    pub observed: f64,
    /// Mean activity, in 0..1.
    pub predicted: f64,
    /// Expected calibration error: the mean distance of activity and frequency over the bins, weighted by cases, in
    /// 0..1.
    #[serde(rename = "ECE")]
    pub ece: f64,
    /// Mean squared distance of activity and what happens, in 0..1.
    pub brier: f64,
    /// Share by which `brier` is smaller than that of always saying `observed`; NaN when all or nothing happens.
    pub skill: f64,
    /// The diagram: [`BINS`] bins.
    pub bins: Vec<Bin>,
}

/// Cases foretold with about the same activity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Least activity of the bin.
    pub low: f64,
    /// The activity it ends before; the last one includes 1.
    pub high: f64,
    /// Cases.
    pub cases: u64,
    /// Their mean activity; NaN of none.
    pub predicted: f64,
    /// Share of them that happen; NaN of none.
    pub observed: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct BinCounts {
    cases: u64,
    happened: u64,
    activity_sum: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    bins: [BinCounts; BINS],
    squares: f64,
}

#[derive(Debug, Clone)]
pub(super) struct ReliabilityTally {
    classes: Vec<Counts>,
}

impl ReliabilityTally {
    pub(super) fn new(classes: usize) -> Self {
        Self { classes: vec![Counts::default(); classes] }
    }

    pub(super) fn add(&mut self, heard: &Heard) {
        let classes = self.classes.len();
        let mut is_active = vec![false; heard.strongest.len()];
        for event in heard.truth.events.iter().filter(|event| (event.class as usize) < classes) {
            if let Some(cell) = is_active.get_mut(event.frame as usize * classes + event.class as usize) {
                *cell = true;
            }
        }
        for (row, active) in heard.strongest.chunks_exact(classes).zip(is_active.chunks_exact(classes)) {
            for ((counts, &activity), &active) in self.classes.iter_mut().zip(row).zip(active) {
                counts.add(f64::from(activity), active);
            }
        }
    }

    pub(super) fn finish(&self, names: &[String]) -> Reliability {
        let mut pooled = Counts::default();
        self.classes.iter().for_each(|counts| pooled.merge(counts));
        let classes = names.iter().zip(&self.classes).map(|(class, counts)| ClassCalibration {
            class: class.clone(),
            calibration: counts.calibration(),
        });
        Reliability { all: pooled.calibration(), classes: classes.collect() }
    }
}

impl Counts {
    fn add(&mut self, activity: f64, active: bool) {
        let bin = &mut self.bins[((activity * BINS as f64) as usize).min(BINS - 1)];
        bin.cases += 1;
        bin.happened += u64::from(active);
        bin.activity_sum += activity;
        self.squares += (activity - f64::from(u8::from(active))).powi(2);
    }

    fn merge(&mut self, other: &Self) {
        for (bin, other) in self.bins.iter_mut().zip(&other.bins) {
            bin.cases += other.cases;
            bin.happened += other.happened;
            bin.activity_sum += other.activity_sum;
        }
        self.squares += other.squares;
    }

    fn calibration(&self) -> Calibration {
        let cases: u64 = self.bins.iter().map(|bin| bin.cases).sum();
        let share = |count: f64| count / cases as f64;
        let observed = share(self.bins.iter().map(|bin| bin.happened as f64).sum());
        let distance = |bin: &BinCounts| (bin.activity_sum - bin.happened as f64).abs();
        let (brier, uncertainty) = (share(self.squares), observed * (1.0 - observed));
        let bins = self.bins.iter().enumerate().map(|(index, bin)| Bin {
            low: index as f64 / BINS as f64,
            high: (index + 1) as f64 / BINS as f64,
            cases: bin.cases,
            predicted: bin.activity_sum / bin.cases as f64,
            observed: bin.happened as f64 / bin.cases as f64,
        });
        Calibration {
            cases,
            observed,
            predicted: share(self.bins.iter().map(|bin| bin.activity_sum).sum()),
            ece: share(self.bins.iter().map(distance).sum()),
            brier,
            skill: if uncertainty > 0.0 { 1.0 - brier / uncertainty } else { f64::NAN },
            bins: bins.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{event, heard};
    use super::super::truth::Truth;
    use super::*;

    fn reliability(classes: usize, labels: &[(u32, u32)], strongest: &[f32]) -> Reliability {
        let labels: Vec<_> = labels.iter().map(|&(frame, class)| event(frame, class, 0.0)).collect();
        let truth = Truth::new(&labels, (strongest.len() / classes) as u32, None);
        let mut tally = ReliabilityTally::new(classes);
        tally.add(&heard(&truth, &[], strongest));
        let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
        tally.finish(&names)
    }

    #[test]
    fn counted_by_hand() {
        // Class 0 in four frames: 0.25 and 0.25 of which one happens, 0.75 that happens, 1 that does not. Two labels
        // of one class in a frame are one case.
        let strongest = [0.25, 0.0, 0.25, 0.0, 0.75, 0.0, 1.0, 0.0];
        let found = reliability(2, &[(1, 0), (2, 0), (2, 0)], &strongest);
        let class = &found.classes[0].calibration;
        assert_eq!((class.cases, class.observed, class.predicted), (4, 0.5, 0.5625));
        // |0.5 - 1| + |0.75 - 1| + |1 - 0| in four cases.
        assert_eq!(class.ece, 0.4375);
        // 0.0625 + 0.5625 + 0.0625 + 1 in four cases.
        assert_eq!(class.brier, 0.421875);
        assert_eq!(class.skill, 1.0 - 0.421875 / 0.25);
        let bin =
            |index: usize| (class.bins[index].cases, class.bins[index].predicted, class.bins[index].observed);
        assert_eq!((bin(2), bin(7), bin(9)), ((2, 0.25, 0.5), (1, 0.75, 1.0), (1, 1.0, 0.0)));
        assert!(bin(0).1.is_nan());
        let silent = &found.classes[1].calibration;
        assert_eq!((silent.ece, silent.brier), (0.0, 0.0));
        assert!(silent.skill.is_nan());
        assert_eq!((found.all.cases, found.all.observed), (8, 0.25));
    }

    proptest! {
        #[test]
        fn the_error_is_at_most_one_and_no_case_is_lost(
            strongest in prop::collection::vec(0f32..=1.0, 90),
            labels in prop::collection::vec((0u32..30, 0u32..3), 0..40))
        {
            let found = reliability(3, &labels, &strongest);
            prop_assert_eq!(found.all.cases, 90);
            prop_assert_eq!(found.all.bins.iter().map(|bin| bin.cases).sum::<u64>(), 90);
            let calibrations = found.classes.iter().map(|class| &class.calibration).chain([&found.all]);
            for c in calibrations {
                prop_assert!((0.0..=1.0).contains(&c.ece) && (0.0..=1.0).contains(&c.brier));
                // The distance of the means is a lower bound of the mean of the distances.
                prop_assert!((c.observed - c.predicted).abs() <= c.ece + 1e-9);
            }
        }
    }
}
