//! Ambient noise that comes from everywhere.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::SAMPLE_RATE;
use super::convolve::Foa;

/// Corners of the low-passes that colour the noise, in Hz.
const CORNERS_HZ: [f64; 3] = [80.0, 800.0, 8_000.0];

/// Diffuse noise of random colour, with unit mean power in W.
///
/// In an isotropic field the four SN3D channels are uncorrelated, and Y, Z and X have a third of W's power.
pub(super) fn diffuse(length: usize, rng: &mut ChaCha8Rng) -> Foa {
    let steps = CORNERS_HZ.map(|hz| 1.0 - (-std::f64::consts::TAU * hz / f64::from(SAMPLE_RATE)).exp());
    let gains: [f64; 3] = std::array::from_fn(|i| rng.random_range(0.3..1.0) / steps[i].sqrt());
    // A first-order low-pass of step s passes s / (2 - s) of white noise's power; the three are correlated, so
    // the level is measured and not computed.
    let mut noise: Foa = std::array::from_fn(|_| {
        let mut states = [0.0; 3];
        (0..length)
            .map(|_| {
                let white: f64 = rng.sample(StandardNormal);
                let mut sum = 0.0;
                for ((state, step), gain) in states.iter_mut().zip(steps).zip(gains) {
                    *state += step * (white - *state);
                    sum += gain * *state;
                }
                sum as f32
            })
            .collect()
    });
    for (channel, samples) in noise.iter_mut().enumerate() {
        let target = if channel == 0 { 1.0 } else { 1.0 / 3.0 };
        let scale = (target / mean_power(samples).max(1e-12)).sqrt() as f32;
        samples.iter_mut().for_each(|x| *x *= scale);
    }
    noise
}

/// Mean of the squares; 0 for no samples.
pub(super) fn mean_power(samples: &[f32]) -> f64 {
    let energy: f64 = samples.iter().map(|x| f64::from(*x).powi(2)).sum();
    energy / samples.len().max(1) as f64
}
