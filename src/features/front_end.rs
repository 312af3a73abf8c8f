//! The descriptors of a configuration, stacked along channels.

use tch::{Kind, Tensor, nn};

use super::config::{Descriptor, FeatureConfig, Normalisation};
use super::eigenvector::Eigenvector;
use super::error::Error;
use super::filterbank::{Bank, BankConfig, Norm};
use super::intensity::{self, Intensity, intensity};
use super::learned::LearnedBank;
use super::magnitude::{self, Smoothing};
use super::normalise::{self, Moments, Statistics};
use super::spectrum::Spectrum;
use super::stft::{Stft, StftConfig};
use super::{correlation, phase};

/// Channels of a first-order Ambisonics waveform: W, Y, Z, X (ACN order, SN3D gains).
const FOA_CHANNELS: i64 = 4;

/// Which frames are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frames {
    /// floor(S / hop): as the DCASE baselines, and as label frames need it. Frame t is centred on sample t * hop; a last
    /// frame that would be centred on the end or in the rest after the last whole hop is dropped.
    WholeHops,
    /// floor(S / hop) + 1: as EIN-SELD and SALSA.
    All,
}

/// Computes the descriptors that a [`FeatureConfig`] names.
#[derive(Debug)]
pub struct FrontEnd {
    config: FeatureConfig,
    bands: i64,
    stft: Stft,
    /// In which transforms are computed.
    kind: Kind,
    /// Triangles of equal area, as in the baselines: for powers and intensities.
    bank: Bank,
    /// Weights that sum to one: for means.
    mean: Bank,
    smoothing: Smoothing,
    diffuseness_frames: i64,
    eigenvector: Option<Eigenvector>,
    learned: Option<LearnedBank>,
    statistics: Option<Statistics>,
}

impl FrontEnd {
    /// Prepares windows and filters on the device of `path`, under which learned filters and the statistics of the
    /// dataset are variables.
    ///
    /// # Errors
    /// A key of the configuration that makes no front-end.
    pub fn new(path: &nn::Path, config: &FeatureConfig, sample_rate: u32) -> Result<Self, Error> {
        config.check(sample_rate)?;
        let device = path.device();
        let stft = StftConfig {
            n_fft: config.n_fft,
            hop: config.hop,
            win_length: config.win_length.unwrap_or(config.n_fft),
            window: config.window,
            padding: config.padding,
        };
        let bank = config.bank(sample_rate);
        let hop_s = config.hop as f64 / f64::from(sample_rate);
        let has = |descriptor| config.descriptors.contains(&descriptor);
        let learned = has(Descriptor::Waveform)
            .then(|| LearnedBank::new(&(path / "waveform"), stft, &bank.centres_hz(), sample_rate));
        let eigenvector = has(Descriptor::Eigenvector).then(|| Eigenvector::new(config.n_fft, sample_rate));
        // A quiet bin beside a loud one: the rounding of a float32 transform would be 0.04 dB. Bands of several bins hide
        // it.
        let kind = if bank.keeps_bins() { Kind::Double } else { Kind::Float };
        let channels: i64 = config.descriptors.iter().map(|d| d.channels()).sum();
        let statistics = (config.normalisation == Normalisation::Dataset)
            .then(|| Statistics::new(&(path / "statistics"), channels, config.bands));
        Ok(Self {
            config: config.clone(),
            bands: config.bands,
            stft: Stft::new(stft, kind, device)?,
            kind,
            bank: bank.build(device)?,
            mean: BankConfig { norm: Norm::SumOne, ..bank }.build(device)?,
            smoothing: Smoothing::new(hop_s, device),
            diffuseness_frames: intensity::diffuseness_frames(hop_s),
            eigenvector: eigenvector.transpose()?,
            learned: learned.transpose()?,
            statistics,
        })
    }

    /// Channels of the result.
    pub fn channels(&self) -> i64 {
        self.config.descriptors.iter().map(|d| d.channels()).sum()
    }

