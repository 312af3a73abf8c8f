//! Tracks that say the same.

use crate::seld::doa::Direction;

/// A class that is active on a track.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub(super) track: usize,
    /// In 0..1; of several that were joined, the greatest.
    pub(super) activity: f64,
    /// Of this one and those joined to it.
    pub(super) weight: f64,
    /// Label frames that it is active for without a gap.
    pub(super) age: u32,
    /// Unit vector.
    pub(super) vector: [f64; 3],
    pub(super) distance_m: Option<f64>,
}

/// Joins candidates of one class to the most active one within `merge_deg` degrees; directions and distances are averaged
/// by activity. The oldest of those that are joined gives its track, so that an event keeps its number when another track
/// hears it as well. In the order of tracks.
pub(super) fn merge(candidates: &mut Vec<Candidate>, merge_deg: f64) {
    if candidates.len() > 1 {
        candidates.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        let mut kept: Vec<Candidate> = Vec::with_capacity(candidates.len());
        for candidate in candidates.drain(..) {
            let direction = Direction::from_vector(candidate.vector);
            let is_near =
                |other: &&mut Candidate| Direction::from_vector(other.vector).angle_to(direction) < merge_deg;
            match kept.iter_mut().find(is_near) {
                Some(stronger) => stronger.join(&candidate),
                None => kept.push(candidate),
            }
        }
        kept.sort_by_key(|candidate| candidate.track);
        *candidates = kept;
    }
}

impl Candidate {
    fn join(&mut self, weaker: &Self) {
        let (a, b) = (self.weight, weaker.weight);
        for (mine, other) in self.vector.iter_mut().zip(weaker.vector) {
            *mine = *mine * a + other * b;
        }
        let length = self.vector.iter().map(|c| c * c).sum::<f64>().sqrt().max(1e-12);
        self.vector = self.vector.map(|c| c / length);
        self.distance_m = match (self.distance_m, weaker.distance_m) {
            (Some(mine), Some(other)) => Some((mine * a + other * b) / (a + b).max(1e-12)),
            (mine, other) => mine.or(other),
        };
        self.weight += b;
        if weaker.age > self.age {
            (self.age, self.track) = (weaker.age, weaker.track);
        }
    }
}
