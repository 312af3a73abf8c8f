//! Where and how the semantic and the spatial path meet: their part of the architecture document.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// How the paths exchange what they know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FusionOperator {
    /// A learnable 2x2 mixing per channel (Misra et al., arXiv 1604.03539).
    CrossStitch,
    /// Both side by side, projected back (a 1x1 convolution).
    Concat,
    /// The other path scales and shifts the channels (Perez et al., arXiv 1709.07871).
    Film,
    /// The other path is added as far as a gate made of both lets it (Arevalo et al., arXiv 1702.01992).
    Gated,
    /// The path looks up at every time what it needs of all times of the other (Vaswani et al., arXiv 1706.03762).
    CrossAttention,
}

/// Where the paths exchange what they know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FusionPlacement {
    /// After the first stage of the encoder, and the first quarter of the tagger's blocks.
    Early,
    /// After the middle stage of the encoder, and half of the tagger's blocks.
    Middle,
    /// At label-frame rate: before temporal smoothing and again after it.
    Late,
}

/// Which way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FusionDirection {
    /// Either path learns of the other.
    Both,
    /// The spatial path learns of the semantic one.
    ToSpatial,
    /// The semantic path learns of the spatial one.
    ToSemantic,
}

impl FusionDirection {
    /// Whether the spatial path learns of the semantic one.
    pub fn to_spatial(self) -> bool {
        self != Self::ToSemantic
    }

    /// Whether the semantic path learns of the spatial one.
    pub fn to_semantic(self) -> bool {
        self != Self::ToSpatial
    }
}

/// Where and how the two paths are coupled. No placement: not at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FusionConfig {
    /// Any set of places; empty means that the semantic path alone decides on activity, the spatial path alone
    /// on direction. Or one of the names "cs00", "cs01" (late), "cs10" (early), "cs11" (both).
    #[serde(deserialize_with = "places")]
    #[schemars(schema_with = "places_schema")]
    pub placement: Vec<FusionPlacement>,
    /// What is done at each place.
    pub operator: FusionOperator,
    /// Which way it goes.
    pub direction: FusionDirection,
    /// Heads of cross-attention.
    pub heads: i64,
}

impl Default for FusionConfig {
    fn default() -> Self {
        Self {
            placement: vec![FusionPlacement::Late],
            operator: FusionOperator::CrossStitch,
            direction: FusionDirection::Both,
            heads: 4,
        }
    }
}

impl FusionConfig {
    /// Whether the paths meet there.
    pub fn has(&self, place: FusionPlacement) -> bool {
        self.placement.contains(&place)
    }
}

/// The names of the report (arXiv 2606.27751): cross-stitch early, late.
const NAMED: [(&str, &[FusionPlacement]); 4] = [
    ("cs00", &[]),
    ("cs01", &[FusionPlacement::Late]),
    ("cs10", &[FusionPlacement::Early]),
    ("cs11", &[FusionPlacement::Early, FusionPlacement::Late]),
];

fn places_schema(generator: &mut SchemaGenerator) -> Schema {
    let list = generator.subschema_for::<Vec<FusionPlacement>>();
    json_schema!({"oneOf": [list, {"enum": NAMED.map(|(name, _)| name)}]})
}

/// A list of places, or a name for one.
fn places<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FusionPlacement>, D::Error> {
    struct Places;
    impl<'de> Visitor<'de> for Places {
        type Value = Vec<FusionPlacement>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(
                "a list of \"early\", \"middle\", \"late\", or \"cs00\", \"cs01\", \"cs10\" or \"cs11\"",
            )
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            let found = NAMED.iter().find(|(name, _)| *name == text);
            found
                .map(|(_, places)| places.to_vec())
                .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(de::value::SeqAccessDeserializer::new(list))
        }
    }
    deserializer.deserialize_any(Places)
}
