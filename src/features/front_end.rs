//! The descriptors of a configuration, stacked along channels.

use std::ops::Range;

use tch::{Device, Kind, Tensor, nn};

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
use crate::torch_ext;

/// Channels of a first-order Ambisonics waveform: W, Y, Z, X (ACN order, SN3D gains).
const FOA_CHANNELS: i64 = 4;
/// Frames of a piece: with four channels and 513 bins, half a megabyte for each quantity.
const PIECE: i64 = 96;

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
        // A quiet bin beside a loud one: the rounding of a float32 transform would be more than 1e-3 dB. Bands of several
        // bins hide it.
        let kind = if bank.keeps_bins() { Kind::Double } else { Kind::Float };
        let channels: i64 = config.descriptors.iter().map(|d| d.channels()).sum();
        let statistics = (config.normalisation == Normalisation::Dataset)
            .then(|| Statistics::new(&(path / "statistics"), channels, config.bands));
        Ok(Self {
            config: config.clone(),
            bands: config.bands,
            stft: Stft::new(stft, kind, device)?.with_offset(config.offset),
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

    /// Waveform `[B, 4, S]` float32 (W, Y, Z, X) to descriptors `[B, C, T, F]` float32, T = floor(S / hop), normalised as
    /// the configuration says. S must be at least [`FrontEnd::shortest`]. May be traced, with any batch and length.
    pub fn forward(&self, waveform: &Tensor) -> Tensor {
        self.normalise(&stack(self.at_once(waveform, Frames::WholeHops)))
    }

    /// Like [`FrontEnd::forward`], but not normalised, and not to be traced.
    pub fn describe(&self, waveform: &Tensor) -> Tensor {
        match self.in_pieces(waveform, Frames::WholeHops) {
            Some(descriptors) => descriptors,
            None => stack(self.at_once(waveform, Frames::WholeHops)),
        }
    }

    /// The descriptors one by one, in the order of the configuration, not normalised: `[B, C, T, F]` each.
    pub fn describe_each(&self, waveform: &Tensor, frames: Frames) -> Vec<(Descriptor, Tensor)> {
        let parts = match self.in_pieces(waveform, frames) {
            Some(descriptors) => self.split(&descriptors),
            None => self.at_once(waveform, frames),
        };
        self.config.descriptors.iter().copied().zip(parts).collect()
    }

    /// The descriptors side by side, computed piece by piece, so that what is computed in between stays in the
    /// processor's cache. `None` where that gains nothing, on a GPU, or would change something, because a descriptor
    /// looks beyond its frame.
    fn in_pieces(&self, waveform: &Tensor, frames: Frames) -> Option<Tensor> {
        if waveform.device() != Device::Cpu || !self.config.descriptors.iter().all(|d| self.is_local(*d)) {
            return None;
        }
        let [items, samples] = [0, 2].map(|axis| waveform.size()[axis]);
        let count = samples / self.config.hop + i64::from(frames == Frames::All);
        let Range { start, end } = self.stft.frames_within(samples);
        let inner = start.min(count)..end.min(count);
        let within = inner.clone().step_by(PIECE as usize).map(|first| first..(first + PIECE).min(inner.end));
        let (before, after) = (0..inner.start, inner.end..count);
        let once = std::iter::once;
        let pieces: Vec<Range<i64>> = once(before).chain(within).chain(once(after)).collect();
        let all = Tensor::empty([items, self.channels(), count, self.bands], (Kind::Float, Device::Cpu));
        let parts = self.split(&all);
        // `transform` is given an item of the batch and its frames.
        let describe = |transform: &dyn Fn(i64, &Range<i64>) -> Spectrum| {
            for item in 0..items {
                for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
                    let spectrum = transform(item, piece);
                    for (descriptor, part) in self.config.descriptors.iter().zip(&parts) {
                        let place = part.narrow(0, item, 1).narrow(2, piece.start, piece.end - piece.start);
                        place.shallow_clone().copy_(&self.of_spectrum(*descriptor, &spectrum));
                    }
                }
            }
        };
        let by_itself = |item: i64, piece: &Range<i64>| self.spectrum_of(&waveform.narrow(0, item, 1), piece);
        match self.stft.on_cpu() {
            Some(stft) => torch_ext::with_floats(&waveform.contiguous(), |values| {
                describe(&|item, piece| {
                    if piece.start < inner.start || piece.end > inner.end {
                        return by_itself(item, piece);
                    }
                    let first = piece.start * self.config.hop - self.config.n_fft / 2;
                    let channels = [0, 1, 2, 3].map(|channel| {
                        &values[((item * FOA_CHANNELS + channel) * samples + first) as usize..]
                    });
                    Spectrum::on_cpu(stft, channels, piece.end - piece.start)
                })
            })
            .ok()?,
            None => describe(&by_itself),
        }
        for (descriptor, part) in self.config.descriptors.iter().zip(parts) {
            if let Some(floor) = self.floor(*descriptor, &part) {
                let _ = part.shallow_clone().clamp_min_tensor_(&floor);
            }
        }
        Some(all)
    }

    /// Some frames of one waveform `[1, 4, S]`, of no more of its samples than they and the ends need.
    fn spectrum_of(&self, waveform: &Tensor, frames: &Range<i64>) -> Spectrum {
        let FeatureConfig { hop, n_fft, .. } = self.config;
        let samples = waveform.size()[2];
        // From a whole hop on, so that frames and what stands beyond the end fall where they do in the whole.
        let first = (frames.start - (n_fft / 2 + hop - 1) / hop - 1).max(0);
        let end = ((frames.end - 1) * hop + n_fft + 1).min(samples);
        let part = waveform.narrow(2, first * hop, end - first * hop);
        let complex = self.stft.forward(&self.prepared(&part));
        let complex = complex.narrow(3, frames.start - first, frames.end - frames.start);
        planes(&complex, Frames::All)
    }

    /// The descriptors one by one, in one graph.
    fn at_once(&self, waveform: &Tensor, frames: Frames) -> Vec<Tensor> {
        let size = waveform.size();
        assert!(
            size.len() == 3 && size[1] == FOA_CHANNELS,
            "this is a bug: expected a waveform [B, {FOA_CHANNELS}, S], got {size:?}"
        );
        let needs_transform = self.config.descriptors.iter().any(|d| *d != Descriptor::Waveform);
        let complex = needs_transform.then(|| self.stft.forward(&self.prepared(waveform)));
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
            let values = values.expect("this is a bug: a front-end without what its descriptors need");
            match self.floor(descriptor, &values) {
                Some(floor) => values.maximum(&floor),
                None => values,
            }
        };
        self.config.descriptors.iter().map(compute).collect()
    }

    /// Whether a frame of it is made of the samples of that frame alone.
    fn is_local(&self, descriptor: Descriptor) -> bool {
        match descriptor {
            Descriptor::Logmel => self.config.normalisation != Normalisation::Pcen,
            Descriptor::Pcen | Descriptor::Diffuseness | Descriptor::Eigenvector | Descriptor::Waveform => {
                false
            }
            _ => true,
        }
    }

    /// A waveform as it is transformed.
    fn prepared(&self, waveform: &Tensor) -> Tensor {
        let waveform = waveform.to_kind(self.kind);
        match self.config.offset {
            0.0 => waveform,
            offset => waveform + offset,
        }
    }

    /// What log power `[B, 4, T, F]` does not fall below, `[B, 4, 1, 1]`: that far under its loudest value. `None` when
    /// there is no limit.
    fn floor(&self, descriptor: Descriptor, values: &Tensor) -> Option<Tensor> {
        let range_db = self.config.range_db.filter(|_| {
            descriptor == Descriptor::Logmel && self.config.normalisation != Normalisation::Pcen
        })?;
        Some(values.amax([2, 3].as_slice(), true) - range_db)
    }

    /// `[B, C, T, F]` cut into the descriptors that it is made of.
    fn split(&self, descriptors: &Tensor) -> Vec<Tensor> {
        let counts: Vec<i64> = self.config.descriptors.iter().map(|d| d.channels()).collect();
        descriptors.split_with_sizes(counts, 1)
    }

    /// The eigenvector without its tests, `[B, 3, T + 1, F]`: where no source dominates and where there is but noise as
    /// well. For comparisons; `None` when the configuration has no eigenvector.
    pub fn eigenvector_everywhere(&self, waveform: &Tensor) -> Option<Tensor> {
        let spectrum = planes(&self.stft.forward(&self.prepared(waveform)), Frames::All);
        self.eigenvector.as_ref().map(|eigenvector| eigenvector.everywhere(&spectrum, &self.mean))
    }

    fn of_spectrum(&self, descriptor: Descriptor, spectrum: &Spectrum) -> Tensor {
        let (bank, mean) = (&self.bank, &self.mean);
        let pcen = || magnitude::energy_normalised(spectrum, bank, &self.smoothing);
        match descriptor {
            Descriptor::Logmel if self.config.normalisation == Normalisation::Pcen => pcen(),
            Descriptor::Logmel => magnitude::log_power(spectrum, bank),
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
                let parts = self.config.descriptors.iter().zip(self.split(descriptors));
                stack(parts.map(|(descriptor, part)| self.normalise_one(*descriptor, &part)).collect())
            }
            _ => descriptors.shallow_clone(),
        }
    }
}

/// Descriptors `[B, C, T, F]` side by side; one alone is not copied.
fn stack(parts: Vec<Tensor>) -> Tensor {
    match <[Tensor; 1]>::try_from(parts) {
        Ok([only]) => only,
        Err(parts) => Tensor::cat(&parts, 1),
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
