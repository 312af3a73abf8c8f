//! The descriptors of a configuration, stacked along channels.

use tch::{Device, Kind, Tensor};

use super::config::{Descriptor, FeatureConfig};
use super::error::Error;
use super::iv::intensity;
use super::logmel::logmel;
use super::mel::{MelConfig, MelNorm, MelScale};
use super::stft::{Padding, Stft, StftConfig};

/// Channels of a first-order Ambisonics waveform: W, Y, Z, X (ACN order, SN3D gains).
const FOA_CHANNELS: i64 = 4;

/// One transform of a waveform, shared by all descriptors: `[B, 4, T, K]` each.
pub(super) struct Spectrum {
    pub(super) real: Tensor,
    pub(super) imag: Tensor,
    pub(super) power: Tensor,
}

/// Computes the descriptors that a [`FeatureConfig`] names.
#[derive(Debug)]
pub struct FrontEnd {
    descriptors: Vec<Descriptor>,
    bands: i64,
    stft: Stft,
    mel: Tensor,
}

impl Descriptor {
    /// Channels this descriptor adds.
    pub fn channels(self) -> i64 {
        match self {
            Self::Logmel => FOA_CHANNELS,
            Self::Iv => FOA_CHANNELS - 1,
        }
    }
}

impl FeatureConfig {
    /// The first thing that makes this configuration impossible at a sample rate (Hz), if any.
    pub fn check(&self, sample_rate: u32) -> Result<(), Error> {
        let nyquist = f64::from(sample_rate) / 2.0;
        let fmax = self.fmax_hz.unwrap_or(nyquist);
        if self.descriptors.is_empty() {
            return Err(Error::config("descriptors", "at least one of logmel, iv", "an empty list"));
        }
        if self.n_fft < 2 || self.n_fft % 2 != 0 || self.n_fft > 1 << 20 {
            return Err(Error::config("n_fft", "an even number of samples from 2 to 1048576", self.n_fft));
        }
        if !(1..=self.n_fft).contains(&self.hop) {
            return Err(Error::config("hop", format!("1 to n_fft ({})", self.n_fft), self.hop));
        }
        if !(1..=self.n_fft / 2).contains(&self.bands) {
            return Err(Error::config(
                "bands",
                format!("1 to half of n_fft ({})", self.n_fft / 2),
                self.bands,
            ));
        }
        if !(0.0..nyquist).contains(&self.fmin_hz) {
            return Err(Error::config("fmin_hz", format!("0 to below {nyquist} Hz"), self.fmin_hz));
        }
        if !(fmax > self.fmin_hz && fmax <= nyquist) {
            let expected = format!("above fmin_hz ({}) and at most {nyquist} Hz", self.fmin_hz);
            return Err(Error::config("fmax_hz", expected, fmax));
        }
        Ok(())
    }
}

impl FrontEnd {
    /// Prepares windows and filters on `device`: periodic Hann of `n_fft`, centred frames, reflected ends,
    /// Slaney mel bands of equal area.
    pub fn new(config: &FeatureConfig, sample_rate: u32, device: Device) -> Result<Self, Error> {
        let stft = StftConfig {
            n_fft: config.n_fft,
            hop: config.hop,
            win_length: config.n_fft,
            padding: Padding::Reflect,
        };
        Self::with_stft(config, stft, sample_rate, device)
    }

    /// Like [`FrontEnd::new`], with another window length or padding than the configuration implies; for presets
    /// that follow other people's code. `stft` replaces `n_fft` and `hop` of the configuration.
    pub fn with_stft(
        config: &FeatureConfig,
        stft: StftConfig,
        sample_rate: u32,
        device: Device,
    ) -> Result<Self, Error> {
        let config = FeatureConfig { n_fft: stft.n_fft, hop: stft.hop, ..config.clone() };
        config.check(sample_rate)?;
        if !(1..=stft.n_fft).contains(&stft.win_length) {
            return Err(Error::config("win_length", format!("1 to n_fft ({})", stft.n_fft), stft.win_length));
        }
        let mel = MelConfig {
            sample_rate,
            n_fft: config.n_fft,
            bands: config.bands,
            fmin_hz: config.fmin_hz,
            fmax_hz: config.fmax_hz.unwrap_or(f64::from(sample_rate) / 2.0),
            scale: MelScale::Slaney,
            norm: MelNorm::Area,
        };
        Ok(Self {
            descriptors: config.descriptors.clone(),
            bands: config.bands,
            stft: Stft::new(stft, Kind::Float, device)?,
            mel: mel.matrix(device)?,
        })
    }

    /// Channels of the result.
    pub fn channels(&self) -> i64 {
        self.descriptors.iter().map(|d| d.channels()).sum()
    }

    /// Bands of the result.
    pub fn bands(&self) -> i64 {
        self.bands
    }

    /// Fewest samples that give a frame: one hop, and what reflection at the ends needs.
    pub fn shortest(&self) -> i64 {
        self.stft.config().hop.max(self.stft.config().n_fft / 2 + 1)
    }

    /// Waveform `[B, 4, S]` float32 (W, Y, Z, X) to descriptors `[B, C, T, F]` float32, T = floor(S / hop).
    ///
    /// Frame t is centred on sample t * hop. A last frame that would be centred on the end or in the rest after
    /// the last whole hop is dropped, so when S is no multiple of `hop`, frame T - 1 is still the one centred
    /// on (T - 1) * hop. S must be at least [`FrontEnd::shortest`].
    pub fn forward(&self, waveform: &Tensor) -> Tensor {
        let parts: Vec<Tensor> = self.forward_each(waveform).into_iter().map(|(_, part)| part).collect();
        Tensor::cat(&parts, 1)
    }

