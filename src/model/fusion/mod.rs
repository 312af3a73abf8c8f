//! Coupling of the semantic and the spatial path.
//!
//! A [`Meeting`] is a place where the paths meet: each may learn what the other knows, of what both were before. The
//! one who calls brings the other path to the own one's times and bands first: see [`super::align`].

mod operator;

use tch::Tensor;
use tch::nn;

use super::arch::FusionConfig;
use operator::Operator;

/// One place where the paths meet.
#[derive(Debug)]
pub(super) struct Meeting {
    semantic: Option<Operator>,
    spatial: Option<Operator>,
}

impl Meeting {
    /// `semantic`, `spatial`: channels of both paths there.
    pub(super) fn new(path: &nn::Path, config: &FusionConfig, semantic: i64, spatial: i64) -> Self {
        let operator = |name: &str, own, other| Operator::new(&(path / name), config, own, other);
        Self {
            semantic: config.direction.to_semantic().then(|| operator("semantic", semantic, spatial)),
            spatial: config.direction.to_spatial().then(|| operator("spatial", spatial, semantic)),
        }
    }

    /// The semantic path `[B, T, ..., C]` after it met the spatial one, which is only asked for, on its grid, where it is
    /// needed.
    pub(super) fn semantic(&self, own: &Tensor, other: impl FnOnce() -> Tensor) -> Tensor {
        meet(self.semantic.as_ref(), own, other)
    }

    /// The spatial path, likewise.
    pub(super) fn spatial(&self, own: &Tensor, other: impl FnOnce() -> Tensor) -> Tensor {
        meet(self.spatial.as_ref(), own, other)
    }
}

fn meet(operator: Option<&Operator>, own: &Tensor, other: impl FnOnce() -> Tensor) -> Tensor {
    operator.map_or_else(|| own.shallow_clone(), |operator| operator.forward(own, &other()))
}
