//! The networks that checkpoints can be for.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use tch::{Device, Tensor};

use crate::backbone::aisfx::{self, Aisfx};
use crate::backbone::panns::{self, Panns};
use crate::backbone::small::{self, Small};
use crate::backbone::yamnet::{self, Yamnet};
use crate::backbone::{Error, Tagger, Thaw, blocks};

/// An architecture that this program can build, given its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// aiSFX.
    Aisfx,
    /// YAMNet.
    Yamnet,
    /// PANNs Cnn6.
    Cnn6,
    /// PANNs Cnn10.
    Cnn10,
    /// PANNs Cnn14.
    Cnn14,
    /// PANNs MobileNetV1.
    MobileNetV1,
    /// E-PANNs.
    Epanns,
    /// What `backbone pretrain` trains.
    Small,
}

impl Network {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Aisfx,
        Self::Yamnet,
        Self::Cnn6,
        Self::Cnn10,
        Self::Cnn14,
        Self::MobileNetV1,
        Self::Epanns,
        Self::Small,
    ];

    /// Name in registry files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aisfx => "aisfx",
            Self::Yamnet => "yamnet",
            Self::Cnn6 => "cnn6",
            Self::Cnn10 => "cnn10",
            Self::Cnn14 => "cnn14",
            Self::MobileNetV1 => "mobilenetv1",
            Self::Epanns => "epanns",
            Self::Small => "small",
        }
    }

    /// Classes that a file of class names must have; `None` where the names come with the weights.
    pub fn named_classes(self) -> Option<usize> {
        match self {
            Self::Aisfx | Self::Small => None,
            Self::Yamnet => Some(521),
            Self::Cnn6 | Self::Cnn10 | Self::Cnn14 | Self::MobileNetV1 | Self::Epanns => Some(527),
        }
    }

    /// Its blocks as data.
    pub fn plan(self) -> blocks::Network {
        match self {
            Self::Aisfx => aisfx::network(),
            Self::Yamnet => yamnet::network(),
            Self::Cnn6 => panns::CNN6.network(),
            Self::Cnn10 => panns::CNN10.network(),
            Self::Cnn14 => panns::CNN14.network(),
            Self::MobileNetV1 => panns::MOBILENETV1.network(),
            Self::Epanns => panns::EPANNS.network(),
            Self::Small => small::network(),
        }
    }

    /// The networks whose convolutions are all among these tensors, by name and shape.
    pub fn of(tensors: &BTreeMap<String, Tensor>) -> Vec<Self> {
        let has = |conv: &blocks::Conv| {
            tensors.get(&format!("{}.weight", conv.name)).is_some_and(|weight| weight.size() == conv.shape)
        };
        let fits = |plan: &blocks::Network| plan.blocks.iter().flat_map(|block| &block.convs).all(has);
        let any = |network: &Self| {
            fits(&network.plan()) || (*network == Self::Yamnet && fits(&yamnet::folded_network()))
        };
        Self::ALL.into_iter().filter(any).collect()
    }

    /// Reads its weights from a file onto `device`. Blocks that `thaw` names become variables.
    ///
    /// # Errors
    /// The file cannot be read, or holds other tensors than the network has.
    pub fn load(self, weights: &Path, device: Device, thaw: Option<&Thaw>) -> Result<Box<dyn Tagger>, Error> {
        let variant = match self {
            Self::Aisfx => return Ok(Box::new(Aisfx::load(weights, device, thaw)?)),
            Self::Yamnet => return Ok(Box::new(Yamnet::load(weights, device, thaw)?)),
            Self::Cnn6 => panns::CNN6,
            Self::Cnn10 => panns::CNN10,
            Self::Cnn14 => panns::CNN14,
            Self::MobileNetV1 => panns::MOBILENETV1,
            Self::Epanns => panns::EPANNS,
            Self::Small => return Ok(Box::new(Small::load(weights, device, thaw)?)),
        };
        Ok(Box::new(Panns::load(&variant, weights, device, thaw)?))
    }
}