    /// Bands of the result.
    pub fn bands(&self) -> i64 {
        self.bands
    }

    /// Whether descriptors have parameters that training changes.
    pub fn is_learned(&self) -> bool {
        self.learned.is_some()
    }

    /// Whether [`FrontEnd::set_statistics`] has a use.
    pub fn needs_statistics(&self) -> bool {
        self.statistics.is_some()
    }

    /// Mean and deviation of the training data, for [`Normalisation::Dataset`]: of what [`FrontEnd::describe`] returned.
    pub fn set_statistics(&self, moments: &Moments) {
        if let Some(statistics) = &self.statistics {
            statistics.set(moments);
        }
    }

    /// Fewest samples that give a frame: one hop, what reflection at the ends needs, and the frames that the eigenvector
    /// averages.
    pub fn shortest(&self) -> i64 {
        let frames = if self.eigenvector.is_some() { Eigenvector::FRAMES } else { 1 };
        (frames * self.config.hop).max(self.config.n_fft / 2 + 1)
    }

    /// Frames before and after each that the diffuseness averages.
    pub(super) fn diffuseness_reach(&self) -> i64 {
        self.diffuseness_frames / 2
    }

    /// Waveform `[B, 4, S]` float32 (W, Y, Z, X) to descriptors `[B, C, T, F]` float32, T = floor(S / hop), normalised as
    /// the configuration says. S must be at least [`FrontEnd::shortest`].
    pub fn forward(&self, waveform: &Tensor) -> Tensor {
        self.normalise(&self.describe(waveform))
    }

    /// Like [`FrontEnd::forward`], but not normalised.
    pub fn describe(&self, waveform: &Tensor) -> Tensor {
        let parts: Vec<Tensor> =
            self.describe_each(waveform, Frames::WholeHops).into_iter().map(|(_, part)| part).collect();
        match <[Tensor; 1]>::try_from(parts) {
            Ok([only]) => only,
            Err(parts) => Tensor::cat(&parts, 1),
        }
    }

    /// The descriptors one by one, in the order of the configuration, not normalised: `[B, C, T, F]` each.
    pub fn describe_each(&self, waveform: &Tensor, frames: Frames) -> Vec<(Descriptor, Tensor)> {
        let size = waveform.size();
        assert!(
            size.len() == 3 && size[1] == FOA_CHANNELS,
            "this is a bug: expected a waveform [B, {FOA_CHANNELS}, S], got {size:?}"
        );
        let shifted;
        let waveform = match self.config.offset {
            0.0 => waveform,
            offset => {
                shifted = waveform + offset;
                &shifted
            }
        };
        let needs_transform = self.config.descriptors.iter().any(|d| *d != Descriptor::Waveform);
        let complex = needs_transform.then(|| self.transform(waveform));
        let spectrum = complex.as_ref().map(|complex| planes(complex, frames));
        let compute = |&descriptor: &Descriptor| {
            let values = match (descriptor, &complex, &spectrum) {
                (Descriptor::Waveform, ..) => {
                    self.learned.as_ref().map(|bank| keep(&bank.forward(waveform), 2, frames))
                }
                // The ends are neighbours there, so that it takes all frames and drops the last one afterwards.
                (Descriptor::Eigenvector, Some(complex), _) => self.eigenvector.as_ref().map(|eigenvector| {
                    keep(&eigenvector.forward(&planes(complex, Frames::All), &self.mean), 2, frames)
                }),
                (_, _, Some(spectrum)) => Some(self.of_spectrum(descriptor, spectrum)),
                _ => None,
            };
            (descriptor, values.expect("this is a bug: a front-end without what its descriptors need"))
        };
        self.config.descriptors.iter().map(compute).collect()
    }

    fn transform(&self, waveform: &Tensor) -> Tensor {
        self.stft.forward(&waveform.to_kind(self.kind))
    }

