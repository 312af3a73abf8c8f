//! Where a source is at every moment, and what the array hears of it.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::SAMPLE_RATE;
use super::convolve::{Convolver, Foa, add};
use super::foa::{early_response, tail};
use super::room::{Room, SPEED_OF_SOUND};
use crate::seld::doa::Direction;

/// Samples between two impulse responses of a moving source: 100 ms.
const STEP: usize = SAMPLE_RATE as usize / 10;
/// Highest angular speed of a moving source, in degrees a second.
const MAX_SPEED_DEG_PER_S: f64 = 40.0;

/// A source's way around the array at constant distance and angular speed; standing still is speed zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Path {
    /// Direction at the start.
    pub(super) start: Direction,
    /// Azimuth speed, in degrees a second.
    pub(super) azimuth_speed: f64,
    /// Elevation speed, in degrees a second.
    pub(super) elevation_speed: f64,
    /// Distance from the array, in metres.
    pub(super) distance_m: f64,
}

impl Path {
    /// A random place in the room.
    pub(super) fn draw_static(room: &Room, array: [f64; 3], rng: &mut ChaCha8Rng) -> Self {
        loop {
            let start = draw_direction(rng);
            if let Some(distance_m) = Room::draw_distance(room.reach_m(array, start.to_vector()), rng) {
                return Self { start, azimuth_speed: 0.0, elevation_speed: 0.0, distance_m };
            }
        }
    }

    /// A random arc in the room that takes `seconds`, at 0.3 to 1.5 m/s.
    pub(super) fn draw_moving(room: &Room, array: [f64; 3], seconds: f64, rng: &mut ChaCha8Rng) -> Self {
        loop {
            let start = draw_direction(rng);
            let end_elevation = start.elevation_deg + rng.random_range(-15.0..15.0);
            let reach = |path: Self| {
                (0..=20)
                    .map(|i| room.reach_m(array, path.at(seconds * f64::from(i) / 20.0).to_vector()))
                    .fold(f64::INFINITY, f64::min)
            };
            let speed_m_per_s = rng.random_range(0.3..1.5);
            let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
            let elevation_speed = (end_elevation - start.elevation_deg) / seconds.max(1.0);
            // The arc depends on the distance and the reach on the arc: try the fastest arc first.
            let fastest =
                Self { start, azimuth_speed: sign * MAX_SPEED_DEG_PER_S, elevation_speed, distance_m: 1.0 };
            if let Some(distance_m) = Room::draw_distance(reach(fastest), rng) {
                let speed = (speed_m_per_s / distance_m).to_degrees().min(MAX_SPEED_DEG_PER_S);
                return Self { azimuth_speed: sign * speed, distance_m, ..fastest };
            }
        }
    }

    /// Whether it moves at all.
    pub(super) fn is_moving(&self) -> bool {
        self.azimuth_speed != 0.0 || self.elevation_speed != 0.0
    }

    /// The direction `seconds` after the start.
    pub(super) fn at(&self, seconds: f64) -> Direction {
        Direction {
            azimuth_deg: self.start.azimuth_deg + self.azimuth_speed * seconds,
            elevation_deg: (self.start.elevation_deg + self.elevation_speed * seconds).clamp(-80.0, 80.0),
        }
        .normalised()
    }

    /// Time from the source to the array, in samples.
    pub(super) fn delay_samples(&self) -> usize {
        (self.distance_m / SPEED_OF_SOUND * f64::from(SAMPLE_RATE)).round() as usize
    }

    /// What the array hears when `signal` is played on this way; the first sample is when it starts to play.
    pub(super) fn render(
        &self,
        signal: &[f32],
        room: &Room,
        array: [f64; 3],
        convolver: &mut Convolver,
        rng: &mut ChaCha8Rng,
    ) -> Foa {
        let mut late = tail(room, self.distance_m, rng);
        if self.is_moving() {
            // The tail is diffuse: it stays as it is while the source moves.
            let mut heard = convolver.convolve(signal, &late);
            self.render_steps(signal, convolver, &mut heard, |offset| early_response(room, array, offset));
            heard
        } else {
            add(&mut late, 0, &early_response(room, array, self.offset_m(0.0)));
            convolver.convolve(signal, &late)
        }
    }

    /// Cross-fades between impulse responses [`STEP`] apart: the signal is cut by overlapping triangles that
    /// add up to one, so that nothing jumps.
    fn render_steps(
        &self,
        signal: &[f32],
        convolver: &mut Convolver,
        heard: &mut Foa,
        response_at: impl Fn([f64; 3]) -> Foa,
    ) {
        for step in 0..=signal.len().div_ceil(STEP) {
            let centre = step * STEP;
            let from = centre.saturating_sub(STEP);
            let to = (centre + STEP).min(signal.len());
            if from >= to {
                continue;
            }
            let weight = |n: usize| 1.0 - n.abs_diff(centre) as f32 / STEP as f32;
            let part: Vec<f32> = (from..to).map(|n| signal[n] * weight(n)).collect();
            let response = response_at(self.offset_m(centre as f64 / f64::from(SAMPLE_RATE)));
            add(heard, from, &convolver.convolve(&part, &response));
        }
    }

    fn offset_m(&self, seconds: f64) -> [f64; 3] {
        self.at(seconds).to_vector().map(|x| x * self.distance_m)
    }
}

/// Azimuth uniform, elevation in -35 to 50 degrees, mostly near the horizon.
fn draw_direction(rng: &mut ChaCha8Rng) -> Direction {
    let spread: f64 = rng.random_range(-1.0..1.0);
    Direction {
        azimuth_deg: rng.random_range(-180.0..180.0),
        elevation_deg: 7.5 + 42.5 * spread.signum() * spread.abs().powf(1.4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moving_source_does_not_click() {
        let mut rng = crate::rng::stream(2, &["path"]);
        let room = Room::draw(&mut rng);
        let array = room.draw_array(&mut rng);
        let hz = 300.0;
        let tone: Vec<f32> = (0..4 * SAMPLE_RATE)
            .map(|n| (std::f32::consts::TAU * hz * n as f32 / SAMPLE_RATE as f32).sin())
            .collect();
        let path = Path::draw_moving(&room, array, 4.0, &mut rng);
        let heard = path.render(&tone, &room, array, &mut Convolver::default(), &mut rng);
        for channel in &heard {
            // The ends see the tone start and stop.
            let inner = &channel[12_000..channel.len() - 40_000];
            let peak = inner.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
            // No steeper than the tone itself at its largest.
            let steepest = peak * std::f32::consts::TAU * hz / SAMPLE_RATE as f32;
            let jump = inner.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
            assert!(jump < 1.1 * steepest, "{jump} against {steepest}");
        }
    }

    #[test]
    fn arcs_stay_in_the_room_and_under_the_speed_limit() {
        let mut rng = crate::rng::stream(2, &["arcs"]);
        for _ in 0..50 {
            let room = Room::draw(&mut rng);
            let array = room.draw_array(&mut rng);
            let path = Path::draw_moving(&room, array, 5.0, &mut rng);
            assert!(path.is_moving() && path.azimuth_speed.abs() <= MAX_SPEED_DEG_PER_S);
            for step in 0..=50 {
                let offset = path.offset_m(f64::from(step) / 10.0);
                for axis in 0..3 {
                    let place = array[axis] + offset[axis];
                    assert!(place > 0.3 && place < room.size_m[axis] - 0.3, "axis {axis}: {place}");
                }
            }
        }
    }
}
