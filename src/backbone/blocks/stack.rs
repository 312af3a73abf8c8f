//! The blocks of a network with their weights.

use std::ops::Range;

use tch::nn;
use tch::{Kind, Tensor};

use super::conv::{Conv, halve};
use super::plan::{BlockPlan, Network, Pool};
use crate::backbone::error::Error;
use crate::backbone::tagger::Tap;
use crate::backbone::weights::Weights;

/// Which blocks of a network become variables, and where.
#[derive(Debug)]
pub struct Thaw<'a> {
    /// Variables are made under it.
    pub path: nn::Path<'a>,
    /// Blocks before them, which stay frozen.
    pub frozen: usize,
}

/// The blocks of a network, ready to be run.
#[derive(Debug)]
pub struct Blocks {
    network: Network,
    taps: Vec<Tap>,
    blocks: Vec<Block>,
    frozen: usize,
}

#[derive(Debug)]
struct Block {
    convs: Vec<Conv>,
    pool: Pool,
}

impl Blocks {
    /// Takes the blocks' tensors; all frozen unless `thaw` says otherwise.
    ///
    /// # Errors
    /// `thaw` freezes more blocks than there are.
    pub(in crate::backbone) fn load(
        network: Network,
        weights: &mut Weights,
        thaw: Option<&Thaw>,
    ) -> Result<Self, Error> {
        let count = network.blocks.len();
        let frozen = thaw.map_or(count, |thaw| thaw.frozen);
        if frozen > count {
            return Err(Error::Blocks { frozen, count });
        }
        let block = |(index, plan): (usize, &BlockPlan)| {
            let conv = |(conv, plan): (usize, &super::Conv)| match thaw {
                Some(thaw) if index >= frozen => {
                    let path = &thaw.path / format!("block{}", index + 1) / format!("conv{}", conv + 1);
                    Conv::trained(weights, plan, &path)
                }
                _ => Conv::frozen(weights, plan),
            };
            Block { convs: plan.convs.iter().enumerate().map(conv).collect(), pool: plan.pool }
        };
        let blocks = network.blocks.iter().enumerate().map(block).collect();
        Ok(Self { taps: network.taps(), network, blocks, frozen })
    }

    /// The network as data.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The picture that the first block is given, then the output of every block.
    pub fn taps(&self) -> &[Tap] {
        &self.taps
    }

    /// The tap of the last block.
    pub fn last(&self) -> Tap {
        self.taps[self.blocks.len()]
    }

    /// Number of blocks.
    pub fn count(&self) -> usize {
        self.blocks.len()
    }

    /// Blocks at the beginning that are not trained.
    pub fn frozen(&self) -> usize {
        self.frozen
    }

    /// Runs some blocks: `[B, C, T, F]` as tap `range.start` has it to tap `range.end`'s. `train`: batch norms that are
    /// trained normalise by the batch and follow it.
    pub fn run(&self, input: &Tensor, range: Range<usize>, train: bool) -> Tensor {
        self.blocks[range].iter().fold(input.shallow_clone(), |x, block| block.forward(&x, train))
    }

    /// The picture `[B, 1, T, F]` to the output of every block.
    pub fn outputs(&self, picture: &Tensor) -> Vec<Tensor> {
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            let output = block.forward(outputs.last().unwrap_or(picture), false);
            outputs.push(output);
        }
        outputs
    }

    /// The picture `[B, 1, T, F]` to the last block, averaged over bands: `[B, C, T']`.
    pub fn sequence(&self, picture: &Tensor) -> Tensor {
        average(&self.run(picture, 0..self.count(), false))
    }
}

/// `[B, C, T, F]` averaged over bands: `[B, C, T]`.
pub fn average(x: &Tensor) -> Tensor {
    x.mean_dim([-1].as_slice(), false, Kind::Float)
}

impl Block {
    fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        let x = self.convs.iter().fold(x.shallow_clone(), |x, conv| conv.forward(&x, train));
        match self.pool {
            Pool::Keep => x,
            Pool::Mean => halve(&x),
            Pool::Max => x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false),
        }
    }
}
