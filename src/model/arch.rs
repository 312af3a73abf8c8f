//! The architecture document: everything that determines a candidate, as plain data.
//!
//! This one document is what is searched, hashed, stored and exported. Keys of a search space are paths into it
//! ("encoder.width"). Every field has a default, so that a document names only what it changes; an unknown key
//! is an error.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dataset::augment::RotationKind;
use crate::features::{Descriptor, FeatureConfig};

mod backbone;
mod encoder;
mod fusion;
mod loss;
mod output;
mod preset;
mod temporal;
mod tracks;
mod train;

pub use backbone::{BackboneConfig, Freeze, SignalJoin, TaggerInput};
pub use encoder::{Activation, Block, Convolution, EncoderConfig, Norm, PoolKind, Reduction};
pub use fusion::{FusionConfig, FusionDirection, FusionOperator, FusionPlacement};
pub use loss::{
    ActivityLoss, ClassBalance, DistanceLoss, DoaDistance, DoaTargets, LossConfig, LossWeighting, Permutation,
};
pub use output::{OutputConfig, OutputFormat};
pub use preset::Preset;
pub use temporal::{TemporalConfig, TemporalJoin, TemporalKind, TemporalPlace};
pub use tracks::{TrackKind, TrackSharing, TracksConfig};
pub use train::{Precision, Source, TrainConfig};

/// A candidate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Architecture {
    /// What the spatial path sees.
    pub features: FeatureConfig,
    /// The pretrained tagger of the semantic path.
    pub backbone: BackboneConfig,
    /// The spatial path's residual encoder.
    pub encoder: EncoderConfig,
    /// Where and how the two paths exchange what they know.
    pub fusion: FusionConfig,
    /// Smoothing over label frames.
    pub temporal: TemporalConfig,
    /// Track-wise abstraction.
    pub tracks: TracksConfig,
    /// What is said about an event, and how.
    pub output: OutputConfig,
    /// What training minimises.
    pub loss: LossConfig,
    /// How it is trained.
    pub train: TrainConfig,
}

impl Architecture {
    /// Whether training reads descriptors from the cache on disk; on a GPU or not.
    ///
    /// A function of the document and the kind of device alone, because values of 16 bits are others than those computed
    /// on the spot. The rule that stands for [`Source::Auto`] is measured in benches/descriptors.rs: on a CPU
    /// reading wins whenever it is allowed; a GPU computes a batch in less time than copying it there takes, but for the
    /// eigenvector, which is a decomposition for every frame and bin.
    pub fn caches_descriptors(&self, on_gpu: bool) -> bool {
        match self.train.descriptors {
            Source::Computed => false,
            Source::Cached => true,
            Source::Auto if self.why_not_cached().is_some() => false,
            Source::Auto => !on_gpu || self.features.descriptors.contains(&Descriptor::Eigenvector),
        }
    }

    /// Whether training reads from the cache on disk what the frozen blocks of the tagger make of a recording. A function
    /// of the document alone: within a chunk they do not know what comes before and after it.
    pub fn caches_prefix(&self) -> bool {
        match self.train.prefix {
            Source::Computed => false,
            Source::Cached => true,
            Source::Auto => self.why_prefix_not_cached().is_none(),
        }
    }

    /// The setting, with its key, because of which the tagger does not hear a recording as it is.
    ///
    /// Rotations of the [swap](RotationKind::Swap) kind exchange channels or beams, and with them what is cached of each; W
    /// no rotation changes. What is mixed goes through the tagger again, chunk by chunk.
    pub fn why_prefix_not_cached(&self) -> Option<(&'static str, &'static str)> {
        let turns = self.train.augment.rotation == RotationKind::Yaw
            && self.backbone.input != TaggerInput::Omni
            && !self.hears_all_around();
        turns.then_some(("train.augment.rotation", "it turns what the tagger hears by any angle"))
    }

    /// Whether the network gets of the tagger's outputs only what is about the same however the scene is turned.
    pub fn hears_all_around(&self) -> bool {
        let maps_meet = self.fusion.has(FusionPlacement::Early) || self.fusion.has(FusionPlacement::Middle);
        self.backbone.signals == SignalJoin::MeanMax && !maps_meet
    }

    /// The setting, with its key, because of which descriptors of whole recordings are not those of the chunks that are
    /// trained on.
    pub(super) fn why_not_cached(&self) -> Option<(&'static str, &'static str)> {
        let augment = &self.train.augment;
        let reasons = [
            (self.features.is_learned(), "features.descriptors", "the filters of waveform are learned"),
            (augment.rotation != RotationKind::None, "train.augment.rotation", "it turns the sound"),
            (augment.mixup > 0.0, "train.augment.mixup", "it mixes sounds"),
            (augment.gain_db > 0.0, "train.augment.gain_db", "it changes the level of the sound"),
        ];
        reasons.into_iter().find(|(applies, ..)| *applies).map(|(_, key, why)| (key, why))
    }
}
