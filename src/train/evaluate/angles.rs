//! How far off directions are when it is known which classes are active: the error of the directions alone.

use serde::Serialize;

use super::heard::Heard;
use super::pairs::pairs;
use crate::seld::metric::Options;

/// Width of a bar of [`Angles::histogram`] in degrees.
pub const HISTOGRAM_DEG: f64 = 5.0;
const BARS: usize = 36;

/// Angles between labels and the directions of the tracks that best hear their classes. All events alike, frame by
/// frame.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Angles {
    /// The largest angle of a correct direction in degrees: the metric's limit.
    pub within_deg: f64,
    /// Over all classes together.
    pub all: Spread,
    /// The mean of the classes that have a direction at all; counts are sums.
    pub mean_of_classes: Spread,
    /// By class.
    pub classes: Vec<ClassAngles>,
    /// Directions by angle, in 36 bars of [`HISTOGRAM_DEG`] from 0 to 180 degrees.
    pub histogram: Vec<u64>,
}

/// The angles of a class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassAngles {
    /// Its name.
    pub class: String,
    /// Its angles; the keys stand beside the name.
    #[serde(flatten)]
    pub spread: Spread,
}

/// What a lot of angles is like. Undefined values are NaN, `null` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Events in single frames.
    pub events: u64,
    /// Those that got a direction: a frame with more events than there are tracks leaves some without.
    pub localized: u64,
    /// Mean angle in degrees: the class-dependent localization error, counted in frames.
    #[serde(rename = "LE")]
    pub le: f64,
    /// Half of the angles are below it, in degrees.
    pub median: f64,
    /// Nine of ten are below it, in degrees.
    pub p90: f64,
    /// Share of the directions within the limit, in 0..1.
    pub within: f64,
}

/// The angles themselves, recording after recording.
#[derive(Debug, Clone)]
pub(super) struct AngleTally {
    options: Options,
    classes: Vec<(u64, Vec<f64>)>,
}

impl AngleTally {
    pub(super) fn new(classes: usize, options: Options) -> Self {
        Self { options, classes: vec![(0, Vec::new()); classes] }
    }

    /// Adds a recording whose scored events have their activity from the labels.
    pub(super) fn add(&mut self, heard: &Heard) {
        let references = &heard.truth.events;
        for reference in references {
            if let Some((events, _)) = self.classes.get_mut(reference.class as usize) {
                *events += 1;
            }
        }
        for pair in pairs(references, heard.scored, self.options.coordinates) {
            if let Some((_, angles)) = self.classes.get_mut(references[pair.reference].class as usize) {
                angles.push(pair.angle_deg);
            }
        }
    }

    pub(super) fn finish(&self, names: &[String]) -> Angles {
        let within_deg = self.options.doa_threshold_deg;
        let spread = |events: u64, angles: &[f64]| Spread::of(events, angles.to_vec(), within_deg);
        let classes: Vec<ClassAngles> = names
            .iter()
            .zip(&self.classes)
            .map(|(class, (events, angles))| ClassAngles {
                class: class.clone(),
                spread: spread(*events, angles),
            })
            .collect();
        let pooled: Vec<f64> = self.classes.iter().flat_map(|(_, angles)| angles).copied().collect();
        let mut histogram = vec![0; BARS];
        for angle in &pooled {
            histogram[((angle / HISTOGRAM_DEG) as usize).min(BARS - 1)] += 1;
        }
        let all = spread(self.classes.iter().map(|(events, _)| events).sum(), &pooled);
        Angles { within_deg, all, mean_of_classes: Spread::mean(&classes, &all), classes, histogram }
    }
}

impl Spread {
    fn of(events: u64, mut angles: Vec<f64>, within_deg: f64) -> Self {
        angles.sort_by(f64::total_cmp);
        let count = angles.len() as f64;
        let within = angles.iter().filter(|angle| **angle <= within_deg).count() as f64;
        Self {
            events,
            localized: angles.len() as u64,
            le: angles.iter().sum::<f64>() / count,
            median: quantile(&angles, 0.5),
            p90: quantile(&angles, 0.9),
            within: within / count,
        }
    }

    fn mean(classes: &[ClassAngles], all: &Self) -> Self {
        let heard = || classes.iter().filter(|class| class.spread.localized > 0);
        let count = heard().count() as f64;
        let mean = |of: fn(&Self) -> f64| heard().map(|class| of(&class.spread)).sum::<f64>() / count;
        Self {
            le: mean(|s| s.le),
            median: mean(|s| s.median),
            p90: mean(|s| s.p90),
            within: mean(|s| s.within),
            ..*all
        }
    }
}

/// Of ascending values, linear between two of them; NaN of none.
fn quantile(values: &[f64], share: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    values[below] + (place - below as f64) * (values[above] - values[below])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{event, heard};
    use super::super::truth::Truth;
    use super::*;
    use crate::seld::metric::Metric;

    #[test]
    fn counted_by_hand() {
        // Angles of class 0: 0, 10, 30; of class 1: 40, and one event without a track.
        let labels =
            [event(0, 0, 0.0), event(1, 0, 0.0), event(2, 0, 0.0), event(3, 1, 0.0), event(3, 1, 90.0)];
        let found = [event(0, 0, 0.0), event(1, 0, -10.0), event(2, 0, 30.0), event(3, 1, 40.0)];
        let truth = Truth::new(&labels, 10, None);
        let mut tally = AngleTally::new(3, Options::official(Metric::Dcase2023));
        tally.add(&heard(&truth, &found, &[]));
        let angles = tally.finish(&["a", "b", "c"].map(String::from));
        let rounded = |spread: &Spread| {
            let values = [spread.le, spread.median, spread.p90, 100.0 * spread.within].map(f64::round);
            (spread.events, spread.localized, values)
        };
        assert_eq!(rounded(&angles.classes[0].spread), (3, 3, [13.0, 10.0, 26.0, 67.0]));
        assert_eq!(rounded(&angles.classes[1].spread), (2, 1, [40.0, 40.0, 40.0, 0.0]));
        assert!(angles.classes[2].spread.le.is_nan() && angles.classes[2].spread.within.is_nan());
        assert_eq!(rounded(&angles.all), (5, 4, [20.0, 20.0, 37.0, 50.0]));
        assert_eq!(rounded(&angles.mean_of_classes), (5, 4, [27.0, 25.0, 33.0, 33.0]));
        let bars: Vec<(usize, u64)> =
            angles.histogram.iter().copied().enumerate().filter(|b| b.1 > 0).collect();
        assert_eq!(bars.iter().map(|bar| bar.1).sum::<u64>(), 4);
        assert_eq!(bars[0], (0, 1));
    }

    #[test]
    fn quantiles_lie_between_values() {
        assert_eq!([0.0, 0.25, 0.5, 0.9, 1.0].map(|q| quantile(&[1.0, 3.0], q)), [1.0, 1.5, 2.0, 2.8, 3.0]);
        assert_eq!(quantile(&[7.0], 0.9), 7.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
