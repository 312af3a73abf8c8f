//! The network without its head.

use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor, nn};

use super::front_end::LogMel;
use super::{initial, network};
use crate::backbone::blocks::{Blocks, Thaw};
use crate::backbone::error::Error;
use crate::backbone::weights::Weights;

/// Front-end and blocks.
#[derive(Debug)]
pub struct Trunk {
    front_end: LogMel,
    blocks: Blocks,
}

impl Trunk {
    /// Takes the tensors of a file.
    pub(super) fn take(weights: &mut Weights, device: Device, thaw: Option<&Thaw>) -> Result<Self, Error> {
        let front_end = LogMel::take(weights, device)?;
        Ok(Self { front_end, blocks: Blocks::load(network(), weights, thaw)? })
    }

    /// A network to be trained: random weights as variables under `path`, which have the names that files have them
    /// under.
    ///
    /// # Errors
    /// The device has no memory left.
    pub fn initial(path: &nn::Path, front_end: LogMel, rng: &mut ChaCha8Rng) -> Result<Self, Error> {
        let mut weights = Weights::new(initial::tensors(rng), path.device());
        let thaw = Thaw { path: path.clone(), frozen: 0 };
        let blocks = Blocks::load(network(), &mut weights, Some(&thaw))?;
        debug_assert_eq!(weights.finish(), [], "this is a bug: initial weights are those of the network");
        Ok(Self { front_end, blocks })
    }

    /// The front-end.
    pub fn front_end(&self) -> &LogMel {
        &self.front_end
    }

    /// The blocks.
    pub fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// Waveform `[B, S]` at 24 kHz to the picture `[B, 1, T, 64]`, T = floor(S / 480) + 1.
    pub fn picture(&self, waveform: &Tensor) -> Tensor {
        self.front_end.picture(waveform)
    }

    /// The picture `[B, 1, T, 64]`, T at least 8, to the embedding `[B, 512]`: the last block averaged over bands, then the
    /// sum of its mean and its maximum over time, as in PANNs. `train`: batch norms normalise by the batch and follow it.
    pub fn embedding(&self, picture: &Tensor, train: bool) -> Tensor {
        let last = self.blocks.run(picture, 0..self.blocks.count(), train);
        let frames = last.mean_dim([-1].as_slice(), false, Kind::Float);
        frames.amax([-1].as_slice(), false) + frames.mean_dim([-1].as_slice(), false, Kind::Float)
    }
}
