//! A wider or deeper encoder that begins with what a smaller one computes.
//!
//! Chen et al., "Net2Net: Accelerating Learning via Knowledge Transfer" (2016). A wider layer has copies of the channels that
//! were there, and whatever hears them hears each copy by a share, drawn at random, so that copies learn different things. A
//! block that was not there adds nothing to its shortcut yet.

use tch::{Kind, Tensor};

use super::arch::{Activation, Block, EncoderConfig, Norm};

/// How the name of an encoder's variable begins.
const ENCODER: &str = "network.encoder.";
/// Name of the weights of its last layer.
const PROJECTION: &str = "projection.weight";
/// How far shares of copies are apart, relative to equal ones.
const UNEVEN: f64 = 0.5;

/// The value that a variable of an encoder begins with, so that all of it computes what another one did of which `known` are
/// the variables; `None` where that one says nothing about it, or has more channels.
///
/// The encoder's output is the same where both have its projection, the same kernels, reductions and stages, and widths that
/// are reached by the same shortcuts; with batch normalisation or none, or with group normalisation and widths that are
/// multiples of the other ones. Added blocks change nothing where they are residual and their activation is ReLU.
pub(crate) fn grown(
    name: &str,
    variable: &Tensor,
    known: &[(String, Tensor)],
    config: &EncoderConfig,
) -> Option<Tensor> {
    let part = name.strip_prefix(ENCODER)?;
    let find = |name: &str| known.iter().find(|(other, _)| other == name).map(|(_, tensor)| tensor);
    match find(name) {
        Some(small) if part == PROJECTION => projection(variable, small, last_width(known, config)?, config),
        Some(small) => wider(part, variable, small),
        None => {
            let (block, layer) = part.split_once(".unit")?;
            let is_there =
                |block: &str| known.iter().any(|(other, _)| other.starts_with(&format!("{ENCODER}{block}.")));
            let (stage, _) = block.rsplit_once(".block")?;
            let is_new = is_there(&format!("{stage}.block1")) && !is_there(block);
            (is_new && adds_nothing_at_zero(layer, config)).then(|| variable.zeros_like())
        }
    }
}

/// Whether a new block leaves its input as it is while this variable of it, "2.norm.weight" for instance, is 0.
fn adds_nothing_at_zero(layer: &str, config: &EncoderConfig) -> bool {
    let last = if config.norm == Norm::None { "2.conv." } else { "2.norm." };
    let scales = |name: &str| name == "weight" || name == "bias";
    config.block == Block::Residual
        && config.activation == Activation::Relu
        && layer.strip_prefix(last).is_some_and(scales)
}

/// A variable with copies of channels, by its name within the encoder.
fn wider(part: &str, variable: &Tensor, small: &Tensor) -> Option<Tensor> {
    let (to, from) = (variable.size(), small.size());
    if to.len() != from.len() || to.iter().zip(&from).any(|(to, from)| to < from) {
        return None;
    }
    let copies = |axis: usize| copies(to[axis], from[axis], 1);
    let hears_channels = ["conv.weight", "shortcut.weight", "narrow.weight", "wide.weight"];
    if to.get(2..) != from.get(2..) || part.starts_with("input_norm") {
        return None;
    }
    // Descriptors are no channels that could be copied.
    let first = part.starts_with("stage1.block1.unit1.") || part.starts_with("stage1.block1.shortcut");
    if hears_channels.iter().any(|ending| part.ends_with(ending)) {
        if first && to[1] != from[1] {
            return None;
        }
        let outputs = small.index_select(0, &copies(0));
        return Some(if to[1] == from[1] { outputs } else { shared(&outputs, &copies(1)) });
    }
    let is_of_channels =
        part.contains(".norm.") || part.ends_with("depthwise.weight") || part.ends_with(".bias");
    let may_grow = is_of_channels && !(first && part.ends_with("depthwise.weight"));
    may_grow.then(|| small.index_select(0, &copies(0)))
}

