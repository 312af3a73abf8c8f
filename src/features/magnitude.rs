//! How loud the four channels are: log power, magnitude, per-channel energy normalisation.

use tch::Tensor;

use super::filterbank::Bank;
use super::spectrum::Spectrum;

/// Power below this counts as this: -100 dB.
const FLOOR: f64 = 1e-10;

/// 10 log10(max(1e-10, |S|^2 M)) in dB, `[B, 4, T, F]`, as in the baselines of DCASE 2022 and 2023.
pub(super) fn log_power(spectrum: &Spectrum, bank: &Bank) -> Tensor {
    decibels(&bank.apply(spectrum.power()))
}

/// Power in dB, -100 at least.
pub(super) fn decibels(power: &Tensor) -> Tensor {
    let mut level = power.clamp_min(FLOOR).log10_();
    level *= 10.0;
    level
}

/// sqrt(|S|^2 M), `[B, 4, T, F]`: in single bins the magnitude itself.
pub(super) fn magnitude(spectrum: &Spectrum, bank: &Bank) -> Tensor {
    bank.apply(spectrum.power()).sqrt()
}

/// Time constant of the smoothing, in seconds.
const TIME_CONSTANT_S: f64 = 0.4;
/// Exponent of the smoothed magnitude.
const GAIN: f64 = 0.98;
/// Added before the compression.
const BIAS: f64 = 2.0;
/// Exponent of the compression.
const POWER: f64 = 0.5;
/// Added to the smoothed magnitude: -120 dB of a full-scale amplitude.
const PCEN_EPSILON: f64 = 1e-6;
/// Time constants after which the smoothing forgets.
const REACH: f64 = 8.0;

/// Smooths magnitudes over the past.
#[derive(Debug)]
pub(super) struct Smoothing {
    /// Weights from the earliest frame to the present one, `[1, 1, L, 1]`.
    kernel: Tensor,
}

impl Smoothing {
    /// For frames `hop_s` seconds apart. The coefficient is that of librosa's `pcen`.
    pub(super) fn new(hop_s: f64, device: tch::Device) -> Self {
        let frames = TIME_CONSTANT_S / hop_s;
        let coefficient = ((1.0 + 4.0 * frames * frames).sqrt() - 1.0) / (2.0 * frames * frames);
        let length = (REACH / coefficient).ceil() as i32;
        let decay = 1.0 - coefficient;
        let total = 1.0 - decay.powi(length);
        let weights: Vec<f32> =
            (0..length).rev().map(|age| (coefficient * decay.powi(age) / total) as f32).collect();
        Self { kernel: Tensor::from_slice(&weights).view([1, 1, -1, 1]).to_device(device) }
    }

    /// The exponentially weighted mean of all frames up to each, `[B, C, T, F]`; before the first frame there was always
    /// the first.
    fn apply(&self, x: &Tensor) -> Tensor {
        let before = self.kernel.size()[2] - 1;
        let channels = x.size()[1];
        let padded = x.replication_pad2d([0, 0, before, 0]).flatten(0, 1).unsqueeze(1);
        let smooth = padded.conv2d(&self.kernel, None::<Tensor>, [1, 1], [0, 0], [1, 1], 1);
        smooth.squeeze_dim(1).unflatten(0, [-1, channels])
    }
}

/// (E / (eps + smoothed E)^0.98 + 2)^0.5 - 2^0.5 of the magnitude E in the bands, `[B, 4, T, F]` (Y. Wang et al.,
/// "Trainable frontend for robust and far-field keyword spotting", ICASSP 2017, with the values of librosa).
///
/// The forward recursion is a convolution with its impulse response, cut when 3e-4 of its weight are left, so that a
/// traced graph takes any length.
pub(super) fn energy_normalised(spectrum: &Spectrum, bank: &Bank, smoothing: &Smoothing) -> Tensor {
    let energy = magnitude(spectrum, bank);
    // The authors work on 32-bit integers: full scale is 2^31, so that the bias is far below any sound.
    const SCALE: f64 = 2_147_483_648.0;
    let smooth = (smoothing.apply(&energy) + PCEN_EPSILON).pow_tensor_scalar(-GAIN);
    let ratio = energy * smooth * SCALE.powf(1.0 - GAIN);
    (ratio + BIAS).pow_tensor_scalar(POWER) - BIAS.powf(POWER)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn smoothing_is_the_recursion_that_starts_with_the_first_frame() {
        let hop_s = 0.02;
        let frames = TIME_CONSTANT_S / hop_s;
        let b = ((1.0 + 4.0 * frames * frames).sqrt() - 1.0) / (2.0 * frames * frames);
        let x = Tensor::rand([2, 4, 300, 3], (Kind::Float, Device::Cpu));
        let smooth = Smoothing::new(hop_s, Device::Cpu).apply(&x);
        for (batch, channel, band) in [(0, 0, 0), (1, 3, 2)] {
            let mut state = x.double_value(&[batch, channel, 0, band]);
            for frame in 0..300 {
                state = (1.0 - b) * state + b * x.double_value(&[batch, channel, frame, band]);
                let got = smooth.double_value(&[batch, channel, frame, band]);
                assert!((got - state).abs() < 1e-3 * state, "{frame}: {got} {state}");
            }
        }
    }
}
