//! The trainable network: descriptors and the tagger's output in, tracks out.

use tch::Tensor;
use tch::nn::{self, Module, ModuleT};

use super::arch::{Architecture, FusionPlacement};
use super::encoder::{self, SpatialEncoder};
use super::fusion::CrossStitch;
use super::temporal::{self, Temporal};
use super::tracks::{self, TrackHeads};

pub use super::tracks::Output;

/// Sizes that the network takes from its surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface {
    /// Channels of the descriptors.
    pub channels: i64,
    /// Bands of the descriptors.
    pub bands: i64,
    /// Descriptor frames in a label frame.
    pub frames_per_label: i64,
    /// Features of the tagger's output.
    pub prior: i64,
    /// Classes to detect.
    pub classes: i64,
}

/// Semantic path (tagger output, projected) and spatial path (descriptors, encoded), coupled late or not at all,
/// smoothed in time, then split into tracks.
#[derive(Debug)]
pub struct Network {
    semantic: SemanticProjection,
    encoder: SpatialEncoder,
    stitch_before: Option<CrossStitch>,
    semantic_temporal: Temporal,
    spatial_temporal: Temporal,
    stitch_after: Option<CrossStitch>,
    heads: TrackHeads,
}

#[derive(Debug)]
struct SemanticProjection {
    norm: nn::BatchNorm,
    linear: nn::Linear,
    dropout: f64,
}

impl Network {
    /// Creates the variables under `path`; initial values come from libtorch's random generator.
    pub fn new(path: &nn::Path, arch: &Architecture, interface: Interface) -> Self {
        let width = arch.encoder.output;
        let Interface { channels, bands, frames_per_label, prior, classes } = interface;
        let late = arch.fusion.placement.contains(&FusionPlacement::Late);
        let smoothed = temporal::output_width(&arch.temporal, width);
        let stitch = |name: &str, width| late.then(|| CrossStitch::new(&(path / "fusion" / name), width));
        Self {
            semantic: SemanticProjection {
                norm: nn::batch_norm1d(path / "semantic" / "norm", prior, Default::default()),
                linear: nn::linear(path / "semantic" / "projection", prior, width, Default::default()),
                dropout: arch.backbone.dropout,
            },
            encoder: SpatialEncoder::new(
                &(path / "encoder"),
                &arch.encoder,
                channels,
                bands,
                frames_per_label,
            ),
            stitch_before: stitch("before_temporal", width),
            semantic_temporal: Temporal::new(&(path / "temporal" / "semantic"), &arch.temporal, width),
            spatial_temporal: Temporal::new(&(path / "temporal" / "spatial"), &arch.temporal, width),
            stitch_after: stitch("after_temporal", smoothed),
            heads: TrackHeads::new(&(path / "tracks"), &arch.tracks, smoothed, classes),
        }
    }

    /// * `descriptors`: `[B, C, frames, F]`, frames up to `frames_per_label` a label frame.
    /// * `prior`: `[B, T, P]`, already at label-frame rate.
    pub fn forward(&self, descriptors: &Tensor, prior: &Tensor, train: bool) -> Output {
        let mut semantic = self.semantic.forward(prior, train);
        let mut spatial = self.encoder.forward(descriptors, train);
        if let Some(stitch) = &self.stitch_before {
            (semantic, spatial) = stitch.forward(&semantic, &spatial);
        }
        semantic = self.semantic_temporal.forward(&semantic);
        spatial = self.spatial_temporal.forward(&spatial);
        if let Some(stitch) = &self.stitch_after {
            (semantic, spatial) = stitch.forward(&semantic, &spatial);
        }
        self.heads.forward(&semantic, &spatial, train)
    }
}

impl SemanticProjection {
    fn forward(&self, prior: &Tensor, train: bool) -> Tensor {
        let normal = self.norm.forward_t(&prior.transpose(1, 2), train).transpose(1, 2);
        self.linear.forward(&normal.dropout(self.dropout, train)).relu()
    }
}

/// Multiply-adds per second of audio of the trainable network (descriptors and tagger not counted).
pub fn macs_per_second(arch: &Architecture, interface: Interface) -> u64 {
    let Interface { channels, bands, frames_per_label, prior, classes } = interface;
    let width = arch.encoder.output;
    let per_frame = encoder::macs_per_frame(&arch.encoder, channels, bands, frames_per_label)
        + prior * width
        + 2 * temporal::macs_per_frame(&arch.temporal, width)
        + tracks::macs_per_frame(&arch.tracks, temporal::output_width(&arch.temporal, width), classes);
    per_frame.unsigned_abs() * crate::seld::event::FRAMES_PER_SECOND as u64
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, nn::VarStore};

    use super::*;
    use crate::model::arch::{FusionConfig, TemporalConfig, TemporalKind};

    const INTERFACE: Interface =
        Interface { channels: 7, bands: 64, frames_per_label: 5, prior: 16, classes: 4 };

    fn forward(arch: &Architecture, batch: i64, frames: i64) -> Output {
        tch::manual_seed(1);
        let vs = VarStore::new(Device::Cpu);
        let network = Network::new(&vs.root(), arch, INTERFACE);
        let descriptors = Tensor::randn([batch, 7, frames, 64], (Kind::Float, Device::Cpu));
        let prior = Tensor::randn([batch, (frames + 4) / 5, 16], (Kind::Float, Device::Cpu));
        network.forward(&descriptors, &prior, false)
    }

    #[test]
    fn shapes_for_odd_lengths_and_every_choice() {
        for placement in [vec![], vec![FusionPlacement::Late]] {
            for kind in [TemporalKind::None, TemporalKind::Gru] {
                for (frames, label_frames) in [(1, 1), (5, 1), (6, 2), (250, 50), (253, 51)] {
                    let arch = Architecture {
                        fusion: FusionConfig { placement: placement.clone(), ..Default::default() },
                        temporal: TemporalConfig { kind, ..Default::default() },
                        ..Default::default()
                    };
                    let output = forward(&arch, 2, frames);
                    assert_eq!(output.activity.size(), [2, label_frames, 3, 4]);
                    assert_eq!(output.direction.size(), [2, label_frames, 3, 3]);
                    assert!(bool::try_from(output.activity.isfinite().all()).unwrap());
                }
            }
        }
    }

    #[test]
    fn without_fusion_activity_ignores_the_spatial_path() {
        let mut arch = Architecture::default();
        arch.fusion.placement.clear();
        let vs = VarStore::new(Device::Cpu);
        let network = Network::new(&vs.root(), &arch, INTERFACE);
        let prior = Tensor::randn([1, 4, 16], (Kind::Float, Device::Cpu));
        let scene = || Tensor::randn([1, 7, 20, 64], (Kind::Float, Device::Cpu));
        let (a, b) = (network.forward(&scene(), &prior, false), network.forward(&scene(), &prior, false));
        assert_eq!(a.activity, b.activity);
        assert_ne!(a.direction, b.direction);
    }
}
