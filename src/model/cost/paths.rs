//! Cost of the semantic path, and of where the paths meet.

use super::Part;
use super::heads::attention;
use crate::backbone::Tap;
use crate::backbone::blocks::Network as Blocks;
use crate::model::align::LABEL_FRAME_S;
use crate::model::arch::{Architecture, FusionConfig, FusionOperator, FusionPlacement, TemporalPlace};
use crate::model::encoder::Picture;
use crate::model::meeting_place::{MeetingPlace, meeting_places};
use crate::model::network::Interface;
use crate::model::signals;

/// What the tagger costs.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tagger {
    pub(super) trained_parameters: i64,
    pub(super) macs_per_second: f64,
    /// Values that a training step keeps of its blocks, on a chunk.
    pub(super) kept: i64,
}

/// The blocks of the tagger, on `seconds` of sound.
pub(super) fn tagger(arch: &Architecture, blocks: &Blocks, seconds: f64) -> Tagger {
    let count = blocks.blocks.len();
    let signals = signals::count(arch.backbone.input);
    let frozen = arch.backbone.freeze.count(count).min(count);
    // Gradients go back to the first block that is trained, or that has heard of the spatial path.
    let places = meeting_places(arch, count);
    let meets = places.first().filter(|_| arch.fusion.direction.to_semantic());
    let first = meets.map_or(frozen, |place| frozen.min(place.block));
    Tagger {
        trained_parameters: blocks.parameters_of(frozen..count),
        macs_per_second: signals as f64 * blocks.macs_per_second(),
        kept: (signals as f64 * blocks.kept_per_second(first..count, frozen) * seconds) as i64,
    }
}

/// From the tagger's output to the semantic path.
pub(super) fn projection(prior: i64, width: i64, frames: i64) -> Part {
    Part::norm(prior, prior * frames) + Part::linear(prior, width, frames) + Part::kept(width * frames)
}

/// All places where the paths meet. `late`: features of either path before and after smoothing.
pub(super) fn meetings(arch: &Architecture, interface: &Interface, late: [i64; 2], frames: i64) -> Part {
    let signals = signals::count(arch.backbone.input);
    let maps: Part =
        interface.meetings.iter().map(|met| map(arch, interface.picture, *met, signals, frames)).sum();
    if interface.prior.is_none() || !arch.fusion.has(FusionPlacement::Late) {
        return maps;
    }
    let at = |width: i64| meeting(&arch.fusion, [width, width], [frames, frames], [1, 1]);
    let after = match arch.temporal.place {
        TemporalPlace::BeforeTracks => at(late[1]),
        TemporalPlace::PerTrack => Part::default(),
    };
    maps + at(late[0]) + after
}

fn map(
    arch: &Architecture,
    picture: Picture,
    (place, tap): (MeetingPlace, Tap),
    signals: i64,
    frames: i64,
) -> Part {
    let channels = signals * tap.channels;
    let widths = arch.encoder.widths();
    let bands = arch.encoder.bands(picture.bands, picture.frames_per_label)[place.stage - 1];
    let factors = arch.encoder.factors(picture.bands, picture.frames_per_label);
    let factor: i64 = factors[..place.stage].iter().map(|factors| factors[0]).product();
    let own = frames * picture.frames_per_label / factor;
    let theirs = (frames as f64 * LABEL_FRAME_S / tap.hop_s).ceil() as i64;
    let mut part =
        meeting(&arch.fusion, [channels, widths[place.stage - 1]], [theirs, own], [tap.bands, bands]);
    // Bands of one are brought to those of the other.
    let across = tap.bands * bands;
    if arch.fusion.direction.to_spatial() {
        part.macs += across * channels * own;
    }
    if arch.fusion.direction.to_semantic() {
        part.macs += across * widths[place.stage - 1] * own;
    }
    part
}

/// Of semantic and spatial path: channels, frames and bands.
fn meeting(config: &FusionConfig, channels: [i64; 2], frames: [i64; 2], bands: [i64; 2]) -> Part {
    let to = [config.direction.to_semantic(), config.direction.to_spatial()];
    let learns = |path: usize| {
        let (own, other) = (channels[path], channels[1 - path]);
        operator(config, own, other, frames[path], bands[path])
    };
    (0..2).filter(|path| to[*path]).map(learns).sum()
}

fn operator(config: &FusionConfig, own: i64, other: i64, frames: i64, bands: i64) -> Part {
    let rows = frames * bands;
    match config.operator {
        FusionOperator::CrossStitch => {
            let projection = if own == other { Part::default() } else { Part::linear(other, own, rows) };
            projection + Part { parameters: 2 * own, macs: 0, kept: 2 * own * rows }
        }
        FusionOperator::Concat => Part::linear(own + other, own, rows),
        FusionOperator::Film => Part::linear(other, 2 * own, rows) + Part::kept(2 * own * rows),
        FusionOperator::Gated => {
            Part::linear(own + other, own, rows) + Part::linear(other, own, rows) + Part::kept(2 * own * rows)
        }
        FusionOperator::CrossAttention => {
            attention(own, other, config.heads, frames, frames).run(bands) + Part::norm(own, own * rows)
        }
    }
}