    /// The descriptors one by one, in the order of the configuration; shapes as of [`FrontEnd::forward`].
    pub fn forward_each(&self, waveform: &Tensor) -> Vec<(Descriptor, Tensor)> {
        let size = waveform.size();
        assert!(
            size.len() == 3 && size[1] == FOA_CHANNELS,
            "this is a bug: expected a waveform [B, {FOA_CHANNELS}, S], got {size:?}"
        );
        let spectrum = self.spectrum(waveform);
        let compute = |descriptor: &Descriptor| match descriptor {
            Descriptor::Logmel => (*descriptor, logmel(&spectrum.power, &self.mel)),
            Descriptor::Iv => (*descriptor, intensity(&spectrum, &self.mel)),
        };
        self.descriptors.iter().map(compute).collect()
    }

    fn spectrum(&self, waveform: &Tensor) -> Spectrum {
        let complex = self.stft.forward(waveform).slice(3, 0, -1, 1).transpose(2, 3);
        let (real, imag) = (complex.select(-1, 0), complex.select(-1, 1));
        let power = real.square() + imag.square();
        Spectrum { real, imag, power }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: u32 = 24000;

    fn small() -> FrontEnd {
        let config = FeatureConfig { n_fft: 256, hop: 120, bands: 16, ..FeatureConfig::default() };
        FrontEnd::new(&config, RATE, Device::Cpu).unwrap()
    }

    fn noise(batch: i64, samples: i64) -> Tensor {
        tch::manual_seed(3);
        Tensor::randn([batch, 4, samples], (Kind::Float, Device::Cpu))
    }

    fn distance(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).abs().max().double_value(&[])
    }

    #[test]
    fn frames_are_whole_hops() {
        let front_end = small();
        for (samples, frames) in [(1200, 10), (1199, 9), (1201, 10), (129, 1)] {
            let out = front_end.forward(&noise(2, samples));
            assert_eq!(out.size(), [2, front_end.channels(), frames, front_end.bands()]);
        }
    }

    #[test]
    fn a_quarter_turn_moves_the_intensity_like_the_scene() {
        let waveform = noise(1, 2400);
        // Counter-clockwise by 90 degrees: what was in front is now left. Y' = X, X' = -Y.
        let turned = waveform.index_select(1, &Tensor::from_slice(&[0i64, 3, 2, 1]))
            * Tensor::from_slice(&[1f32, 1.0, 1.0, -1.0]).view([1, 4, 1]);
        let (before, after) = (small().forward(&waveform), small().forward(&turned));
        let iv = |out: &Tensor, axis: i64| out.select(1, 4 + axis);
        assert!(distance(&iv(&after, 0), &iv(&before, 2)) < 1e-6);
        assert!(distance(&iv(&after, 1), &iv(&before, 1)) < 1e-6);
        assert!(distance(&iv(&after, 2), &-iv(&before, 0)) < 1e-6);
        assert!(distance(&after.select(1, 0), &before.select(1, 0)) < 1e-4);
    }

    #[test]
    fn silence_dc_and_one_channel_are_finite() {
        let front_end = small();
        let zeros = Tensor::zeros([1, 4, 1200], (Kind::Float, Device::Cpu));
        let mut inputs = vec![zeros.shallow_clone(), zeros.ones_like()];
        for channel in 0..4 {
            let one = zeros.copy();
            one.select(1, channel).copy_(&noise(1, 1200).select(1, channel));
            inputs.push(one);
        }
        for input in inputs {
            assert_eq!(front_end.forward(&input).isfinite().all().int64_value(&[]), 1);
        }
    }

    #[test]
    fn a_traced_front_end_takes_other_lengths_and_batches() {
        let front_end = small();
        let mut closure = |inputs: &[Tensor]| vec![front_end.forward(&inputs[0])];
        let traced =
            tch::CModule::create_by_tracing("FrontEnd", "forward", &[noise(1, 1200)], &mut closure).unwrap();
        let other = noise(3, 3000);
        let out = traced.forward_ts(&[&other]).unwrap();
        assert_eq!(distance(&out, &front_end.forward(&other)), 0.0);
    }

    #[test]
    fn impossible_configurations_name_the_key() {
        let default = FeatureConfig::default();
        let cases = [
            (FeatureConfig { hop: 0, ..default.clone() }, "features.hop"),
            (FeatureConfig { n_fft: 1023, ..default.clone() }, "features.n_fft"),
            (FeatureConfig { bands: 0, ..default.clone() }, "features.bands"),
            (FeatureConfig { fmin_hz: -1.0, ..default.clone() }, "features.fmin_hz"),
            (FeatureConfig { fmax_hz: Some(13000.0), ..default.clone() }, "features.fmax_hz"),
            (FeatureConfig { descriptors: vec![], ..default }, "features.descriptors"),
        ];
        for (config, key) in cases {
            let error = FrontEnd::new(&config, RATE, Device::Cpu).unwrap_err().to_string();
            assert!(error.starts_with(key), "{error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn gain_shifts_logmel_and_leaves_intensity(gain in 0.1..10.0f64) {
            let waveform = noise(1, 1200);
            let (a, b) = (small().forward(&waveform), small().forward(&(&waveform * gain)));
            let shift = &b.narrow(1, 0, 4) - &a.narrow(1, 0, 4) - 20.0 * gain.log10();
            prop_assert!(shift.abs().max().double_value(&[]) < 1e-3);
            prop_assert!(distance(&a.narrow(1, 4, 3), &b.narrow(1, 4, 3)) < 1e-5);
        }
    }
}
