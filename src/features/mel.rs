//! Triangular mel filterbanks, in the scales and normalisations of the field.

use tch::{Device, Kind, TchError, Tensor};

/// How frequency is bent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MelScale {
    /// Linear below 1 kHz, logarithmic above (Slaney's Auditory Toolbox; librosa's default).
    Slaney,
    /// 2595 log10(1 + f / 700) (O'Shaughnessy; HTK).
    Htk,
}

/// How each triangle is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MelNorm {
    /// 2 / bandwidth in Hz: constant area (librosa's "slaney").
    Area,
    /// The weights of a band sum to one (librosa's `norm=1`).
    SumOne,
    /// The peak of the continuous triangle is one.
    Peak,
}

/// A bank of triangles over the bins of an FFT.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MelConfig {
    /// Sample rate in Hz.
    pub sample_rate: u32,
    /// FFT length in samples.
    pub n_fft: i64,
    /// Number of bands.
    pub bands: i64,
    /// Lower edge of the lowest band, in Hz.
    pub fmin_hz: f64,
    /// Upper edge of the highest band, in Hz.
    pub fmax_hz: f64,
    /// How frequency is bent.
    pub scale: MelScale,
    /// How each triangle is scaled.
    pub norm: MelNorm,
}

impl MelConfig {
    /// The bank as `[K, F]` float32 on `device`, K = n_fft / 2 + 1 bins; computed in float64.
    pub fn matrix(&self, device: Device) -> Result<Tensor, TchError> {
        let bins = self.n_fft / 2 + 1;
        let matrix = Tensor::f_from_slice(&self.weights())?.f_view([self.bands, bins])?;
        Ok(matrix.f_transpose(0, 1)?.f_to_kind(Kind::Float)?.f_contiguous()?.to_device(device))
    }

    /// Band after band, the weights of all bins.
    fn weights(&self) -> Vec<f64> {
        let bins = self.n_fft / 2 + 1;
        let (low, high) = (self.scale.to_mel(self.fmin_hz), self.scale.to_mel(self.fmax_hz));
        let step = (high - low) / (self.bands + 1) as f64;
        let edges: Vec<f64> = (0..self.bands + 2).map(|i| self.scale.to_hz(low + step * i as f64)).collect();
        let hz_per_bin = f64::from(self.sample_rate) / self.n_fft as f64;
        let mut weights = Vec::with_capacity((bins * self.bands) as usize);
        for edge in edges.windows(3) {
            let triangle = (0..bins).map(|bin| {
                let hz = bin as f64 * hz_per_bin;
                let rising = (hz - edge[0]) / (edge[1] - edge[0]);
                let falling = (edge[2] - hz) / (edge[2] - edge[1]);
                rising.min(falling).max(0.0)
            });
            let band: Vec<f64> = triangle.collect();
            let gain = match self.norm {
                MelNorm::Area => 2.0 / (edge[2] - edge[0]),
                MelNorm::Peak => 1.0,
                MelNorm::SumOne => match band.iter().sum::<f64>() {
                    // A band so narrow that no bin falls into it stays empty.
                    0.0 => 0.0,
                    sum => 1.0 / sum,
                },
            };
            weights.extend(band.into_iter().map(|w| w * gain));
        }
        weights
    }
}

/// Slaney's scale: 3 mel in 200 Hz up to 1 kHz, then 27 mel for every factor of 6.4.
const SLANEY_HZ_PER_MEL: f64 = 200.0 / 3.0;
const SLANEY_BREAK_HZ: f64 = 1000.0;

impl MelScale {
    fn to_mel(self, hz: f64) -> f64 {
        match self {
            Self::Htk => 2595.0 * (1.0 + hz / 700.0).log10(),
            Self::Slaney if hz < SLANEY_BREAK_HZ => hz / SLANEY_HZ_PER_MEL,
            Self::Slaney => {
                SLANEY_BREAK_HZ / SLANEY_HZ_PER_MEL + (hz / SLANEY_BREAK_HZ).ln() / slaney_log_step()
            }
        }
    }

    fn to_hz(self, mel: f64) -> f64 {
        let break_mel = SLANEY_BREAK_HZ / SLANEY_HZ_PER_MEL;
        match self {
            Self::Htk => 700.0 * (10f64.powf(mel / 2595.0) - 1.0),
            Self::Slaney if mel < break_mel => mel * SLANEY_HZ_PER_MEL,
            Self::Slaney => SLANEY_BREAK_HZ * ((mel - break_mel) * slaney_log_step()).exp(),
        }
    }
}

fn slaney_log_step() -> f64 {
    6.4f64.ln() / 27.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn scales_are_inverse_to_each_other(hz in 0.0..24000.0f64) {
            for scale in [MelScale::Slaney, MelScale::Htk] {
                prop_assert!((scale.to_hz(scale.to_mel(hz)) - hz).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn bands_sum_to_one_and_none_is_negative() {
        let config = MelConfig {
            sample_rate: 44100,
            n_fft: 2048,
            bands: 96,
            fmin_hz: 0.0,
            fmax_hz: 22050.0,
            scale: MelScale::Htk,
            norm: MelNorm::SumOne,
        };
        let matrix = config.matrix(Device::Cpu).unwrap();
        assert_eq!(matrix.size(), [1025, 96]);
        assert!(matrix.min().double_value(&[]) >= 0.0);
        let sums = matrix.sum_dim_intlist([0].as_slice(), false, Kind::Float);
        assert!((sums - 1.0).abs().max().double_value(&[]) < 1e-5);
    }

    #[test]
    fn bands_narrower_than_a_bin_are_finite() {
        let config = MelConfig {
            sample_rate: 24000,
            n_fft: 256,
            bands: 128,
            fmin_hz: 0.0,
            fmax_hz: 12000.0,
            scale: MelScale::Slaney,
            norm: MelNorm::SumOne,
        };
        assert!(config.matrix(Device::Cpu).unwrap().isfinite().all().int64_value(&[]) == 1);
    }
}
