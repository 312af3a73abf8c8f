//! A source that is heard through measured responses.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rand_chacha::ChaCha8Rng;

use super::super::SAMPLE_RATE;
use super::super::convolve::{Foa, silence};
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
        // All of one length: that of the longest on the way.
        let last =
            self.ride.reached(signal.len().next_multiple_of(STEP) as f64 / f64::from(SAMPLE_RATE)).0 + 1;
        let passed = self.ride.stops.iter().take(last + 1).skip(self.ride.reached(0.0).0);
        let taps = passed.map(Measurement::most_taps).fold(self.first[0].len(), usize::max);
        let mut loaded = Loaded { taps, ..Loaded::default() };
        let mut failure = None;
        let heard = renderer.convolver.convolve_changing(signal, STEP, &Foa::default(), |step| {
            let (stop, share) = self.ride.reached((step * STEP) as f64 / f64::from(SAMPLE_RATE));
            let mut response = silence(loaded.taps);
            for (number, weight) in [(stop, 1.0 - share), (stop + 1, share)] {
                let measurement = self.ride.stops.get(number).filter(|_| weight > 0.0);
                if let Some(error) =
                    measurement.and_then(|m| loaded.add(&mut response, number, m, weight).err())
                {
                    failure.get_or_insert(error);
                }
            }
            response
        });
        failure.map_or(Ok(heard), Err)
    }
}

/// The responses that a moving source is between.
#[derive(Default)]
struct Loaded {
    taps: usize,
    responses: BTreeMap<usize, Foa>,
}

impl Loaded {
    /// Adds the response of a stop to `sum`, with a weight.
    fn add(
        &mut self,
        sum: &mut Foa,
        number: usize,
        stop: &Measurement,
        weight: f64,
    ) -> Result<(), SceneError> {
        // What lies further behind is not needed again.
        self.responses.retain(|other, _| *other + 1 >= number);
        let response = match self.responses.entry(number) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(stop.load()?),
        };
        for (sum, x) in sum.iter_mut().zip(response) {
            sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += weight as f32 * *x);
        }
        Ok(())
    }
}
