//! A window that is heard several times, each time turned otherwise, and what comes of it put together: what the network
//! says about a direction depends on the direction a little, and that is averaged away (Mazzon et al., "First order
//! Ambisonics domain spatial augmentation for DNN-based direction of arrival estimation", DCASE 2019, at test time).

use tch::{Device, Tensor};

use super::stitch;
use crate::dataset::augment::{Rotation, SWAPS};
use crate::model::arch::{BackboneConfig, TaggerInput};
use crate::model::decode::Prediction;

/// How many rotations and reflections a window is heard in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turns(usize);

/// A number of turns that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TurnsError {
    /// Not one of the numbers that there are.
    #[error("{0} turns: there are 1, 2, 4, 8 and 16, of the symmetries that exchange and negate channels")]
    Count(usize),
    /// What the tagger hears would have to be turned, and heard again, as well.
    #[error(
        "the tagger of the model hears directions (backbone.input is \"{0}\"), so the scene cannot be turned for the network alone"
    )]
    Tagger(&'static str),
}

impl Turns {
    /// As it is.
    pub const NONE: Self = Self(1);

    /// So many for a model with this tagger.
    ///
    /// # Errors
    /// A number that is not there; a tagger that hears directions.
    pub fn new(count: usize, tagger: &BackboneConfig) -> Result<Self, TurnsError> {
        if count > SWAPS || !count.is_power_of_two() {
            return Err(TurnsError::Count(count));
        }
        if count > 1 && !tagger.is_none() && tagger.input != TaggerInput::Omni {
            return Err(TurnsError::Tagger(tagger.input.name()));
        }
        Ok(Self(count))
    }

    /// How many.
    pub fn count(self) -> usize {
        self.0
    }

    /// Half turn, quarter turns, then with left and right, and up and down exchanged; the first leaves all as it is.
    fn rotation(self, index: usize) -> Rotation {
        let quarters = [0, 2, 1, 3][index % 4];
        Rotation::yaw(90.0 * f64::from(quarters), index & 4 != 0, index & 8 != 0)
    }

    /// From `[1, 4, S]` (W, Y, Z, X) to `[R, 4, S]`.
    pub(super) fn waveform(self, waveform: &Tensor, device: Device) -> Tensor {
        if self == Self::NONE {
            return waveform.shallow_clone();
        }
        let matrices: Vec<f32> =
            (0..self.0).flat_map(|index| self.rotation(index).channel_matrix()).flatten().collect();
        let matrices = Tensor::from_slice(&matrices).view([self.0 as i64, 4, 4]).to(device);
        matrices.matmul(waveform)
    }

    /// One prediction of as many as there are turns: directions turned back, in every label frame the tracks matched to those
    /// of the first, activities averaged, and directions too, each counting as much as its track is active.
    pub(super) fn merge(self, found: Vec<Prediction>) -> Prediction {
        let mut found = found.into_iter();
        let Some(mut whole) = found.next() else { return Prediction::empty(0, 0, false) };
        if self == Self::NONE {
            return whole;
        }
        let first = whole.clone();
        scale_directions(&mut whole);
        for (index, mut turned) in (1..).zip(found) {
            self.turn_back(index, &mut turned);
            for frame in 0..first.frames() {
                let order = stitch::assignment(&first.frame(frame), 0, &turned.frame(frame));
                add(&mut whole, &turned, frame, &order);
            }
        }
        let count = self.0 as f32;
        whole.activity.iter_mut().for_each(|activity| *activity /= count);
        whole.distance.iter_mut().flatten().for_each(|distance| *distance /= count);
        for (sum, alone) in whole.direction.chunks_exact_mut(3).zip(first.direction.chunks_exact(3)) {
            let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
            // Where nothing is active there is no direction to speak of.
            match length > f32::EPSILON {
                true => sum.iter_mut().for_each(|x| *x /= length),
                false => sum.copy_from_slice(alone),
            }
        }
        whole
    }

    fn turn_back(self, index: usize, turned: &mut Prediction) {
        let back = self.rotation(index).inverse();
        for direction in turned.direction.as_chunks_mut::<3>().0 {
            *direction = back.apply(*direction);
        }
    }
}

/// How active a track is: as much as its most active class.
fn weight(prediction: &Prediction, frame: usize, track: usize) -> f32 {
    let row = prediction.row(frame).activity;
    row[track * prediction.classes..(track + 1) * prediction.classes].iter().copied().fold(0.0, f32::max)
}