    /// The eigenvector without its tests, `[B, 3, T + 1, F]`: where no source dominates and where there is but noise as
    /// well. For comparisons; `None` when the configuration has no eigenvector.
    pub fn eigenvector_everywhere(&self, waveform: &Tensor) -> Option<Tensor> {
        let spectrum = planes(&self.transform(waveform), Frames::All);
        self.eigenvector.as_ref().map(|eigenvector| eigenvector.everywhere(&spectrum, &self.mean))
    }

    fn of_spectrum(&self, descriptor: Descriptor, spectrum: &Spectrum) -> Tensor {
        let (bank, mean) = (&self.bank, &self.mean);
        let pcen = || magnitude::energy_normalised(spectrum, bank, &self.smoothing);
        match descriptor {
            Descriptor::Logmel if self.config.normalisation == Normalisation::Pcen => pcen(),
            Descriptor::Logmel => magnitude::log_power(spectrum, bank, self.config.range_db),
            Descriptor::Magnitude => magnitude::magnitude(spectrum, bank),
            Descriptor::Pcen => pcen(),
            Descriptor::Phase => phase::phase(spectrum, mean),
            Descriptor::PhaseCosSin => phase::cos_sin(spectrum, mean),
            Descriptor::Ipd => phase::to_omni(spectrum, mean),
            Descriptor::Iv => intensity(Intensity::OverEnergy, spectrum, bank),
            Descriptor::IvSn3d => intensity(Intensity::OverEnergySn3d, spectrum, bank),
            Descriptor::IvUnit => intensity(Intensity::OverLength, spectrum, bank),
            Descriptor::IvActive => intensity(Intensity::Active, spectrum, bank),
            Descriptor::IvReactive => intensity(Intensity::Reactive, spectrum, bank),
            Descriptor::Reactive => intensity(Intensity::ReactiveOverEnergy, spectrum, bank),
            Descriptor::Diffuseness => intensity::diffuseness(spectrum, mean, self.diffuseness_frames),
            Descriptor::GccPhat => correlation::gcc_phat(spectrum, self.config.n_fft, self.bands),
            Descriptor::Covariance => correlation::covariance(spectrum, mean),
            Descriptor::Eigenvector | Descriptor::Waveform => {
                unreachable!("this is a bug: {} is not made of kept frames", descriptor.name())
            }
        }
    }

    /// One descriptor of [`FrontEnd::describe_each`] brought to the range that the configuration asks for, where that
    /// needs nothing but the descriptor.
    pub fn normalise_one(&self, descriptor: Descriptor, values: &Tensor) -> Tensor {
        match self.config.normalisation {
            Normalisation::Chunk => normalise::within_chunk(values, descriptor.levels()),
            _ => values.shallow_clone(),
        }
    }

    /// Descriptors `[B, C, T, F]` brought to the range that the configuration asks for.
    pub fn normalise(&self, descriptors: &Tensor) -> Tensor {
        match (self.config.normalisation, &self.statistics) {
            (Normalisation::Dataset, Some(statistics)) => statistics.apply(descriptors),
            (Normalisation::Chunk, _) => {
                let mut first = 0;
                let each = self.config.descriptors.iter().map(|descriptor| {
                    let part = descriptors.narrow(1, first, descriptor.channels());
                    first += descriptor.channels();
                    self.normalise_one(*descriptor, &part)
                });
                Tensor::cat(&each.collect::<Vec<_>>(), 1)
            }
            _ => descriptors.shallow_clone(),
        }
    }
}

/// Real and imaginary part of `[B, 4, K, T, 2]` as `[B, 4, T, K]`.
fn planes(complex: &Tensor, frames: Frames) -> Spectrum {
    let kept = keep(complex, 3, frames).transpose(2, 3);
    let plane = |part| kept.select(-1, part).to_kind(Kind::Float).contiguous();
    Spectrum::new(plane(0), plane(1))
}

/// All frames along axis `dim`, or all but the last.
fn keep(x: &Tensor, dim: i64, frames: Frames) -> Tensor {
    match frames {
        Frames::WholeHops => x.slice(dim, 0, -1, 1),
        Frames::All => x.shallow_clone(),
    }
}
