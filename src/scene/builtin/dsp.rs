//! The few building blocks that the procedural events are made of.

use std::f32::consts::TAU;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::SAMPLE_RATE;

/// Samples in so many seconds.
pub(super) fn samples(seconds: f32) -> usize {
    (seconds * SAMPLE_RATE as f32) as usize
}

/// White noise in ±1.
pub(super) fn noise(rng: &mut ChaCha8Rng) -> f32 {
    rng.random_range(-1.0..1.0)
}

/// A sine whose frequency may change from sample to sample.
#[derive(Default)]
pub(super) struct Oscillator {
    phase: f32,
}

impl Oscillator {
    /// The phase, in cycles, after one more sample at `hz`.
    pub(super) fn advance(&mut self, hz: f32) -> f32 {
        self.phase += hz / SAMPLE_RATE as f32;
        // Below half the sample rate, one turn is the most there is to take off.
        if self.phase >= 1.0 {
            self.phase -= 1.0;
        }
        self.phase
    }

    /// The next sample at `hz`.
    pub(super) fn sine(&mut self, hz: f32) -> f32 {
        (TAU * self.advance(hz)).sin()
    }
}

/// One period of a sound of many harmonics, so that a sample costs a look-up and not a sum of sines.
pub(super) struct Wave {
    table: Vec<f32>,
}

impl Wave {
    /// Samples of a period.
    const SIZE: usize = 2048;

    /// The sum of sines with the given amplitudes of the first, second, ... harmonic.
    pub(super) fn new(harmonics: &[f32]) -> Self {
        let at = |n: usize| {
            let phase = TAU * n as f32 / Self::SIZE as f32;
            harmonics.iter().zip(1..).map(|(gain, k)| gain * (phase * k as f32).sin()).sum()
        };
        Self { table: (0..=Self::SIZE).map(at).collect() }
    }

    /// The value at a phase in cycles, in [0, 1].
    pub(super) fn at(&self, phase: f32) -> f32 {
        let place = phase * Self::SIZE as f32;
        let index = (place as usize).min(Self::SIZE - 1);
        let (low, high) = (self.table[index], self.table[index + 1]);
        low + (place - index as f32) * (high - low)
    }
}

/// Amplitudes of harmonics that fall by `power`, each with its own strength, up to 10 kHz and at most `most`.
pub(super) fn harmonics(hz: f32, power: f32, most: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let count = ((10_000.0 / hz) as usize).clamp(1, most);
    (1..=count).map(|k| rng.random_range(0.4..1.0) / (k as f32).powf(power)).collect()
}

/// A struck resonance: a sine that dies away, by a two-pole recursion.
pub(super) struct Mode {
    feedback: [f32; 2],
    outputs: [f32; 2],
}

impl Mode {
    /// A mode at `hz`, struck at its first sample, that falls to 1/e in `decay_s`.
    pub(super) fn new(hz: f32, decay_s: f32, amplitude: f32) -> Self {
        let omega = TAU * hz / SAMPLE_RATE as f32;
        let radius = (-1.0 / (decay_s * SAMPLE_RATE as f32)).exp();
        // The outputs before the first are such that it is 0 and the second the sine's.
        let before = -amplitude * omega.sin() / radius;
        let feedback = [2.0 * radius * omega.cos(), -radius * radius];
        Self { feedback, outputs: [before, feedback[0] * before / -feedback[1]] }
    }

    /// The next sample.
    pub(super) fn next(&mut self) -> f32 {
        let output = self.feedback[0] * self.outputs[0] + self.feedback[1] * self.outputs[1];
        self.outputs = [output, self.outputs[0]];
        output
    }
}

/// A burst of white noise that falls to 1/e in `decay_s`, of so many samples.
pub(super) fn click(length: usize, decay_s: f32, level: f32, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let decay = (-1.0 / (decay_s * SAMPLE_RATE as f32)).exp();
    let mut envelope = level;
    (0..length)
        .map(|_| {
            let x = envelope * noise(rng);
            envelope *= decay;
            x
        })
        .collect()
}

/// A second-order band-pass with unit gain at its centre (R. Bristow-Johnson's cookbook).
#[derive(Default, Clone)]
pub(super) struct BandPass {
    gain: f32,
    feedback: [f32; 2],
    inputs: [f32; 2],
    outputs: [f32; 2],
}

impl BandPass {
    /// A filter centred on `hz` with the given bandwidth in Hz.
    pub(super) fn new(hz: f32, bandwidth_hz: f32) -> Self {
        let mut filter = Self::default();
        filter.tune(hz, bandwidth_hz);
        filter
    }

    /// Moves the filter and keeps its state.
    pub(super) fn tune(&mut self, hz: f32, bandwidth_hz: f32) {
        let hz = hz.clamp(20.0, 0.47 * SAMPLE_RATE as f32);
        let omega = TAU * hz / SAMPLE_RATE as f32;
        let alpha = omega.sin() * bandwidth_hz.max(1.0) / (2.0 * hz);
        self.gain = alpha / (1.0 + alpha);
        self.feedback = [-2.0 * omega.cos() / (1.0 + alpha), (1.0 - alpha) / (1.0 + alpha)];
    }

    /// The next output.
    pub(super) fn next(&mut self, input: f32) -> f32 {
        let output = self.gain * (input - self.inputs[1])
            - self.feedback[0] * self.outputs[0]
            - self.feedback[1] * self.outputs[1];
        self.inputs = [input, self.inputs[0]];
        self.outputs = [output, self.outputs[0]];
        output
    }
}

/// A first-order low-pass.
pub(super) struct LowPass {
    step: f32,
    state: f32,
}

impl LowPass {
    /// A filter with its corner at `hz`.
    pub(super) fn new(hz: f32) -> Self {
        Self { step: 1.0 - (-TAU * hz / SAMPLE_RATE as f32).exp(), state: 0.0 }
    }

    /// The next output.
    pub(super) fn next(&mut self, input: f32) -> f32 {
        self.state += self.step * (input - self.state);
        self.state
    }
}

/// Raises from 0 to 1 over `attack` and falls to 0 over `release` (fractions of the whole), at `position` in
/// [0, 1].
pub(super) fn hump(position: f32, attack: f32, release: f32) -> f32 {
    let edge = (position / attack).min((1.0 - position) / release).clamp(0.0, 1.0);
    edge * edge * (3.0 - 2.0 * edge)
}

/// Adds `burst` into `clip` at `start`; what does not fit is dropped.
pub(super) fn add_at(clip: &mut [f32], start: usize, burst: &[f32]) {
    for (sum, x) in clip.iter_mut().skip(start).zip(burst) {
        *sum += x;
    }
}

/// Log-uniform in `low..high`: pitch and rate are heard as ratios.
pub(super) fn log_uniform(rng: &mut ChaCha8Rng, low: f32, high: f32) -> f32 {
    rng.random_range(low.ln()..high.ln()).exp()
}
