//! A source that is heard through measured responses.

use std::cell::RefCell;
use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;

use super::super::SAMPLE_RATE;
use super::super::convolve::Foa;
use super::super::error::SceneError;
use super::super::path::Position;
use super::super::response::direct_delay;
use super::super::source::{Renderer, Source};
use super::table::Measurement;
use crate::seld::doa::Direction;

/// Samples between two responses of a moving source: 85 ms.
const STEP: usize = 2048;

/// A way along measured positions.
#[derive(Debug, Clone)]
pub(super) struct Ride {
    /// The positions in order, at least one.
    stops: Vec<Measurement>,
    /// Way from the first stop to each, in metres.
    marks: Vec<f64>,
    /// Where on the way it starts, in metres.
    pub(super) start_m: f64,
    /// In metres a second.
    pub(super) speed: f64,
}

impl Ride {
    /// Standing still at the first of the stops.
    pub(super) fn new(stops: Vec<Measurement>) -> Self {
        let mut marks = vec![0.0];
        for pair in stops.windows(2) {
            let [a, b] = [pair[0].position.offset_m(), pair[1].position.offset_m()];
            let step = (0..3).map(|i| (b[i] - a[i]).powi(2)).sum::<f64>().sqrt();
            marks.push(marks[marks.len() - 1] + step);
        }
        Self { stops, marks, start_m: 0.0, speed: 0.0 }
    }

    /// Length of the whole way.
    pub(super) fn length_m(&self) -> f64 {
        self.marks[self.marks.len() - 1]
    }

    /// The stop before the place it has reached after so many seconds, and the share of the way to the next.
    fn reached(&self, seconds: f64) -> (usize, f64) {
        let way = (self.start_m + self.speed * seconds).clamp(0.0, self.length_m());
        let next = self.marks.partition_point(|mark| *mark <= way).min(self.stops.len() - 1);
        let stop = next.saturating_sub(1);
        let gap = self.marks[next] - self.marks[stop];
        (stop, if gap > 0.0 { (way - self.marks[stop]) / gap } else { 0.0 })
    }
}

/// A source at a measured position, or on its way along several.
pub(in super::super) struct MeasuredSource {
    ride: Ride,
    /// The response that it begins with.
    first: Foa,
}

impl MeasuredSource {
    /// Standing still.
    ///
    /// # Errors
    /// A response that cannot be used.
    pub(super) fn still(measurement: &Measurement) -> Result<Self, SceneError> {
        Self::moving(Ride::new(vec![measurement.clone()]))
    }

    /// On its way.
    ///
    /// # Errors
    /// A response that cannot be used.
    pub(super) fn moving(ride: Ride) -> Result<Self, SceneError> {
        let first = ride.stops[ride.reached(0.0).0].load()?;
        Ok(Self { ride, first })
    }
}

impl Source for MeasuredSource {
    fn at(&self, seconds: f64) -> Position {
        let (stop, share) = self.ride.reached(seconds);
        let from = self.ride.stops[stop].position;
        let Some(next) = self.ride.stops.get(stop + 1) else { return from };
        let (a, b) = (from.offset_m(), next.position.offset_m());
        let offset: [f64; 3] = std::array::from_fn(|i| a[i] + share * (b[i] - a[i]));
        let distance_m = offset.iter().map(|x| x * x).sum::<f64>().sqrt();
        Position { direction: Direction::from_vector(offset), distance_m }
    }

    fn delay_samples(&self) -> usize {
        direct_delay(self.at(0.0).offset_m()).round() as usize
    }

    fn render(
        &self,
        signal: &[f32],
        renderer: &mut Renderer,
        _rng: &mut ChaCha8Rng,
    ) -> Result<Foa, SceneError> {
        if self.ride.speed == 0.0 {
            return Ok(renderer.convolver.convolve(signal, &self.first));
        }
        let taps = self.first[0].len();
        let loaded: RefCell<HashMap<usize, Foa>> = RefCell::default();
        let mut failure = None;
        let heard = renderer.convolver.convolve_changing(signal, STEP, |step| {
            let (stop, share) = self.ride.reached((step * STEP) as f64 / f64::from(SAMPLE_RATE));
            let mut loaded = loaded.borrow_mut();
            // What lies behind is not needed again.
            loaded.retain(|number, _| *number >= stop);
            let mut response: Foa = std::array::from_fn(|_| vec![0.0; taps]);
            for (number, weight) in [(stop, 1.0 - share), (stop + 1, share)] {
                let Some(measurement) = self.ride.stops.get(number).filter(|_| weight > 0.0) else { continue };
                if !loaded.contains_key(&number) {
                    match measurement.load() {
                        Ok(foa) => drop(loaded.insert(number, foa)),
                        Err(error) => drop(failure.get_or_insert(error)),
                    }
                }
                for (sum, x) in response.iter_mut().zip(loaded.get(&number).into_iter().flatten()) {
                    sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += weight as f32 * x);
                }
            }
            response
        });
        failure.map_or(Ok(heard), Err)
    }
}
