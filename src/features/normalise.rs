//! Bringing descriptors to a common range.

use tch::nn;
use tch::{Kind, Tensor};

/// Keeps what does not vary finite.
const EPSILON: f64 = 1e-6;

/// Mean and deviation of every channel and band, kept with the network's variables.
#[derive(Debug)]
pub(super) struct Statistics {
    /// `[1, C, 1, F]`
    mean: Tensor,
    /// `[1, C, 1, F]`
    deviation: Tensor,
}

impl Statistics {
    /// Mean 0 and deviation 1 until [`Statistics::set`].
    pub(super) fn new(path: &nn::Path, channels: i64, bands: i64) -> Self {
        Self {
            mean: path.zeros_no_train("mean", &[1, channels, 1, bands]),
            deviation: path.ones_no_train("deviation", &[1, channels, 1, bands]),
        }
    }

    /// Takes over what was seen.
    pub(super) fn set(&self, moments: &Moments) {
        let (mean, deviation) = moments.finish();
        let _guard = tch::no_grad_guard();
        self.mean.shallow_clone().copy_(&mean);
        self.deviation.shallow_clone().copy_(&deviation);
    }

    /// `[B, C, T, F]` with mean 0 and deviation 1.
    pub(super) fn apply(&self, x: &Tensor) -> Tensor {
        (x - &self.mean) / (&self.deviation + EPSILON)
    }
}

/// Sums over descriptors seen so far.
#[derive(Debug, Default)]
pub struct Moments {
    sums: Option<[Tensor; 2]>,
    frames: i64,
}

impl Moments {
    /// Takes descriptors `[B, C, T, F]` into account.
    pub fn add(&mut self, descriptors: &Tensor) {
        let size = descriptors.size();
        self.frames += size[0] * size[2];
        let over = [0, 2];
        let values = descriptors.to_kind(Kind::Double);
        let sums = [
            values.sum_dim_intlist(over.as_slice(), true, Kind::Double),
            values.square().sum_dim_intlist(over.as_slice(), true, Kind::Double),
        ];
        self.sums = Some(match self.sums.take() {
            None => sums,
            Some([sum, squares]) => [sum + &sums[0], squares + &sums[1]],
        });
    }

    /// Mean and deviation, `[1, C, 1, F]`; 0 and 1 when nothing was seen.
    fn finish(&self) -> (Tensor, Tensor) {
        let Some([sum, squares]) = &self.sums else {
            return (Tensor::from(0f32), Tensor::from(1f32));
        };
        let mean = sum / self.frames as f64;
        let variance = squares / self.frames as f64 - &mean * &mean;
        (mean, variance.clamp_min(0.0).sqrt())
    }
}

/// One descriptor `[B, C, T, F]` of a chunk by itself: its `levels` first channels with mean 0 and deviation 1 over
/// channels, frames and bands together, so that differences between channels stay; the others with mean square 1, so
/// that directions stay.
pub(super) fn within_chunk(x: &Tensor, levels: i64) -> Tensor {
    let all = [1, 2, 3];
    let channels = x.size()[1];
    let mut parts = Vec::new();
    if levels > 0 {
        let level = x.narrow(1, 0, levels);
        let centred = &level - level.mean_dim(all.as_slice(), true, Kind::Float);
        parts.push(scaled(&centred));
    }
    if levels < channels {
        parts.push(scaled(&x.narrow(1, levels, channels - levels)));
    }
    Tensor::cat(&parts, 1)
}

fn scaled(x: &Tensor) -> Tensor {
    let square = (x * x).mean_dim([1, 2, 3].as_slice(), true, Kind::Float);
    x / (square.sqrt() + EPSILON)
}

#[cfg(test)]
mod tests {
    use tch::{Device, nn::VarStore};

    use super::*;

    #[test]
    fn statistics_of_parts_are_those_of_the_whole() {
        let x = Tensor::randn([6, 3, 20, 5], (Kind::Float, Device::Cpu)) * 3.0 + 40.0;
        let mut moments = Moments::default();
        moments.add(&x.narrow(0, 0, 2));
        moments.add(&x.narrow(0, 2, 4));
        let vs = VarStore::new(Device::Cpu);
        let statistics = Statistics::new(&vs.root(), 3, 5);
        statistics.set(&moments);
        let normal = statistics.apply(&x);
        for channel in 0..3 {
            for band in 0..5 {
                let values = normal.select(1, channel).select(2, band);
                assert!(values.mean(Kind::Float).double_value(&[]).abs() < 1e-5);
                assert!((values.std(false).double_value(&[]) - 1.0).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn within_a_chunk_levels_are_centred_and_directions_are_not() {
        let x = Tensor::rand([2, 7, 10, 4], (Kind::Float, Device::Cpu)) + 1.0;
        let y = within_chunk(&x, 4);
        for chunk in 0..2 {
            let (levels, others) = (y.get(chunk).narrow(0, 0, 4), y.get(chunk).narrow(0, 4, 3));
            assert!(levels.mean(Kind::Float).double_value(&[]).abs() < 1e-5);
            assert!((levels.square().mean(Kind::Float).double_value(&[]) - 1.0).abs() < 1e-4);
            assert!((others.square().mean(Kind::Float).double_value(&[]) - 1.0).abs() < 1e-4);
            assert!(others.min().double_value(&[]) > 0.0);
        }
    }
}