/// The projection of a wider encoder. What it hears are channels with their bands, which must be as many; what hears it has not
/// grown.
fn projection(variable: &Tensor, small: &Tensor, last: i64, config: &EncoderConfig) -> Option<Tensor> {
    let (to, from) = (variable.size(), small.size());
    let ([outputs, heard], [small_outputs, small_heard]) = (to.as_slice(), from.as_slice()) else {
        return None;
    };
    let width = *config.widths().last()?;
    let bands = heard / width;
    let is_whole = bands > 0 && width >= last && *small_heard == bands * last && outputs == small_outputs;
    is_whole.then(|| shared(small, &copies(*heard, *small_heard, bands)))
}

/// Channels of the last stage of an encoder that has as many stages.
fn last_width(known: &[(String, Tensor)], config: &EncoderConfig) -> Option<i64> {
    let stages = config.widths().len();
    let stage = |number: usize| {
        let begin = format!("{ENCODER}stage{number}.");
        known.iter().find(|(name, _)| name.starts_with(&begin) && name.ends_with("conv.weight"))
    };
    stage(stages).filter(|_| stage(stages + 1).is_none()).map(|(_, weights)| weights.size()[0])
}

/// For each of `to` places the one of `from` that it is a copy of; places come in groups of `size`.
fn copies(to: i64, from: i64, size: i64) -> Tensor {
    let places: Vec<i64> = (0..to).map(|at| at / size % (from / size) * size + at % size).collect();
    Tensor::from_slice(&places)
}

/// Weights `[to, from, ...]` over copies of what they were over: each copy gets a share, and the shares of all copies sum to 1.
fn shared(weights: &Tensor, copies: &Tensor) -> Tensor {
    let (rows, places) = (weights.size()[0], copies.size()[0]);
    let draws = 1.0 + UNEVEN * (Tensor::rand([rows, places], (Kind::Float, weights.device())) - 0.5);
    let sums = Tensor::zeros([rows, weights.size()[1]], (Kind::Float, weights.device()))
        .index_add(1, copies, &draws);
    let mut shares = draws / sums.index_select(1, copies);
    for _ in 2..weights.dim() {
        shares = shares.unsqueeze(-1);
    }
    weights.index_select(1, copies) * shares
}

#[cfg(test)]
mod tests {
    use tch::nn::VarStore;
    use tch::{Device, no_grad};

    use super::*;
    use crate::model::arch::Convolution;
    use crate::model::encoder::{Picture, SpatialEncoder};

    const PICTURE: Picture = Picture { channels: 3, bands: 16, frames_per_label: 4 };

    fn encoder(config: &EncoderConfig) -> (VarStore, SpatialEncoder) {
        let vs = VarStore::new(Device::Cpu);
        let encoder = SpatialEncoder::new(&(vs.root() / "network" / "encoder"), config, PICTURE);
        // Statistics of normalisation that are not those of the start.
        let _guard = tch::no_grad_guard();
        for (name, mut variable) in vs.variables() {
            if name.contains("norm") {
                variable.copy_(&(Tensor::rand_like(&variable) + 0.5));
            }
        }
        (vs, encoder)
    }

    fn output(encoder: &SpatialEncoder, x: &Tensor) -> Tensor {
        let begun = encoder.begin(x, false);
        let last = (0..encoder.stages()).fold(begun, |x, stage| encoder.stage(stage, &x, false));
        encoder.finish(&last)
    }

    fn small() -> EncoderConfig {
        EncoderConfig { stages: 2, blocks: 1, width: 8, output: 12, ..EncoderConfig::default() }
    }

    /// The largest difference of what both compute, and the variables that neither fit nor grow.
    fn difference(small: &EncoderConfig, large: &EncoderConfig) -> (f64, Vec<String>) {
        tch::manual_seed(5);
        let (known, first) = encoder(small);
        let (vs, second) = encoder(large);
        let known: Vec<(String, Tensor)> = known.variables().into_iter().collect();
        let mut others = Vec::new();
        no_grad(|| {
            for (name, mut variable) in vs.variables() {
                let same =
                    known.iter().find(|(other, tensor)| *other == name && tensor.size() == variable.size());
                match same
                    .map(|(_, tensor)| tensor.shallow_clone())
                    .or_else(|| grown(&name, &variable, &known, large))
                {
                    Some(value) => variable.copy_(&value),
                    None => others.push(name),
                }
            }
            let x = Tensor::randn([2, 3, 40, 16], (Kind::Float, Device::Cpu));
            let [before, after] = [output(&first, &x), output(&second, &x)];
            assert!(before.abs().max().double_value(&[]) > 0.1);
            ((before - after).abs().max().double_value(&[]), others)
        })
    }

