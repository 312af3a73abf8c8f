//! From the waveform to the normalised log-mel spectrogram.

use tch::{Device, Kind, TchError, Tensor};

use crate::backbone::blocks::{BatchNorm, affine_of};
use crate::backbone::tagger::Tap;
use crate::backbone::weights::Weights;
use crate::features::Scale;
use crate::features::filterbank::{BankConfig, Norm};
use crate::features::stft::{Padding, Stft, StftConfig, Window};

pub(super) const SAMPLE_RATE: u32 = 32000;
pub(super) const HOP: i64 = 320;
const N_FFT: i64 = 1024;
const BINS: i64 = N_FFT / 2 + 1;
pub(super) const BANDS: i64 = 64;
const LOWEST_HZ: f64 = 50.0;
const HIGHEST_HZ: f64 = 14_000.0;
/// What it makes: spectrogram frame t is centred on t hops.
pub(super) const PICTURE: Tap = Tap::log_mel(BANDS, HOP, SAMPLE_RATE, 0, [LOWEST_HZ, HIGHEST_HZ]);
/// Power below which everything is silence, -100 dB.
const SILENCE: f64 = 1e-10;

/// The front-end with its weights.
#[derive(Debug)]
pub(super) struct FrontEnd {
    stft: Stft,
    /// `[K, F]`
    mel: Tensor,
    /// The first batch norm, of each band: `[F]` and `[F]`.
    gain: Tensor,
    shift: Tensor,
}

impl FrontEnd {
    pub(super) fn load(weights: &mut Weights, device: Device) -> Result<Self, TchError> {
        let stft = StftConfig {
            n_fft: N_FFT,
            hop: HOP,
            win_length: N_FFT,
            window: Window::Hann,
            padding: Padding::Reflect,
        };
        // The state dict has the transform as the kernels of a convolution. They are what the window and the length make
        // them; only another length would be another network.
        for part in ["real", "imag"] {
            let name = format!("spectrogram_extractor.stft.conv_{part}.weight");
            if weights.has(&name) {
                let _kernels = weights.take(&name, &[BINS, 1, N_FFT]);
            }
        }
        // As the authors' code does, a checkpoint's own mel matrix comes before the computed one.
        let mel = match weights.has("logmel_extractor.melW") {
            true => {
                let matrix = weights.take("logmel_extractor.melW", &[BINS, BANDS]);
                weights.place(&matrix)
            }
            false => mel_bank().matrix(device)?,
        };
        let (gain, shift) = affine_of(weights, &BatchNorm { name: "bn0".into(), epsilon: 1e-5 }, BANDS);
        let (gain, shift) = (weights.place(&gain), weights.place(&shift));
        Ok(Self { stft: Stft::new(stft, Kind::Double, device)?, mel, gain, shift })
    }

    /// Waveform `[B, S]`, of more than 512 samples, to the log-mel spectrogram in dB `[B, T, 64]`,
    /// T = floor(S / 320) + 1.
    pub(super) fn log_mel(&self, waveform: &Tensor) -> Tensor {
        // In float64: a float32 transform's rounding shows in the quiet bands, and the network costs far more.
        let waveform = waveform.to_kind(Kind::Double).unsqueeze(1);
        let complex = self.stft.forward(&waveform).select(1, 0).transpose(1, 2);
        let power = (complex.select(-1, 0).square() + complex.select(-1, 1).square()).to_kind(Kind::Float);
        power.matmul(&self.mel).clamp_min(SILENCE).log10() * 10.0
    }

    /// Log-mel spectrogram `[B, T, 64]` to the same, normalised, as a picture `[B, 1, T, 64]`.
    pub(super) fn normalise(&self, log_mel: &Tensor) -> Tensor {
        (log_mel * &self.gain + &self.shift).unsqueeze(1)
    }
}

fn mel_bank() -> BankConfig {
    BankConfig {
        sample_rate: SAMPLE_RATE,
        n_fft: N_FFT,
        bands: BANDS,
        fmin_hz: LOWEST_HZ,
        fmax_hz: HIGHEST_HZ,
        scale: Scale::Mel,
        linear_below_hz: 0.0,
        norm: Norm::Area,
    }
}
