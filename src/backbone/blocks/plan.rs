//! A network as data.

use crate::backbone::tagger::Tap;

/// The blocks of a network, and the picture that the first is given.
#[derive(Debug, Clone)]
pub struct Network {
    /// The picture: the front-end's output.
    pub picture: Tap,
    /// In the order they are applied in.
    pub blocks: Vec<BlockPlan>,
    /// Parameters before and after the blocks: those of the front-end's batch norm, if it has one, and of the heads.
    pub other_parameters: i64,
}

/// Some convolutions, and what follows them.
#[derive(Debug, Clone)]
pub struct BlockPlan {
    /// Its authors' name for it.
    pub name: &'static str,
    /// Each with its batch norm and ReLU.
    pub convs: Vec<Conv>,
    /// What is done in the end.
    pub pool: Pool,
}

/// 2 x 2 pooling; an odd last row or column is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// None.
    Keep,
    /// The mean of four values.
    Mean,
    /// The largest of four values.
    Max,
}

/// A convolution.
#[derive(Debug, Clone)]
pub struct Conv {
    /// Before `.weight` (and `.bias`, where there is no batch norm) in a checkpoint.
    pub name: String,
    /// Its batch norm; none when that was folded into the convolution, which has a bias then.
    pub norm: Option<BatchNorm>,
    /// `[out, in / groups, k, k]`, k odd.
    pub shape: [i64; 4],
    /// 1 or 2, in time and frequency.
    pub stride: i64,
    /// Groups of channels: 1, or as many as there are channels.
    pub groups: i64,
    /// 2 x 2 means before the batch norm.
    pub pool: bool,
}

/// A batch norm.
#[derive(Debug, Clone)]
pub struct BatchNorm {
    /// Before `.weight` and so on in a checkpoint.
    pub name: String,
    /// Added to the variance.
    pub epsilon: f64,
}

impl Conv {
    /// A convolution without stride, groups or pooling, and its batch norm.
    pub(in crate::backbone) fn plain(name: String, norm: Option<BatchNorm>, shape: [i64; 4]) -> Self {
        Self { name, norm, shape, stride: 1, groups: 1, pool: false }
    }

    fn parameters(&self) -> i64 {
        let of_channels = if self.norm.is_some() { 2 } else { 1 };
        self.shape.iter().product::<i64>() + of_channels * self.shape[0]
    }
}

impl BlockPlan {
    /// Times and bands of this block's output, given those of its input; each halving counts.
    fn after(&self, mut tap: Tap) -> Tap {
        for conv in &self.convs {
            if conv.stride == 2 {
                // Centred on the second of two, because the first has no neighbour before it.
                tap = halved(tap, 1.0);
            }
            if conv.pool {
                tap = halved(tap, 0.5);
            }
            tap.channels = conv.shape[0];
        }
        if self.pool != Pool::Keep {
            tap = halved(tap, 0.5);
        }
        Tap { name: self.name, ..tap }
    }
}

/// The grid of every second frame and band, centred so many frames after the first of two.
fn halved(tap: Tap, centre: f64) -> Tap {
    Tap {
        bands: tap.bands / 2,
        first_s: tap.first_s + centre * tap.hop_s,
        hop_s: tap.hop_s * 2.0,
        stride: tap.stride * 2,
        ..tap
    }
}

impl Network {
    /// The picture, then the output of every block.
    pub fn taps(&self) -> Vec<Tap> {
        let mut taps = vec![self.picture];
        for block in &self.blocks {
            taps.push(block.after(taps[taps.len() - 1]));
        }
        taps
    }

    /// How far before and after its centre, in seconds, the last block's frame depends on the picture: convolutions see
    /// half their kernel on each side, pooling half of what it halves.
    pub fn reach_s(&self) -> f64 {
        let mut reach_s = 0.0;
        let mut hop_s = self.picture.hop_s;
        for block in &self.blocks {
            for conv in &block.convs {
                reach_s += (conv.shape[2] / 2) as f64 * hop_s;
                if conv.stride == 2 {
                    hop_s *= 2.0;
                }
                if conv.pool {
                    reach_s += 0.5 * hop_s;
                    hop_s *= 2.0;
                }
            }
            if block.pool != Pool::Keep {
                reach_s += 0.5 * hop_s;
                hop_s *= 2.0;
            }
        }
        reach_s
    }

    /// Weights, biases, and the scales and shifts of batch norms. Constants of the front-end do not count.
    pub fn parameters(&self) -> i64 {
        let blocks = self.blocks.iter().flat_map(|block| &block.convs);
        self.other_parameters + blocks.map(Conv::parameters).sum::<i64>()
    }

    /// Of some blocks, those that training changes.
    pub fn parameters_of(&self, blocks: std::ops::Range<usize>) -> i64 {
        self.blocks[blocks].iter().flat_map(|block| &block.convs).map(Conv::parameters).sum()
    }

    /// Values that a training step keeps of some blocks per second of sound: what goes into each convolution, batch norm
    /// and pool. The batch norms of the first `frozen` blocks are part of their convolutions.
    pub fn kept_per_second(&self, blocks: std::ops::Range<usize>, frozen: usize) -> f64 {
        let taps = self.taps();
        let of_block = |index: usize| {
            let (mut tap, mut kept) = (taps[index], 0.0);
            let values = |tap: &Tap| (tap.channels * tap.bands) as f64 / tap.hop_s;
            for conv in &self.blocks[index].convs {
                kept += values(&tap);
                if conv.stride == 2 {
                    tap = halved(tap, 1.0);
                }
                tap.channels = conv.shape[0];
                if conv.pool {
                    kept += values(&tap);
                    tap = halved(tap, 0.5);
                }
                if conv.norm.is_some() && index >= frozen {
                    kept += values(&tap);
                }
            }
            kept + values(&tap)
        };
        blocks.map(of_block).sum()
    }

    /// Multiply-adds of the blocks per second of sound. The heads, which are asked once a clip, do not count.
    pub fn macs_per_second(&self) -> f64 {
        let mut macs = 0.0;
        let (mut bands, mut frames_per_second) = (self.picture.bands, 1.0 / self.picture.hop_s);
        for block in &self.blocks {
            for conv in &block.convs {
                if conv.stride == 2 {
                    (bands, frames_per_second) = (bands / 2, frames_per_second / 2.0);
                }
                macs += conv.shape.iter().product::<i64>() as f64 * bands as f64 * frames_per_second;
                if conv.pool {
                    (bands, frames_per_second) = (bands / 2, frames_per_second / 2.0);
                }
            }
            if block.pool != Pool::Keep {
                (bands, frames_per_second) = (bands / 2, frames_per_second / 2.0);
            }
        }
        macs
    }
}