fn scale_directions(prediction: &mut Prediction) {
    for frame in 0..prediction.frames() {
        for track in 0..prediction.tracks {
            let weight = weight(prediction, frame, track);
            let at = 3 * (frame * prediction.tracks + track);
            prediction.direction[at..at + 3].iter_mut().for_each(|x| *x *= weight);
        }
    }
}

/// Adds a label frame; track `order[i]` of `turned` is track i.
fn add(whole: &mut Prediction, turned: &Prediction, frame: usize, order: &[usize]) {
    let (tracks, classes) = (whole.tracks, whole.classes);
    for (track, &from) in order.iter().enumerate() {
        let (to, at) = (frame * tracks + track, frame * tracks + from);
        let weight = weight(turned, frame, from);
        for class in 0..classes {
            whole.activity[to * classes + class] += turned.activity[at * classes + class];
        }
        for axis in 0..3 {
            whole.direction[3 * to + axis] += weight * turned.direction[3 * at + axis];
        }
        if let (Some(sum), Some(more)) = (&mut whole.distance, &turned.distance) {
            sum[to] += more[at];
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    fn one(activity: [f32; 2], direction: [[f32; 3]; 2]) -> Prediction {
        Prediction {
            tracks: 2,
            classes: 1,
            activity: activity.to_vec(),
            direction: direction.concat(),
            distance: None,
        }
    }

    #[test]
    fn there_are_as_many_as_there_are_symmetries_and_the_first_changes_nothing() {
        let all: Vec<Rotation> = (0..SWAPS).map(|index| Turns(SWAPS).rotation(index)).collect();
        assert_eq!(all[0], Rotation::NONE);
        let moved =
            |rotation: &Rotation| rotation.apply([0.6, 0.48, 0.64]).map(|x| (100.0 * x).round() as i32);
        let mut seen: Vec<[i32; 3]> = all.iter().map(moved).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), SWAPS);
        let omni = BackboneConfig::default();
        assert_eq!(Turns::new(3, &omni), Err(TurnsError::Count(3)));
        assert_eq!(Turns::new(32, &omni), Err(TurnsError::Count(32)));
        let beams = BackboneConfig { input: TaggerInput::Beams, ..omni };
        assert!(Turns::new(4, &beams).is_err() && Turns::new(1, &beams).is_ok());
    }

    #[test]
    fn channels_and_directions_turn_together() {
        // A plane wave from the left: W and Y.
        let wave = Tensor::from_slice(&[1f32, 1.0, 0.0, 0.0]).view([1, 4, 1]);
        let turns = Turns(16);
        let turned = turns.waveform(&wave, Device::Cpu);
        for index in 0..16 {
            let [_, y, z, x] =
                <[f32; 4]>::try_from(Vec::<f32>::try_from(turned.get(index).view(-1)).unwrap()).unwrap();
            let back = turns.rotation(index as usize).inverse().apply([x, y, z]);
            assert!((back[1] - 1.0).abs() < 1e-6 && back[0].abs() < 1e-6, "{index}: {back:?}");
        }
        assert_eq!(turned.kind(), Kind::Float);
    }

    #[test]
    fn tracks_are_matched_and_active_ones_count_more() {
        let (left, front) = ([0.0, 1.0, 0.0], [1.0, 0.0, 0.0]);
        let turns = Turns(2);
        let turned = |direction| turns.rotation(1).apply(direction);
        // The second hearing has the tracks the other way round, is less sure of the one at the left, and hears it elsewhere.
        let slanted = [0.6, 0.8, 0.0];
        let found = turns
            .merge(vec![one([0.9, 0.8], [left, front]), one([0.8, 0.3], [turned(front), turned(slanted)])]);
        assert!(
            (found.activity[0] - 0.6).abs() < 1e-6 && (found.activity[1] - 0.8).abs() < 1e-6,
            "{found:?}"
        );
        let expected = [0.3 * 0.6, 0.9 + 0.3 * 0.8_f32];
        let length = expected[0].hypot(expected[1]);
        assert!((found.direction[0] - expected[0] / length).abs() < 1e-5, "{found:?}");
        assert!((found.direction[3] - 1.0).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn silence_has_the_directions_of_the_first() {
        let found = Turns(2).merge(vec![
            one([0.0, 0.0], [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
            one([0.0, 0.0], [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]),
        ]);
        assert_eq!(found.direction, [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
    }
}
