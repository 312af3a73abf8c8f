//! Waveform to log-mel frames, as `features.py` of YAMNet has them.

use tch::{Device, Kind, TchError, Tensor};

use crate::backbone::tagger::Tap;

/// Sample rate in Hz.
pub(super) const SAMPLE_RATE: u32 = 16000;
/// Length of a frame in samples.
pub(super) const WINDOW: i64 = 400;
/// From frame to frame, in samples.
pub(super) const HOP: i64 = 160;
/// Number of mel bands.
pub(super) const BANDS: i64 = 64;
/// What it makes. Learned kernels are not symmetric: what a burst changes in the last layer is centred 0.12 s, about a
/// third of a frame, before the middle that strides of two have from here on.
pub(super) const PICTURE: Tap = Tap::log_mel(BANDS, HOP, SAMPLE_RATE, WINDOW / 2, [LOWEST_HZ, HIGHEST_HZ]);
const N_FFT: i64 = 512;
const BINS: i64 = N_FFT / 2 + 1;
const LOWEST_HZ: f64 = 125.0;
const HIGHEST_HZ: f64 = 7500.0;
/// Added before the logarithm.
const LOG_OFFSET: f64 = 0.001;

/// The window and the mel bank. Unlike the descriptors' transform, frames are not centred: frame t begins with
/// sample t * 160; and unlike their banks, triangles are straight in mel, not in Hz.
///
/// The window is exact; that in TensorFlow's float32 is off by up to 2.4e-7. In log-mel the two programs differ by up to
/// 8e-4, probably for that reason, in the quietest bands beside a loud one.
#[derive(Debug)]
pub(super) struct LogMel {
    window: Tensor,
    mel: Tensor,
}

impl LogMel {
    pub(super) fn new(device: Device) -> Result<Self, TchError> {
        let window = Tensor::f_hann_window_periodic(WINDOW, true, (Kind::Double, Device::Cpu))?;
        Ok(Self {
            window: window.to_device(device),
            mel: mel_matrix()?.to_kind(Kind::Float).to_device(device),
        })
    }

    /// Waveform `[B, S]`, at least 400 samples, to `[B, T, 64]` float32, T = floor((S - 400) / 160) + 1.
    /// Traceable.
    pub(super) fn forward(&self, waveform: &Tensor) -> Tensor {
        // In float64: a float32 transform's rounding shows in the quiet bands, and the network costs far more.
        let frames = waveform.to_kind(Kind::Double).unfold(-1, WINDOW, HOP) * &self.window;
        let magnitude = frames.fft_rfft(N_FFT, -1, "backward").abs().to_kind(Kind::Float);
        (magnitude.matmul(&self.mel) + LOG_OFFSET).log()
    }
}

/// The bank `[257, 64]` in float64: 66 edges equally far apart on HTK's scale, triangles of peak one that are linear
/// in mel, nothing of the constant part (`linear_to_mel_weight_matrix` of TensorFlow).
fn mel_matrix() -> Result<Tensor, TchError> {
    let mel = |hz: f64| 1127.0 * (1.0 + hz / 700.0).ln();
    let (low, high) = (mel(LOWEST_HZ), mel(HIGHEST_HZ));
    let width = (high - low) / (BANDS + 1) as f64;
    let hz_per_bin = f64::from(SAMPLE_RATE) / N_FFT as f64;
    let weight = |bin: i64, band: i64| {
        // In widths from the band's lower edge: the centre is at 1, the upper edge at 2.
        let place = (mel(bin as f64 * hz_per_bin) - low) / width - band as f64;
        if bin == 0 { 0.0 } else { place.min(2.0 - place).max(0.0) }
    };
    let weights: Vec<f64> = (0..BINS).flat_map(|bin| (0..BANDS).map(move |band| weight(bin, band))).collect();
    Tensor::f_from_slice(&weights)?.f_view([BINS, BANDS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_share_every_bin_between_their_outer_centres() {
        let matrix = mel_matrix().unwrap();
        let sums: Vec<f64> =
            Vec::try_from(matrix.sum_dim_intlist([1].as_slice(), false, Kind::Double)).unwrap();
        // Neighbouring triangles add up to one: from the lowest centre (155 Hz) to the highest (7215 Hz).
        let (first, last) = (5, 230);
        assert!(sums[first..=last].iter().all(|sum| (sum - 1.0).abs() < 1e-9), "{sums:?}");
        assert_eq!((sums[0], sums[4], sums[241]), (0.0, 0.0, 0.0));
    }

    #[test]
    fn a_frame_sees_its_own_samples_alone() {
        let front_end = LogMel::new(Device::Cpu).unwrap();
        let silence = Tensor::zeros([1, 400 + 9 * 160 + 159], (Kind::Float, Device::Cpu));
        assert_eq!(front_end.forward(&silence).size(), [1, 10, 64]);
        let click = silence.copy();
        let _ = click.narrow(1, 5 * 160 + 200, 1).fill_(1.0);
        let changed = front_end.forward(&click).amax([0, 2].as_slice(), false) - LOG_OFFSET.ln();
        let loud: Vec<bool> = Vec::try_from(changed.gt(1e-3)).unwrap();
        let frames: Vec<usize> = (0..10).filter(|t| loud[*t]).collect();
        assert_eq!(frames, [4, 5, 6]);
    }
}
