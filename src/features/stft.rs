//! The short-time Fourier transform that all descriptors share.

use tch::{Device, Kind, TchError, Tensor};

/// What stands beyond both ends of the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Silence.
    Zeros,
    /// The signal mirrored, without repeating its first and last sample. Needs more than `n_fft / 2` samples.
    Reflect,
}

/// Where a transform's frames lie and how long they are, in samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StftConfig {
    /// FFT length, even.
    pub n_fft: i64,
    /// Distance of frames.
    pub hop: i64,
    /// Length of the periodic Hann window, at most `n_fft`; zeros on both sides fill it up.
    pub win_length: i64,
    /// What stands beyond the ends.
    pub padding: Padding,
}

/// A centred transform: frame t is centred on sample t * hop. No scaling.
#[derive(Debug)]
pub struct Stft {
    config: StftConfig,
    window: Tensor,
}

impl Stft {
    /// Prepares the window on `device`. `kind` is that of the waveforms to come: float32, or float64 where quiet
    /// bands beside loud ones matter.
    pub fn new(config: StftConfig, kind: Kind, device: Device) -> Result<Self, TchError> {
        let window = Tensor::f_hann_window_periodic(config.win_length, true, (Kind::Double, Device::Cpu))?;
        Ok(Self { config, window: window.to_kind(kind).to_device(device) })
    }

    /// Where its frames lie.
    pub fn config(&self) -> &StftConfig {
        &self.config
    }

    /// `[B, C, S]` to `[B, C, K, T, 2]` (real and imaginary part), K = n_fft / 2 + 1 bins,
    /// T = floor(S / hop) + 1 frames.
    pub fn forward(&self, waveform: &Tensor) -> Tensor {
        let channels = waveform.size()[1];
        let half = self.config.n_fft / 2;
        let flat = waveform.flatten(0, 1);
        // Padded here: libtorch's own centring is not reachable through tch's binding.
        let padded = match self.config.padding {
            Padding::Zeros => flat.constant_pad_nd([half, half]),
            Padding::Reflect => flat.reflection_pad1d([half, half]),
        };
        let spectrum = padded.stft(
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
}
