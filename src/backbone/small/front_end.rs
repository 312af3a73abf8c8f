//! Waveform to normalised log-mel frames.

use tch::{Device, Kind, TchError, Tensor};

use crate::backbone::tagger::Tap;
use crate::backbone::weights::Weights;
use crate::features::Scale;
use crate::features::filterbank::{BankConfig, Norm};
use crate::features::stft::{Padding, Stft, StftConfig, Window};

/// Sample rate in Hz.
pub const SAMPLE_RATE: u32 = 24_000;
/// From frame to frame, in samples: 20 ms.
pub const HOP: i64 = 480;
const N_FFT: i64 = 1024;
/// Number of mel bands.
pub(super) const BANDS: i64 = 64;
/// What it makes: frame t is centred on t hops.
pub(super) const PICTURE: Tap = Tap::log_mel(BANDS, HOP, SAMPLE_RATE, 0, [BANK.fmin_hz, BANK.fmax_hz]);
const STFT: StftConfig = StftConfig {
    n_fft: N_FFT,
    hop: HOP,
    win_length: N_FFT,
    window: Window::Hann,
    // Zeros and not a reflection, so that a waveform may be shorter than half a window.
    padding: Padding::Zeros,
};
const BANK: BankConfig = BankConfig {
    sample_rate: SAMPLE_RATE,
    n_fft: N_FFT,
    bands: BANDS,
    fmin_hz: 50.0,
    fmax_hz: 12_000.0,
    scale: Scale::Mel,
    linear_below_hz: 0.0,
    norm: Norm::Area,
};
/// Added before the logarithm: the power in a band of white noise at about -72 dB of full scale. What is quieter is
/// silence; far above the rounding of float32 beside a sine at full scale.
const LOG_OFFSET: f64 = 1e-6;
const MEAN: &str = "picture.mean";
const DEVIATION: &str = "picture.deviation";

/// The front-end, with the constants that normalise its bands.
#[derive(Debug)]
pub struct LogMel {
    stft: Stft,
    /// `[513, 64]`
    mel: Tensor,
    /// `[64]`
    mean: Tensor,
    /// `[64]`
    deviation: Tensor,
}

impl LogMel {
    /// Without normalisation.
    ///
    /// # Errors
    /// The device has no memory left.
    pub fn new(device: Device) -> Result<Self, TchError> {
        let constant = |value: f64| Tensor::f_full([BANDS], value, (Kind::Float, device));
        Ok(Self {
            stft: Stft::new(STFT, Kind::Float, device)?,
            mel: BANK.matrix(device)?,
            mean: constant(0.0)?,
            deviation: constant(1.0)?,
        })
    }

    /// With the constants of a file.
    pub(super) fn take(weights: &mut Weights, device: Device) -> Result<Self, TchError> {
        let mut constant = |name: &str| {
            let value = weights.take(name, &[BANDS]);
            weights.place(&value)
        };
        let (mean, deviation) = (constant(MEAN), constant(DEVIATION));
        Ok(Self { mean, deviation, ..Self::new(device)? })
    }

    /// With the mean and deviation of every band in some sound, waveforms `[B, S]`.
    ///
    /// # Errors
    /// The device has no memory left.
    pub fn normalised_to(self, waveform: &Tensor) -> Result<Self, TchError> {
        let _guard = tch::no_grad_guard();
        let frames = self.log_mel(waveform).flatten(0, 1).to_kind(Kind::Double);
        let mean = frames.f_mean_dim([0].as_slice(), false, Kind::Double)?;
        let deviation = (frames - &mean).square().f_mean_dim([0].as_slice(), false, Kind::Double)?.sqrt();
        // A band that never changes says nothing; it is not to be blown up.
        let deviation = deviation.clamp_min(0.1);
        Ok(Self { mean: mean.to_kind(Kind::Float), deviation: deviation.to_kind(Kind::Float), ..self })
    }

    /// The constants by the names that files have them under.
    pub fn constants(&self) -> Vec<(String, Tensor)> {
        vec![(MEAN.to_owned(), self.mean.copy()), (DEVIATION.to_owned(), self.deviation.copy())]
    }

    /// Waveform `[B, S]` at 24 kHz to the logarithm of the power in each band, `[B, T, 64]`, T = floor(S / 480) + 1.
    pub fn log_mel(&self, waveform: &Tensor) -> Tensor {
        let complex = self.stft.forward(&waveform.unsqueeze(1)).select(1, 0).transpose(1, 2);
        let power = complex.select(-1, 0).square() + complex.select(-1, 1).square();
        (power.matmul(&self.mel) + LOG_OFFSET).log()
    }

    /// The same, normalised, as a picture `[B, 1, T, 64]`.
    pub fn picture(&self, waveform: &Tensor) -> Tensor {
        ((self.log_mel(waveform) - &self.mean) / &self.deviation).unsqueeze(1)
    }
}
