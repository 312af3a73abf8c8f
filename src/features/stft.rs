//! The short-time Fourier transform that all descriptors share.

use std::ops::Range;

use tch::{Device, Kind, TchError, Tensor};

pub use super::config::{Padding, Window};
use crate::audio::PairStft;
use crate::torch_ext::Script;

/// Where a transform's frames lie and how long they are, in samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StftConfig {
    /// FFT length, even.
    pub n_fft: i64,
    /// Distance of frames.
    pub hop: i64,
    /// Length of the window, at most `n_fft`; zeros on both sides fill it up.
    pub win_length: i64,
    /// Shape of the window.
    pub window: Window,
    /// What stands beyond the ends.
    pub padding: Padding,
}

/// A centred transform: frame t is centred on sample t * hop. No scaling.
#[derive(Debug)]
pub struct Stft {
    config: StftConfig,
    pad: Pad,
    window: Tensor,
    /// Does the same, faster, for float32 on a CPU.
    on_cpu: Option<PairStft>,
}

impl StftConfig {
    /// The window, `[win_length]` float64 on the CPU.
    pub(super) fn window(&self) -> Result<Tensor, TchError> {
        let (length, options) = (self.win_length, (Kind::Double, Device::Cpu));
        match self.window {
            Window::Hann => Tensor::f_hann_window_periodic(length, true, options),
            Window::Hamming => Tensor::f_hamming_window_periodic(length, true, options),
            Window::Blackman => Tensor::f_blackman_window_periodic(length, true, options),
        }
    }
}

/// Puts half a transform of padding before and after waveforms.
#[derive(Debug)]
pub(super) struct Pad {
    half: i64,
    padding: Padding,
    tail: Option<Script>,
}

impl Pad {
    /// For frames as `config` has them.
    pub(super) fn new(config: &StftConfig) -> Result<Self, TchError> {
        let half = config.n_fft / 2;
        // TorchScript, so that a traced graph computes it anew for every length.
        let tail = match config.padding {
            Padding::ReflectTail => Some(Script::compile(&reflect_tail(half, config.hop), "pad")?),
            Padding::Zeros | Padding::Reflect => None,
        };
        Ok(Self { half, padding: config.padding, tail })
    }

    /// `[B, S]` to `[B, S + n_fft]`.
    pub(super) fn apply(&self, waveform: &Tensor) -> Tensor {
        let both = [self.half, self.half];
        match (&self.tail, self.padding) {
            (Some(script), _) => script.call(waveform),
            (None, Padding::Zeros) => waveform.constant_pad_nd(both),
            (None, _) => waveform.reflection_pad1d(both),
        }
    }
}

/// librosa's frames beyond the end see the samples from `start` on, mirrored at both ends.
fn reflect_tail(half: i64, hop: i64) -> String {
    format!(
        "
def pad(x: Tensor) -> Tensor:
    start = max(((x.size(1) - {half}) // {hop} + 1) * {hop} - {half}, 0)
    length = x.size(1) - start
    period = max(2 * (length - 1), 1)
    place = torch.arange(length, length + {half}, device=x.device) % period
    place = start + torch.where(place < length, place, period - place)
    before = torch.arange({half}, 0, -1, device=x.device)
    return torch.cat([x.index_select(1, before), x, x.index_select(1, place)], 1)
"
    )
}

impl Stft {
    /// Prepares the window on `device`. `kind` is that of the waveforms to come: float32, or float64 where quiet
    /// bands beside loud ones matter.
    pub fn new(config: StftConfig, kind: Kind, device: Device) -> Result<Self, TchError> {
        let window = config.window()?;
        let on_cpu = (kind == Kind::Float && device == Device::Cpu).then(|| {
            let left = (config.n_fft - config.win_length) / 2;
            let full = window.f_constant_pad_nd([left, config.n_fft - config.win_length - left])?;
            Ok::<_, TchError>(PairStft::new(
                &Vec::<f32>::try_from(full.to_kind(Kind::Float))?,
                config.hop as usize,
            ))
        });
        let window = window.to_kind(kind).to_device(device);
        Ok(Self { pad: Pad::new(&config)?, config, window, on_cpu: on_cpu.transpose()? })
    }

    /// Where its frames lie.
    pub fn config(&self) -> &StftConfig {
        &self.config
    }

    /// `[B, C, S]` to `[B, C, K, T, 2]` (real and imaginary part), K = n_fft / 2 + 1 bins,
    /// T = floor(S / hop) + 1 frames.
    pub fn forward(&self, waveform: &Tensor) -> Tensor {
        let channels = waveform.size()[1];
        // Padded here: libtorch's own centring is not reachable through tch's binding.
        let spectrum = self.pad.apply(&waveform.flatten(0, 1)).stft(
            self.config.n_fft,
            self.config.hop,
            self.config.win_length,
            Some(&self.window),
            false,
            true,
            true,
            false,
        );
        spectrum.view_as_real().unflatten(0, [-1, channels])
    }

    /// The same, for waveforms to which something is added before.
    pub(super) fn with_offset(self, offset: f64) -> Self {
        Self { on_cpu: self.on_cpu.map(|stft| stft.with_offset(offset as f32)), ..self }
    }

    /// The frames that need nothing from beyond the ends of so many samples.
    pub(super) fn frames_within(&self, samples: i64) -> Range<i64> {
        let StftConfig { n_fft, hop, .. } = self.config;
        let first = (n_fft / 2 + hop - 1) / hop;
        let end = if samples < n_fft / 2 { 0 } else { (samples - n_fft / 2) / hop + 1 };
        first..end.max(first)
    }

    /// The transform for float32 on a CPU, of frames within a waveform; it adds the offset itself. Not to be traced.
    pub(super) fn on_cpu(&self) -> Option<&PairStft> {
        self.on_cpu.as_ref()
    }
}
