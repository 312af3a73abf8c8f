//! Whole recordings, of any length, without the transforms of all of it in memory at once.

use tch::{Tensor, nn};

use super::config::{Descriptor, FeatureConfig, Normalisation};
use super::error::Error;
use super::front_end::{Frames, FrontEnd};

/// Values of a transform, frames times bins, that are computed at once: 32 MB for the four channels.
const AT_ONCE: i64 = 1 << 20;

/// Describes recordings piece by piece where that gives the same values, else at once.
///
/// A frame depends on the samples under its transform, for the diffuseness on some frames around it, so that a piece with
/// enough of both around it is what the whole gives. The eigenvector follows the floor of the noise through the whole
/// recording, and PCEN smooths over all that was before: with them, nothing is cut.
#[derive(Debug)]
pub struct RecordingFrontEnd {
    /// Without the range of `logmel`, which is that of the whole recording.
    front_end: FrontEnd,
    config: FeatureConfig,
    /// Frames of a piece.
    piece: i64,
}

impl RecordingFrontEnd {
    /// Prepares windows and filters on the device of `path`, as [`FrontEnd::new`].
    ///
    /// # Errors
    /// A key of the configuration that makes no front-end.
    pub fn new(path: &nn::Path, config: &FeatureConfig, sample_rate: u32) -> Result<Self, Error> {
        config.check(sample_rate)?;
        let unlimited = FeatureConfig { range_db: None, ..config.clone() };
        let front_end = FrontEnd::new(path, &unlimited, sample_rate)?;
        let piece = (AT_ONCE / (config.n_fft / 2 + 1)).max(64);
        Ok(Self { front_end, config: config.clone(), piece })
    }

    /// Fewest samples that give a frame.
    pub fn shortest(&self) -> i64 {
        self.front_end.shortest()
    }

    /// Waveform `[1, 4, S]` float32 (W, Y, Z, X) to the descriptors one by one, in the order of the configuration,
    /// normalised where that needs nothing but the recording: `[1, C, T, F]` each, without gradients.
    pub fn describe(&self, waveform: &Tensor, frames: Frames) -> Vec<(Descriptor, Tensor)> {
        let _guard = tch::no_grad_guard();
        let described = match self.context() {
            Some(context) => self.in_pieces(waveform, frames, context),
            None => self.front_end.describe_each(waveform, frames),
        };
        let finish = |(descriptor, values): (Descriptor, Tensor)| {
            let is_level =
                descriptor == Descriptor::Logmel && self.config.normalisation != Normalisation::Pcen;
            let values = match self.config.range_db {
                Some(range_db) if is_level => {
                    values.maximum(&(values.amax([2, 3].as_slice(), true) - range_db))
                }
                _ => values,
            };
            (descriptor, self.front_end.normalise_one(descriptor, &values))
        };
        described.into_iter().map(finish).collect()
    }

    /// Frames around a piece on which its frames depend; `None` when they depend on all.
    fn context(&self) -> Option<i64> {
        let config = &self.config;
        let remembers = |d: &Descriptor| matches!(d, Descriptor::Eigenvector | Descriptor::Pcen);
        if config.descriptors.iter().any(remembers) || config.normalisation == Normalisation::Pcen {
            return None;
        }
        let has_diffuseness = config.descriptors.contains(&Descriptor::Diffuseness);
        let around = if has_diffuseness { self.front_end.diffuseness_reach() } else { 0 };
        // One more, so that a reflection at a cut always has enough samples.
        Some((config.n_fft / 2 + config.hop - 1) / config.hop + 1 + around)
    }

    fn in_pieces(&self, waveform: &Tensor, frames: Frames, context: i64) -> Vec<(Descriptor, Tensor)> {
        let (samples, hop) = (waveform.size()[2], self.config.hop);
        let total = samples / hop + i64::from(frames == Frames::All);
        let mut whole: Vec<(Descriptor, Tensor)> = Vec::new();
        let mut begin = 0;
        while begin < total {
            let end = if total - begin <= self.piece + context { total } else { begin + self.piece };
            let first = (begin - context).max(0);
            let until = if end == total { samples } else { ((end + context) * hop).min(samples) };
            let part = waveform.narrow(2, first * hop, until - first * hop);
            // What averages over frames must not see one that the whole does not have.
            let until_end = if end == total { frames } else { Frames::All };
            let described = self.front_end.describe_each(&part, until_end);
            let kept = |values: &Tensor| values.narrow(2, begin - first, end - begin);
            if whole.is_empty() {
                let room = |values: &Tensor| {
                    let size = values.size();
                    Tensor::empty([size[0], size[1], total, size[3]], (values.kind(), values.device()))
                };
                whole = described.iter().map(|(descriptor, values)| (*descriptor, room(values))).collect();
            }
            for ((_, all), (_, values)) in whole.iter().zip(&described) {
                all.narrow(2, begin, end - begin).copy_(&kept(values));
            }
            begin = end;
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use tch::nn::VarStore;
    use tch::{Device, Kind};

    use super::*;
    use crate::features::Padding;

    /// Half a second and a rest: noise that is loud once, far from the end.
    fn recording(rest: i64) -> Tensor {
        tch::manual_seed(4);
        let noise = Tensor::randn([1, 4, 12_000 + rest], (Kind::Float, Device::Cpu)) * 0.01;
        let _ = noise.narrow(2, 3000, 400).g_mul_scalar_(50.0);
        noise
    }

    #[test]
    fn pieces_are_the_whole() {
        let all = Descriptor::ALL.to_vec();
        let descriptors: Vec<Descriptor> =
            all.into_iter().filter(|d| !matches!(d, Descriptor::Eigenvector | Descriptor::Pcen)).collect();
        for (padding, rest) in [(Padding::Reflect, 0), (Padding::ReflectTail, 119), (Padding::Zeros, 77)] {
            let config = FeatureConfig {
                descriptors: descriptors.clone(),
                n_fft: 512,
                hop: 120,
                bands: 32,
                padding,
                range_db: Some(30.0),
                ..FeatureConfig::default()
            };
            let stores = [VarStore::new(Device::Cpu), VarStore::new(Device::Cpu)];
            let front_end = FrontEnd::new(&stores[0].root(), &config, 24_000).unwrap();
            let mut cut = RecordingFrontEnd::new(&stores[1].root(), &config, 24_000).unwrap();
            let waveform = recording(rest);
            for frames in [Frames::WholeHops, Frames::All] {
                let expected = tch::no_grad(|| front_end.describe_each(&waveform, frames));
                for piece in [7, 31, 95, 1000] {
                    cut.piece = piece;
                    for ((descriptor, whole), (_, pieces)) in
                        expected.iter().zip(cut.describe(&waveform, frames))
                    {
                        assert_eq!(whole.size(), pieces.size());
                        let far = match descriptor {
                            // The same at both ends of its range.
                            Descriptor::Phase => 1.0 - (whole - &pieces).cos(),
                            _ => (whole - &pieces).abs() / whole.abs().max().clamp_min(1.0),
                        };
                        let far = far.max().double_value(&[]);
                        assert!(far <= 1e-4, "{descriptor:?} {piece}: {far}");
                    }
                }
            }
        }
    }
}
