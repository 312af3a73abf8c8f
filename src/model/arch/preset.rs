//! Named architectures.

use super::{
    Architecture, Block, EncoderConfig, FusionConfig, LossConfig, OutputConfig, OutputFormat, TemporalConfig,
    TemporalJoin, TemporalKind, TrackKind, TrackSharing, TracksConfig, TrainConfig,
};
use crate::dataset::augment::{AugmentConfig, RotationKind};
use crate::features::Preset as FeaturePreset;

/// An architecture with a name, which a document may begin from: `{"preset": "seldnet", ...}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// The defaults: a frozen tagger and a residual encoder that meet late.
    At2seld,
    /// The baseline of DCASE 2023, Task 3 (SELDnet: Adavanne et al., arXiv 1807.00129; with self-attention and
    /// multi-ACCDOA: Shimada et al., arXiv 2110.07124), which knows no tagger: a row to compare with.
    Seldnet,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::At2seld, Self::Seldnet];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::At2seld => "at2seld",
            Self::Seldnet => "seldnet",
        }
    }

    /// The one of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// Its document.
    pub fn architecture(self) -> Architecture {
        match self {
            Self::At2seld => Architecture::default(),
            Self::Seldnet => seldnet(),
        }
    }
}

/// As `parameters.py` and `seldnet_model.py` of the baseline have it: three convolutions of 64 channels that pool time by 5
/// and bands by 4, 4 and 2, two bidirectional recurrent layers of 128 whose directions are multiplied, two layers of
/// self-attention, vectors for three tracks.
fn seldnet() -> Architecture {
    let mut architecture = Architecture {
        features: FeaturePreset::Dcase.config(),
        encoder: EncoderConfig {
            stages: 3,
            blocks: 1,
            block: Block::Plain,
            width: 64,
            max_width: 64,
            band_factors: Some(vec![4, 4, 2]),
            dropout: 0.05,
            output: 0,
            ..Default::default()
        },
        fusion: FusionConfig { placement: Vec::new(), ..Default::default() },
        temporal: TemporalConfig {
            kind: TemporalKind::Gru,
            hidden: 128,
            layers: 2,
            join: TemporalJoin::Product,
            dropout: 0.05,
            ..Default::default()
        },
        tracks: TracksConfig {
            count: 3,
            kind: TrackKind::Attention,
            sharing: TrackSharing::Shared,
            width: 128,
            depth: 2,
            heads: 8,
            dropout: 0.05,
            ..Default::default()
        },
        output: OutputConfig { format: OutputFormat::MultiAccdoa, distance: false },
        loss: LossConfig::default(),
        train: TrainConfig {
            learning_rate: 1e-3,
            weight_decay: 0.0,
            warmup_epochs: 0.0,
            average_decay: 0.0,
            augment: AugmentConfig { rotation: RotationKind::None, ..Default::default() },
            ..Default::default()
        },
        ..Default::default()
    };
    architecture.backbone.name = super::BackboneConfig::NONE.into();
    architecture
}
