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

#[cfg(test)]
mod tests {
    use tch::Kind;
    use tch::nn::VarStore;

    use super::*;
    use crate::model::align::Starts;
    use crate::model::arch::{FusionConfig, FusionDirection, FusionPlacement};

    const FRAMES: [i64; 2] = [60, 50];

    fn aligned(spatial_hz: &[f64]) -> Aligned {
        let tap = Tap {
            name: "block1",
            channels: 1,
            bands: 24,
            hop_s: 0.046,
            first_s: 0.023,
            stride: 2,
            range_hz: [0.0, 12_000.0],
        };
        Aligned {
            place: MeetingPlace { placement: FusionPlacement::Early, block: 1, stage: 1 },
            tap,
            signals: 1,
            spatial: TimeGrid { first_s: 0.01, hop_s: 0.05 },
            to_spatial: BandMap::new(&tap.centres_hz(), spatial_hz, Device::Cpu),
            to_semantic: BandMap::new(spatial_hz, &tap.centres_hz(), Device::Cpu),
        }
    }

    /// Silence but for one cell, `[1, 1, T, F]`.
    fn cell(frames: i64, bands: i64, frame: i64, band: i64) -> Tensor {
        let map = Tensor::zeros([1, 1, frames, bands], (Kind::Float, Device::Cpu));
        let _ = map.get(0).get(0).get(frame).get(band).fill_(1.0);
        map
    }

    /// Where the loudest cell of `[1, 1, T, F]` is.
    fn loudest(map: &Tensor) -> (i64, i64) {
        let bands = map.size()[3];
        let at = map.flatten(0, -1).argmax(0, false).int64_value(&[]);
        (at / bands, at % bands)
    }

    #[test]
    fn what_one_path_says_the_other_hears_at_its_time_and_band() {
        let spatial_hz: Vec<f64> = (0..16).map(|band| 60.0 + 720.0 * f64::from(band)).collect();
        let aligned = aligned(&spatial_hz);
        let tap_hz = aligned.tap.centres_hz();
        let vs = VarStore::new(Device::Cpu);
        let config = FusionConfig { direction: FusionDirection::Both, ..Default::default() };
        let meeting = Meeting::new(&vs.root(), &config, 1, 1);
        let starts_s = -0.011;
        for (frame, band) in [(0, 0), (7, 5), (31, 23)] {
            let silence = Tensor::zeros([1, 1, FRAMES[1], 16], (Kind::Float, Device::Cpu));
            let map = cell(FRAMES[0], 24, frame, band);
            let mut semantic = Semantic { map, block: 1, starts: Starts::Each(vec![starts_s]) };
            let heard = aligned.meet(&meeting, &mut semantic, &silence);
            let (found, found_band) = loudest(&heard);
            let (time_s, hz) = (starts_s + frame as f64 * 0.046, tap_hz[band as usize]);
            assert!((0.01 + found as f64 * 0.05 - time_s).abs() < 0.05, "{frame} at {found}");
            let nearest = |hz: f64, centres: &[f64]| {
                let distance = |band: &usize| (centres[*band] - hz).abs();
                (0..centres.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap() as i64
            };
            assert!((found_band - nearest(hz, &spatial_hz)).abs() <= 1, "{band} at {found_band}");
            // And the other way round, where the tagger's map begins elsewhere.
            let map = Tensor::zeros([1, 1, FRAMES[0], 24], (Kind::Float, Device::Cpu));
            let mut semantic = Semantic { map, block: 1, starts: Starts::Each(vec![starts_s]) };
            let _ = aligned.meet(&meeting, &mut semantic, &cell(FRAMES[1], 16, frame, found_band));
            let (answered, answered_band) = loudest(&semantic.map);
            let time_s = 0.01 + frame as f64 * 0.05;
            assert!((starts_s + answered as f64 * 0.046 - time_s).abs() < 0.05, "{frame} at {answered}");
            let expected = nearest(spatial_hz[found_band as usize], &tap_hz);
            assert!((answered_band - expected).abs() <= 1, "{found_band} at {answered_band}");
        }
    }
}
