//! The tagger's part of the architecture document.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// The pretrained tagger of the semantic path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BackboneConfig {
    /// Name in the registry of backbones; "none" has no tagger: the spatial path decides on everything.
    pub name: String,
    /// The user's own checkpoint of that backbone, instead of the one in the cache folder.
    pub weights: Option<PathBuf>,
    /// What it hears of the scene.
    pub input: TaggerInput,
    /// What is made of its outputs about several signals.
    pub signals: SignalJoin,
    /// Groups of bands, from low to high, over each of which its last block is averaged.
    pub bands: i64,
    /// Which of its blocks stay as they are.
    pub freeze: Freeze,
    /// Peak learning rate of the blocks that do not; follows the same schedule as that of the rest.
    pub learning_rate: f64,
    /// Dropout on the tagger's output, in [0, 1).
    pub dropout: f64,
}

impl Default for BackboneConfig {
    fn default() -> Self {
        Self {
            name: "aisfx".into(),
            weights: None,
            input: TaggerInput::Omni,
            signals: SignalJoin::SideBySide,
            bands: 1,
            freeze: Freeze::All,
            learning_rate: 1e-4,
            dropout: 0.2,
        }
    }
}

impl BackboneConfig {
    /// The name that stands for no tagger.
    pub const NONE: &str = "none";

    /// Whether there is no tagger.
    pub fn is_none(&self) -> bool {
        self.name == Self::NONE
    }
}

/// What the tagger hears of the scene; of several signals, each with the same weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaggerInput {
    /// W.
    Omni,
    /// W, Y, Z, X.
    Channels,
    /// Six cardioids: to the front, back, left, right, up and down.
    Beams,
}

impl TaggerInput {
    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Omni => "omni",
            Self::Channels => "channels",
            Self::Beams => "beams",
        }
    }
}

/// What the network gets of what the tagger says about several signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalJoin {
    /// What it says about each.
    SideBySide,
    /// Its mean and its maximum over the signals, which no rotation that exchanges signals changes.
    MeanMax,
}

/// Which blocks of the tagger are never trained; with their weights, the statistics of their batch norms stay. The
/// front-end is never trained. In documents "all", "none", or how many blocks, counted from the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Freeze {
    /// All.
    All,
    /// None.
    None,
    /// The first so many.
    Blocks(usize),
}

impl Freeze {
    /// How many of `blocks` blocks are frozen.
    pub fn count(self, blocks: usize) -> usize {
        match self {
            Self::All => blocks,
            Self::None => 0,
            Self::Blocks(count) => count,
        }
    }
}

impl JsonSchema for Freeze {
    fn schema_name() -> Cow<'static, str> {
        "Freeze".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"oneOf": [{"enum": ["all", "none"]}, {"type": "integer", "minimum": 0}]})
    }
}

impl Serialize for Freeze {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::None => serializer.serialize_str("none"),
            Self::Blocks(count) => serializer.serialize_u64(*count as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Freeze {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = Freeze;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\", \"none\" or a number of blocks")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Freeze, E> {
                match text {
                    "all" => Ok(Freeze::All),
                    "none" => Ok(Freeze::None),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<Freeze, E> {
                let wrong = || E::invalid_value(de::Unexpected::Unsigned(count), &self);
                usize::try_from(count).map(Freeze::Blocks).map_err(|_| wrong())
            }
        }
        deserializer.deserialize_any(Words)
    }
}
