//! Bringing one path to the times and bands of the other.

use tch::{Device, Kind, Tensor};

/// Length of a label frame in seconds.
pub const LABEL_FRAME_S: f64 = crate::seld::event::FRAME_MS as f64 / 1000.0;

/// Where the frames of a sequence lie in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeGrid {
    /// Time of the centre of frame 0 in seconds.
    pub first_s: f64,
    /// Distance of frames in seconds.
    pub hop_s: f64,
}

impl TimeGrid {
    /// Label frames from the beginning on.
    pub const LABELS: Self = Self { first_s: LABEL_FRAME_S / 2.0, hop_s: LABEL_FRAME_S };

    /// The grid after every `factor` frames became one.
    pub fn pooled(self, factor: i64) -> Self {
        let factor = factor as f64;
        Self { first_s: self.first_s + (factor - 1.0) / 2.0 * self.hop_s, hop_s: self.hop_s * factor }
    }

    /// Times of as many frames as `like` `[B, C, T, F]` has: `[T]` float32, in seconds. The length stays symbolic in a
    /// trace.
    pub fn times_like(self, like: &Tensor) -> Tensor {
        let count = like.select(0, 0).select(0, 0).select(1, 0).ones_like().cumsum(0, Kind::Float);
        (count - 1.0) * self.hop_s + self.first_s
    }
}

/// Where each row of a batch begins.
#[derive(Debug, Clone, PartialEq)]
pub enum Starts {
    /// Frame 0 of all is centred on this time, in seconds.
    All(f64),
    /// Of each on its own time.
    Each(Vec<f64>),
}

impl Starts {
    /// So many seconds later.
    pub fn later(&self, by_s: f64) -> Self {
        match self {
            Self::All(first_s) => Self::All(first_s + by_s),
            Self::Each(all) => Self::Each(all.iter().map(|first_s| first_s + by_s).collect()),
        }
    }

    /// What `f` makes of the rows of `x` `[B, ...]`, put together again; each with its own beginning.
    pub fn map(&self, x: &Tensor, f: impl Fn(&Tensor, f64) -> Tensor) -> Tensor {
        match self {
            Self::All(first_s) => f(x, *first_s),
            Self::Each(all) if all.windows(2).all(|pair| pair[0] == pair[1]) && !all.is_empty() => {
                f(x, all[0])
            }
            Self::Each(all) => {
                let row = |(row, first_s): (i64, &f64)| f(&x.narrow(0, row, 1), *first_s);
                Tensor::cat(&(0..).zip(all).map(row).collect::<Vec<_>>(), 0)
            }
        }
    }
}

/// Times of the centres of `frames` label frames from frame `first` on: `[frames]`, seconds from the start.
pub fn frame_centres(first: i64, frames: i64) -> Tensor {
    let count = Tensor::arange_start(first, first + frames, (Kind::Float, Device::Cpu));
    (count + 0.5) * LABEL_FRAME_S
}

/// Linear interpolation in time; the ends are held.
///
/// * `x`: `[B, C, S, F]`, frames on `grid`.
/// * `times_s`: `[T]`, seconds.
///
/// Returns `[B, C, T, F]`.
pub fn at_times(x: &Tensor, grid: TimeGrid, times_s: &Tensor) -> Tensor {
    // The index of the last frame as a tensor: as a number it would be frozen into a trace.
    let last = x.select(0, 0).select(0, 0).select(1, 0).ones_like().sum(Kind::Float) - 1.0;
    let position = ((times_s - grid.first_s) / grid.hop_s).clamp_min(0.0).minimum(&last);
    let before = position.floor();
    let after = (&before + 1.0).minimum(&last);
    let weight = (&position - &before).unsqueeze(-1);
    let before = x.index_select(2, &before.to_kind(Kind::Int64));
    let after = x.index_select(2, &after.to_kind(Kind::Int64));
    &before + (after - &before) * weight
}

/// Linear interpolation along bands, by their centres in Hz; below the lowest and above the highest the ends are held.
#[derive(Debug)]
pub struct BandMap {
    /// `[F from, F to]`
    weights: Tensor,
}

impl BandMap {
    /// Both `from_hz` and `to_hz` ascend.
    pub fn new(from_hz: &[f64], to_hz: &[f64], device: Device) -> Self {
        let mut weights = vec![0f32; from_hz.len() * to_hz.len()];
        for (column, hz) in to_hz.iter().enumerate() {
            let mut set = |row: usize, weight: f64| weights[row * to_hz.len() + column] += weight as f32;
            let above = from_hz.partition_point(|centre| centre <= hz);
            match (above.checked_sub(1), from_hz.get(above)) {
                (None, _) => set(0, 1.0),
                (Some(below), None) => set(below, 1.0),
                (Some(below), Some(upper)) => {
                    let share = (hz - from_hz[below]) / (upper - from_hz[below]);
                    set(below, 1.0 - share);
                    set(above, share);
                }
            }
        }
        let shape = [from_hz.len() as i64, to_hz.len() as i64];
        Self { weights: Tensor::from_slice(&weights).view(shape).to(device) }
    }

