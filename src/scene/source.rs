//! A sound source at its place, and what the array hears of it.

use rand_chacha::ChaCha8Rng;

use super::SAMPLE_RATE;
use super::convolve::{Convolver, Foa};
use super::delay::DelayLine;
use super::error::SceneError;
use super::foa::point_gains;
use super::path::{Path, Position};
use super::response::{Responses, direct_delay};
use super::room::Room;

/// Way of a source between two sets of its early reflections, at most, in metres: a hand's breadth. The direct sound
/// moves from sample to sample.
const STEP_M: f64 = 0.13;
/// Samples of such a step: 85 and 171 ms.
const STEPS: [usize; 2] = [2048, 4096];

/// What rendering needs again and again: transforms, filters, work space. One a thread.
pub(super) struct Renderer {
    pub(super) convolver: Convolver,
    pub(super) responses: Responses,
    pub(super) delay_line: DelayLine,
}

impl Renderer {
    /// A renderer.
    pub(super) fn new() -> Self {
        let convolver = Convolver::default();
        Self { convolver, responses: Responses::new(), delay_line: DelayLine::new() }
    }
}

/// A source at its place or on its way.
pub(super) trait Source {
    /// Where it is, `seconds` after it began to sound.
    fn at(&self, seconds: f64) -> Position;

    /// Time until its sound arrives at the array, in samples.
    fn delay_samples(&self) -> usize;

    /// What the array hears when it plays `signal`; the first sample is when it begins to play.
    ///
    /// # Errors
    /// An impulse response that cannot be read.
    fn render(
        &self,
        signal: &[f32],
        renderer: &mut Renderer,
        rng: &mut ChaCha8Rng,
    ) -> Result<Foa, SceneError>;
}

/// A source in a simulated room.
pub(super) struct SimulatedSource<'a> {
    /// The room.
    pub(super) room: &'a Room,
    /// Where the array stands in it.
    pub(super) array: [f64; 3],
    /// The source's way.
    pub(super) path: Path,
}

impl Source for SimulatedSource<'_> {
    fn at(&self, seconds: f64) -> Position {
        self.path.at(seconds)
    }

    fn delay_samples(&self) -> usize {
        direct_delay(self.path.at(0.0).offset_m()).round() as usize
    }

    fn render(
        &self,
        signal: &[f32],
        renderer: &mut Renderer,
        rng: &mut ChaCha8Rng,
    ) -> Result<Foa, SceneError> {
        let Renderer { convolver, responses, delay_line } = renderer;
        let start = self.path.at(0.0);
        if !self.path.is_moving() {
            let response = responses.complete(self.room, self.array, start.offset_m(), rng);
            return Ok(convolver.convolve(signal, &response));
        }
        let seconds = |samples: usize| samples as f64 / f64::from(SAMPLE_RATE);
        let [short, long] = STEPS;
        let speed = |samples| self.path.speed_m_per_s(seconds(samples));
        let fastest = speed(0).max(speed(signal.len()));
        let step = if fastest * seconds(long) <= STEP_M { long } else { short };
        // The tail is diffuse: it stays as it is while the source moves.
        let tail = responses.tail(self.room, start.distance_m, rng);
        let mut heard = convolver.convolve_changing(signal, step, &tail, |number| {
            responses.early(self.room, self.array, self.path.at(seconds(number * step)).offset_m())
        });
        // What is heard at a time left the source about as much earlier as it did at the start.
        let delay = self.delay_samples();
        delay_line.play(signal, &mut heard, |n| {
            let offset = self.path.at(seconds(n.saturating_sub(delay))).offset_m();
            (direct_delay(offset), point_gains(offset))
        });
        Ok(heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seld::doa::Direction;

    fn tone(hz: f32) -> Vec<f32> {
        let step = std::f32::consts::TAU * hz / SAMPLE_RATE as f32;
        (0..4 * SAMPLE_RATE).map(|n| (step * n as f32).sin()).collect()
    }

    #[test]
    fn a_moving_source_does_not_click() {
        let hz = 300.0;
        for stream in ["1", "2", "3", "4"] {
            let mut rng = crate::rng::stream(2, &["click", stream]);
            let room = Room::draw((0.2, 0.8), &mut rng);
            let array = room.draw_array(&mut rng);
            let path = Path::draw_moving(&room, array, 4.0, &mut rng);
            assert!(path.is_moving());
            let source = SimulatedSource { room: &room, array, path };
            let heard = source.render(&tone(hz), &mut Renderer::new(), &mut rng).unwrap();
            for channel in &heard {
                // The ends see the tone start and stop.
                let inner = &channel[24_000..90_000];
                let peak = inner.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
                // No steeper than the tone itself at its largest, and nowhere bent more than it is.
                let step = std::f32::consts::TAU * hz / SAMPLE_RATE as f32;
                let jump = inner.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
                assert!(jump < 1.1 * peak * step, "{jump} against {}", peak * step);
                let bend = |x: &[f32]| (x[2] - 2.0 * x[1] + x[0]).abs();
                let bent = inner.windows(3).map(bend).fold(0.0, f32::max);
                assert!(bent < 1.2 * peak * step * step, "{bent} against {}", peak * step * step);
            }
        }
    }

    #[test]
    fn a_moving_source_is_heard_where_its_label_says() {
        let room = super::super::room::tests::plain([8.0, 6.0, 3.0], 0.15);
        let start =
            Position { direction: Direction { azimuth_deg: -60.0, elevation_deg: 10.0 }, distance_m: 1.2 };
        let path = Path { start, azimuth_speed: 30.0, elevation_speed: -3.0, radial_speed: 0.1 };
        let source = SimulatedSource { room: &room, array: [4.0, 3.0, 1.5], path };
        let mut rng = crate::rng::stream(2, &["moving"]);
        let signal: Vec<f32> =
            (0..96_000).map(|_| rand::RngExt::random_range(&mut rng, -1.0..1.0_f32)).collect();
        let heard = source.render(&signal, &mut Renderer::new(), &mut rng).unwrap();
        for start in (2_400..90_000).step_by(2_400) {
            let along = |channel: usize| -> f64 {
                let (w, v) = (&heard[0][start..start + 2_400], &heard[channel][start..start + 2_400]);
                w.iter().zip(v).map(|(w, v)| f64::from(w * v)).sum()
            };
            let direction = Direction::from_vector([along(3), along(1), along(2)]);
            let seconds = (start + 1_200 - source.delay_samples()) as f64 / f64::from(SAMPLE_RATE);
            let error = direction.angle_to(source.at(seconds).direction);
            assert!(error < 12.0, "{start}: {error}");
        }
    }

    #[test]
    fn standing_still_and_moving_very_slowly_sound_alike() {
        let room = super::super::room::tests::plain([6.0, 5.0, 3.0], 0.3);
        let start =
            Position { direction: Direction { azimuth_deg: 40.0, elevation_deg: 0.0 }, distance_m: 1.5 };
        let render = |azimuth_speed: f64| {
            let path = Path { azimuth_speed, ..Path::still(start) };
            let source = SimulatedSource { room: &room, array: [3.0, 2.5, 1.4], path };
            source.render(&tone(700.0), &mut Renderer::new(), &mut crate::rng::stream(3, &[])).unwrap()
        };
        let (still, slow) = (render(0.0), render(1e-6));
        for channel in 0..4 {
            for n in 0..still[channel].len() {
                assert!((still[channel][n] - slow[channel][n]).abs() < 5e-3);
            }
        }
    }
}