    #[test]
    fn a_wider_encoder_computes_the_same() {
        let variants = [
            small(),
            EncoderConfig { squeeze_excitation: 2, norm: Norm::None, ..small() },
            EncoderConfig { norm: Norm::Group, activation: Activation::Elu, ..small() },
            EncoderConfig { block: Block::Plain, blocks: 2, convolution: Convolution::Separable, ..small() },
        ];
        for (at, config) in variants.iter().enumerate() {
            let (difference, others) = difference(config, &EncoderConfig { width: 16, ..config.clone() });
            assert!(others.is_empty() && difference < 1e-4, "{at}: {difference} {others:?}");
        }
        // Not a multiple.
        let (difference, others) = difference(&small(), &EncoderConfig { width: 11, ..small() });
        assert!(others.is_empty() && difference < 1e-4, "{difference} {others:?}");
    }

    #[test]
    fn a_deeper_encoder_computes_the_same() {
        for norm in [Norm::Batch, Norm::None] {
            let config = EncoderConfig { norm, ..small() };
            let deeper = EncoderConfig { blocks: 3, width: 12, ..config.clone() };
            let (difference, others) = difference(&config, &deeper);
            assert!(difference < 1e-4, "{norm:?}: {difference}");
            assert!(
                others.iter().all(|name| name.contains("block2") || name.contains("block3")),
                "{others:?}"
            );
        }
    }

    #[test]
    fn what_would_not_be_the_same_is_not_grown() {
        let of = |name: &str, small: &[i64], large: &[i64], config: &EncoderConfig| {
            let zeros = |size: &[i64]| Tensor::zeros(size, (Kind::Float, Device::Cpu));
            let known = [(format!("{ENCODER}{name}"), zeros(small))];
            grown(&known[0].0, &zeros(large), &known, config).is_some()
        };
        assert!(
            !of("stage1.block1.unit1.conv.weight", &[8, 3, 3, 3], &[8, 7, 3, 3], &small()),
            "descriptors"
        );
        assert!(!of("stage1.block1.unit2.conv.weight", &[8, 8, 3, 3], &[16, 16, 5, 5], &small()), "kernel");
        assert!(!of("stage1.block1.unit2.conv.weight", &[8, 8, 3, 3], &[4, 4, 3, 3], &small()), "narrower");
        assert!(of("stage1.block1.unit2.conv.weight", &[8, 8, 3, 3], &[16, 16, 3, 3], &small()));
    }

    #[test]
    fn a_projection_grows_where_it_hears_as_many_bands_of_as_many_stages() {
        let zeros = |size: &[i64]| Tensor::zeros(size, (Kind::Float, Device::Cpu));
        // Stages of 16 and 32 channels, 4 bands.
        let (large, config) = (zeros(&[12, 128]), EncoderConfig { width: 16, ..small() });
        let grows = |small: &[i64], stages: &[i64]| {
            let stage = |(number, width): (usize, &i64)| {
                (format!("{ENCODER}stage{}.block1.unit1.conv.weight", number + 1), zeros(&[*width, 3, 3, 3]))
            };
            let mut known: Vec<(String, Tensor)> = stages.iter().enumerate().map(stage).collect();
            known.push((format!("{ENCODER}{PROJECTION}"), zeros(small)));
            grown(&format!("{ENCODER}{PROJECTION}"), &large, &known, &config).is_some()
        };
        assert!(grows(&[12, 64], &[8, 16]));
        assert!(!grows(&[12, 32], &[8, 16]), "2 bands");
        assert!(!grows(&[8, 64], &[8, 16]), "another output");
        assert!(!grows(&[12, 64], &[16]) && !grows(&[12, 64], &[4, 8, 16]), "other stages");
        assert!(!grows(&[12, 256], &[8, 64]), "narrower");
    }
}
