//! How the parts of the loss are weighted against each other.

use tch::Tensor;
use tch::nn::{self, Init};

use super::Part;
use crate::model::arch::{LossConfig, LossWeighting};

/// The weight of every part.
#[derive(Debug)]
pub(super) enum Weighting {
    /// As the document says.
    Fixed(Vec<(Part, f64)>),
    /// Learned (Kendall et al., arXiv 1705.07115): a part with a variance of its noise of exp(s) has weight exp(-s), and
    /// s / 2 is added, without which every weight would fall to zero. The 1/2 that the likelihood of a Gaussian has before
    /// the square is in s.
    Uncertainty(Vec<(Part, Tensor)>),
}

impl Weighting {
    /// Of these parts. What is learned are variables under `path`, named as the parts, which begin with the weights of the
    /// document.
    pub(super) fn new(path: &nn::Path, config: &LossConfig, parts: &[Part]) -> Self {
        let weight = |part: Part| match part {
            Part::Activity | Part::Vectors => 1.0,
            Part::Direction => config.doa_weight,
            Part::Distance => config.distance_weight,
        };
        let weights = parts.iter().map(|&part| (part, weight(part)));
        match config.weighting {
            LossWeighting::Fixed => Self::Fixed(weights.collect()),
            LossWeighting::Uncertainty => {
                let variable = |(part, weight): (Part, f64)| {
                    let name = part.name();
                    (part, path.var(name, &[], Init::Const(-weight.ln())))
                };
                Self::Uncertainty(weights.map(variable).collect())
            }
        }
    }

    /// A loss of this part times its weight.
    pub(super) fn weighted(&self, part: Part, loss: &Tensor) -> Tensor {
        match self {
            Self::Fixed(weights) => loss * find(weights, part).copied().unwrap_or(1.0),
            Self::Uncertainty(variances) => match find(variances, part) {
                Some(variance) => loss * (-variance).exp(),
                None => loss.shallow_clone(),
            },
        }
    }

    /// The loss from its parts, scalars.
    pub(super) fn total(&self, parts: &[(Part, Tensor)]) -> Tensor {
        let penalty = |part| match self {
            Self::Fixed(_) => None,
            Self::Uncertainty(variances) => find(variances, part).map(|variance| variance * 0.5),
        };
        let terms = parts.iter().map(|(part, loss)| {
            let weighted = self.weighted(*part, loss);
            match penalty(*part) {
                Some(penalty) => weighted + penalty,
                None => weighted,
            }
        });
        terms.reduce(|sum, term| sum + term).unwrap_or_else(|| Tensor::from(0f32))
    }
}

fn find<T>(list: &[(Part, T)], part: Part) -> Option<&T> {
    list.iter().find(|(name, _)| *name == part).map(|(_, value)| value)
}