    /// `[..., F from]` to `[..., F to]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.matmul(&self.weights)
    }
}

/// Centres of bands after every so many of them became one; the last may be of fewer.
pub fn pooled_centres(centres_hz: &[f64], factor: i64) -> Vec<f64> {
    let mean = |group: &[f64]| group.iter().sum::<f64>() / group.len() as f64;
    centres_hz.chunks(factor.max(1) as usize).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_ramp_in_time_is_its_own_interpolation() {
        let grid = TimeGrid { first_s: 0.08, hop_s: 0.19 };
        let ramp = Tensor::arange(40, (Kind::Float, Device::Cpu)) * grid.hop_s + grid.first_s;
        let times = frame_centres(3, 50);
        let aligned = at_times(&ramp.view([1, 1, -1, 1]), grid, &times).flatten(0, -1);
        assert!((aligned - times).abs().max().double_value(&[]) < 1e-5);
    }

    #[test]
    fn the_ends_are_held() {
        let sequence = Tensor::from_slice(&[5.0f32, 7.0]).view([1, 1, 2, 1]);
        let grid = TimeGrid { first_s: 1.0, hop_s: 1.0 };
        let aligned = at_times(&sequence, grid, &Tensor::from_slice(&[0.0f32, 1.5, 9.0]));
        assert_eq!(Vec::<f32>::try_from(aligned.flatten(0, -1)).unwrap(), [5.0, 6.0, 7.0]);
    }

    #[test]
    fn times_from_a_shape_and_from_numbers_agree() {
        let like = Tensor::zeros([2, 3, 7, 1], (Kind::Float, Device::Cpu));
        let difference: Tensor = TimeGrid::LABELS.times_like(&like) - frame_centres(0, 7);
        assert!(difference.abs().max().double_value(&[]) < 1e-6);
    }

    #[test]
    fn a_pooled_grid_is_centred_on_what_was_pooled() {
        let grid = TimeGrid { first_s: 0.01, hop_s: 0.02 };
        let pooled = grid.pooled(4);
        let centre = (0..4).map(|n| grid.first_s + f64::from(n) * grid.hop_s).sum::<f64>() / 4.0;
        assert!((pooled.first_s - centre).abs() < 1e-12 && (pooled.hop_s - 0.08).abs() < 1e-12);
    }

    #[test]
    fn rows_that_begin_at_other_times_are_aligned_each_for_itself() {
        // Two looks at one ramp, the second begun 0.3 s later.
        let look = |first_s: f64| Tensor::arange(30, (Kind::Float, Device::Cpu)) * 0.1 + first_s;
        let x = Tensor::stack(&[look(-0.2), look(0.1)], 0).view([2, 1, 30, 1]);
        let times = frame_centres(4, 10);
        let at = |x: &Tensor, first_s| at_times(x, TimeGrid { first_s, hop_s: 0.1 }, &times);
        let aligned = Starts::Each(vec![-0.2, 0.1]).map(&x, at);
        for row in 0..2 {
            let difference: Tensor = aligned.get(row).flatten(0, -1) - &times;
            assert!(difference.abs().max().double_value(&[]) < 1e-5);
        }
    }

    proptest! {
        #[test]
        fn a_ramp_in_hz_is_its_own_interpolation(
            from in prop::collection::vec(1.0f64..100.0, 2..20), to in prop::collection::vec(0.0f64..1200.0, 1..20))
        {
            let ascending = |steps: &[f64]| -> Vec<f64> {
                steps.iter().scan(0.0, |hz, step| { *hz += step; Some(*hz) }).collect()
            };
            let from = ascending(&from);
            let mut to = to;
            to.sort_by(f64::total_cmp);
            let ramp: Vec<f32> = from.iter().map(|hz| *hz as f32).collect();
            let mapped = BandMap::new(&from, &to, Device::Cpu).forward(&Tensor::from_slice(&ramp).view([1, -1]));
            let mapped = Vec::<f32>::try_from(mapped.flatten(0, -1)).unwrap();
            for (found, hz) in mapped.iter().zip(&to) {
                let expected = hz.clamp(from[0], from[from.len() - 1]);
                prop_assert!((f64::from(*found) - expected).abs() < 1e-2, "{found} {expected}");
            }
        }
    }
}
