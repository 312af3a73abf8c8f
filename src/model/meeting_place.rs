//! Where the paths meet before label-frame rate: after which block of the tagger and which stage of the encoder.

use super::arch::{Architecture, FusionPlacement};

/// A place where maps over times and bands meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeetingPlace {
    /// Its name in the document.
    pub placement: FusionPlacement,
    /// Blocks of the tagger before it.
    pub block: usize,
    /// Stages of the encoder before it.
    pub stage: usize,
}

/// The places of an architecture whose tagger has so many blocks, in order.
pub fn meeting_places(arch: &Architecture, blocks: usize) -> Vec<MeetingPlace> {
    let stages = arch.encoder.stages as usize;
    let places = [
        (FusionPlacement::Early, blocks.div_ceil(4), 1),
        (FusionPlacement::Middle, blocks.div_ceil(2), stages.div_ceil(2)),
    ];
    let place = |(placement, block, stage)| MeetingPlace { placement, block, stage };
    places.into_iter().filter(|(placement, ..)| arch.fusion.has(*placement)).map(place).collect()
}
