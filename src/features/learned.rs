//! A bank of filters on the waveform that is learned with the network: a control for the fixed transforms.
//!
//! Pairs of filters as in SincNet and LEAF (N. Zeghidour et al., arXiv 2101.08596): they start as windowed cosines and
//! sines at the centres of the grid's bands, and may become anything.

use tch::nn::{self, Init};
use tch::{Kind, Tensor};

use super::error::Error;
use super::stft::{Pad, StftConfig};

/// Keeps logarithms and ratios, and their gradients, finite: -100 dB.
const EPSILON: f64 = 1e-10;

/// See the module.
#[derive(Debug)]
pub(super) struct LearnedBank {
    pad: Pad,
    hop: i64,
    bands: i64,
    /// `[2 F, 1, n_fft]`: cosines, then sines.
    filters: Tensor,
}

impl LearnedBank {
    /// Filters under `path`, at these centres.
    pub(super) fn new(
        path: &nn::Path,
        stft: StftConfig,
        centres_hz: &[f64],
        sample_rate: u32,
    ) -> Result<Self, Error> {
        let bands = centres_hz.len() as i64;
        let filters = path.var("filters", &[2 * bands, 1, stft.n_fft], Init::Const(0.0));
        let options = (Kind::Double, tch::Device::Cpu);
        let left = (stft.n_fft - stft.win_length) / 2;
        let window = stft.window()?.f_constant_pad_nd([left, stft.n_fft - stft.win_length - left])?;
        let window = &window / window.sum(Kind::Double);
        let time = Tensor::f_arange(stft.n_fft, options)? - (stft.n_fft / 2) as f64;
        let radians = 2.0 * std::f64::consts::PI / f64::from(sample_rate);
        let angle = Tensor::f_from_slice(centres_hz)?.f_view([bands, 1])? * radians * time;
        let initial = Tensor::f_cat(&[angle.cos() * &window, -(angle.sin() * &window)], 0)?.f_unsqueeze(1)?;
        tch::no_grad(|| filters.shallow_clone().f_copy_(&initial))?;
        Ok(Self { pad: Pad::new(&stft)?, hop: stft.hop, bands, filters })
    }

    /// Waveforms `[B, 4, S]` to `[B, 7, T, F]`, T = floor(S / hop) + 1: log power in dB of W, Y, Z, X, then the active
    /// intensity of Y, Z, X over the energy.
    pub(super) fn forward(&self, waveform: &Tensor) -> Tensor {
        let channels = waveform.size()[1];
        let padded = self.pad.apply(&waveform.flatten(0, 1)).unsqueeze(1);
        let heard = padded.conv1d(&self.filters, None::<Tensor>, [self.hop], [0], [1], 1);
        // [B, 4, T, 2 F]
        let heard = heard.transpose(1, 2).unflatten(0, [-1, channels]);
        let (real, imag) = (heard.narrow(-1, 0, self.bands), heard.narrow(-1, self.bands, self.bands));
        let power = &real * &real + &imag * &imag;
        let omni = |x: &Tensor| x.narrow(1, 0, 1);
        let dipoles = |x: &Tensor| x.narrow(1, 1, 3);
        let active = omni(&real) * dipoles(&real) + omni(&imag) * dipoles(&imag);
        let energy = power.sum_dim_intlist([1].as_slice(), true, Kind::Float) / 2.0 + EPSILON;
        Tensor::cat(&[(power + EPSILON).log10() * 10.0, active / energy], 1)
    }
}
