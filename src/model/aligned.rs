//! Where maps of both paths meet, and how either is brought to the times and bands of the other.

use tch::{Device, Tensor};

use super::align::{BandMap, TimeGrid, at_times, pooled_centres};
use super::arch::Architecture;
use super::encoder::Picture;
use super::fusion::Meeting;
use super::meeting_place::{MeetingPlace, meeting_places};
use super::prior::{Prior, Semantic};
use crate::backbone::Tap;

/// A place where they meet.
#[derive(Debug)]
pub(super) struct Aligned {
    pub(super) place: MeetingPlace,
    /// What the tagger has there, of each signal.
    pub(super) tap: Tap,
    signals: i64,
    spatial: TimeGrid,
    to_spatial: BandMap,
    to_semantic: BandMap,
}

/// The places of an architecture.
pub(super) fn places(
    arch: &Architecture,
    prior: Option<&Prior>,
    picture: Picture,
    sample_rate: u32,
    device: Device,
) -> Vec<Aligned> {
    let Some(prior) = prior else { return Vec::new() };
    let blocks = prior.tagger().blocks();
    // Descriptor frame t is centred on sample t * hop.
    let frames = TimeGrid { first_s: 0.0, hop_s: arch.features.hop as f64 / f64::from(sample_rate) };
    let factors = arch.encoder.factors(picture.bands, picture.frames_per_label);
    let aligned = |place: MeetingPlace| {
        let tap = blocks.taps()[place.block];
        let pooled = |(grid, centres): (TimeGrid, Vec<f64>), [time, band]: &[i64; 2]| {
            (grid.pooled(*time), pooled_centres(&centres, *band))
        };
        let begin = (frames, arch.features.centres_hz(sample_rate));
        let (spatial, bands_hz) = factors[..place.stage].iter().fold(begin, pooled);
        let (signals, tap_hz) = (prior.signals().count(), tap.centres_hz());
        Aligned {
            place,
            tap,
            signals,
            spatial,
            to_spatial: BandMap::new(&tap_hz, &bands_hz, device),
            to_semantic: BandMap::new(&bands_hz, &tap_hz, device),
        }
    };
    meeting_places(arch, blocks.count()).into_iter().map(aligned).collect()
}

impl Aligned {
    /// Has both paths, `spatial` `[B, C, T, F]`, learn of each other as they were; returns the spatial one.
    pub(super) fn meet(&self, meeting: &Meeting, semantic: &mut Semantic, spatial: &Tensor) -> Tensor {
        // [B, N * C, T, F]
        let map = semantic.map.unflatten(0, [-1, self.signals]).flatten(1, 2);
        let starts = &semantic.starts;
        let grid = |first_s| TimeGrid { first_s, hop_s: self.tap.hop_s };
        let last = |x: &Tensor| x.permute([0, 2, 3, 1]);
        let first = |x: &Tensor| x.permute([0, 3, 1, 2]);
        let met = meeting.spatial(&last(spatial), || {
            let times = self.spatial.times_like(spatial);
            let at = |x: &Tensor, first_s| at_times(x, grid(first_s), &times);
            last(&self.to_spatial.forward(&starts.map(&map, at)))
        });
        let heard = meeting.semantic(&last(&map), || {
            let bands = self.to_semantic.forward(spatial);
            let at = |x: &Tensor, first_s| at_times(x, self.spatial, &grid(first_s).times_like(&map));
            last(&starts.map(&bands, at))
        });
        semantic.map = first(&heard).unflatten(1, [self.signals, -1]).flatten(0, 1);
        first(&met)
    }
}
