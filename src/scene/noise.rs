//! Ambient noise that comes from everywhere.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::SAMPLE_RATE;
use super::convolve::{Foa, silence};
use super::foa::DIFFUSE_DIPOLE;

/// Poles of the filter that tilts a spectrum.
const SECTIONS: usize = 7;
/// The first and the last of them, in Hz. Below and above the spectrum is flat.
const POLES_HZ: (f64, f64) = (30.0, 11_000.0);

/// Diffuse noise whose power density changes by `tilt_db` an octave, with unit mean power in W.
///
/// In an isotropic field the four SN3D channels are uncorrelated, and Y, Z and X have a third of W's power. The
/// tilt comes from first-order sections with poles evenly spaced in octaves, each followed by a zero at the
/// distance that gives the slope (J. O. Smith, H. F. Smith, arXiv 1606.06154).
pub(super) fn diffuse(length: usize, tilt_db: f64, rng: &mut ChaCha8Rng) -> Foa {
    let sections = tilt_sections(tilt_db);
    let mut noise = silence(length);
    let mut states = [[0.0_f32; 4]; SECTIONS];
    for n in 0..length {
        let mut x: [f32; 4] = std::array::from_fn(|_| rng.sample(StandardNormal));
        for (section, state) in sections.iter().zip(&mut states) {
            let [b0, b1, a1] = *section;
            for (x, state) in x.iter_mut().zip(state) {
                // Transposed direct form II; the four channels run side by side.
                let y = b0 * *x + *state;
                *state = b1 * *x - a1 * y;
                *x = y;
            }
        }
        for (channel, x) in noise.iter_mut().zip(x) {
            channel[n] = x;
        }
    }
    for (channel, samples) in noise.iter_mut().enumerate() {
        let level = if channel == 0 { 1.0 } else { DIFFUSE_DIPOLE };
        let scale = level * mean_power(samples).max(1e-20).sqrt().recip() as f32;
        samples.iter_mut().for_each(|x| *x *= scale);
    }
    noise
}

/// What an omnidirectional microphone hears of [`diffuse`] noise: mono samples of unit mean power, whose power density
/// changes by `tilt_db` an octave.
pub fn tilted(length: usize, tilt_db: f64, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let [omni, ..] = diffuse(length, tilt_db, rng);
    omni
}

/// Coefficients b0, b1, a1 of each section, by the bilinear transform.
fn tilt_sections(tilt_db: f64) -> [[f32; 3]; SECTIONS] {
    let (first, last) = POLES_HZ;
    let ratio = (last / first).powf(1.0 / (SECTIONS - 1) as f64);
    // 6.02 dB an octave is one power of the frequency.
    let power = tilt_db / (20.0 * 2f64.log10());
    let warped = |hz: f64| {
        let nyquist = 0.5 * f64::from(SAMPLE_RATE);
        (0.5 * std::f64::consts::PI * (hz / nyquist).min(0.98)).tan()
    };
    std::array::from_fn(|i| {
        let pole_hz = first * ratio.powi(i as i32);
        let (pole, zero) = (warped(pole_hz), warped(pole_hz * ratio.powf(-power)));
        [(1.0 + zero) / (1.0 + pole), (zero - 1.0) / (1.0 + pole), (pole - 1.0) / (1.0 + pole)]
            .map(|x| x as f32)
    })
}

/// Mean of the squares; 0 for no samples.
pub(super) fn mean_power(samples: &[f32]) -> f64 {
    // Short runs in single precision: fast, and exact enough to the seventh digit.
    let energy: f64 = samples.chunks(256).map(|run| f64::from(run.iter().map(|x| x * x).sum::<f32>())).sum();
    energy / samples.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::convolve::RealFft;

    /// Power in dB around a frequency.
    fn level_db(samples: &[f32], hz: f64) -> f64 {
        const SIZE: usize = 1024;
        let mut fft = RealFft::new(SIZE);
        let mut spectrum = vec![Default::default(); fft.bins()];
        let bin = (hz * SIZE as f64 / f64::from(SAMPLE_RATE)).round() as usize;
        let mut power = 0.0;
        for frame in samples.chunks_exact(SIZE) {
            fft.forward(&mut spectrum, |block| {
                for (n, (s, x)) in block.iter_mut().zip(frame).enumerate() {
                    *s = x * (std::f32::consts::PI * n as f32 / SIZE as f32).sin();
                }
            });
            power += spectrum[bin - 1..=bin + 1].iter().map(|x| f64::from(x.norm_sqr())).sum::<f64>();
        }
        10.0 * power.log10()
    }

    #[test]
    fn the_tilt_is_what_was_asked_for() {
        for tilt_db in [-9.0, -6.0, -3.0, 0.0, 3.0] {
            let noise = diffuse(400_000, tilt_db, &mut crate::rng::stream(1, &["noise"]));
            let slope = (level_db(&noise[0], 4_000.0) - level_db(&noise[0], 250.0)) / 4.0;
            assert!((slope - tilt_db).abs() < 0.4, "asked {tilt_db}, got {slope}");
        }
    }

    #[test]
    fn channels_are_uncorrelated_with_the_powers_of_a_diffuse_field() {
        let noise = diffuse(200_000, -3.0, &mut crate::rng::stream(1, &["noise"]));
        assert!((mean_power(&noise[0]) - 1.0).abs() < 1e-3);
        for channel in &noise[1..] {
            assert!((mean_power(channel) * 3.0 - 1.0).abs() < 1e-3);
            let product: f32 = noise[0].iter().zip(channel).map(|(w, v)| w * v).sum::<f32>() / 200_000.0;
            assert!(product.abs() < 0.05, "{product}");
        }
    }
}
