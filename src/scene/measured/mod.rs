//! Measured FOA impulse responses.

mod response;
mod source;
mod table;

use std::path::Path;

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::error::SceneError;
use super::path::MAX_SPEED_DEG_PER_S;
use super::subset::{Divided, Subset};
use source::{MeasuredSource, Ride};
pub(super) use table::MeasuredRoom;

/// Speed of a moving source in m/s: someone walking.
const SPEED_M_PER_S: std::ops::Range<f64> = 0.3..1.5;

/// The rooms of a folder of measured impulse responses, divided between the subsets.
#[derive(Debug, Clone)]
pub(super) struct MeasuredRooms {
    rooms: Divided<MeasuredRoom>,
}

impl MeasuredRooms {
    /// A folder with wav files of four channels (W, Y, Z, X) and a table `rirs.csv` (or one other csv file):
    ///
    /// ```text
    /// file,azimuth,elevation,distance,room,trajectory,position
    /// bomb_shelter/walk1_000.wav,-30,5,1.8,bomb_shelter,walk1,0
    /// ```
    ///
    /// Degrees (azimuth to the left positive) and metres from the array to the source. `room`, `trajectory` and
    /// `position` may be absent: without `room`, the file's folder is the room; sources move only along responses
    /// of one trajectory, in the order of their numbers `position`, or of the rows where there is none. `seed`
    /// decides which rooms are for which of the `subsets`: a quarter for testing, a quarter of the rest for
    /// validation.
    ///
    /// # Errors
    /// No table or several, a column or file that is missing, values out of range, fewer rooms than subsets.
    pub(super) fn open(folder: &Path, subsets: &[Subset], seed: u64) -> Result<Self, SceneError> {
        let rooms = table::read(folder)?;
        if rooms.len() < subsets.len() {
            let expected = match subsets.contains(&Subset::Validation) {
                true => {
                    "impulse responses of at least three rooms, for train, val and test (a column `room`)"
                }
                false => "impulse responses of at least two rooms, for train and test (a column `room`)",
            };
            let got = rooms.len().to_string();
            return Err(SceneError::Bank { path: folder.to_owned(), expected, got });
        }
        Ok(Self { rooms: Divided::new(rooms, subsets, "rirs", seed) })
    }

    /// Number of rooms of each subset, in the order of [`Subset::ALL`].
    pub(super) fn counts(&self) -> [usize; 3] {
        Subset::ALL.map(|subset| self.rooms.of(subset).len())
    }

    /// A room by its number: from 1, those of a subset together, in the order of [`Subset::ALL`].
    ///
    /// # Panics
    /// If there is no such room.
    pub(super) fn room(&self, number: usize) -> &MeasuredRoom {
        let mut rooms = Subset::ALL.iter().flat_map(|subset| self.rooms.of(*subset));
        rooms.nth(number - 1).expect("this is a bug: a plan has more rooms than were counted")
    }

    /// Whether sources can move in some room.
    pub(super) fn has_trajectories(&self) -> bool {
        let mut rooms = Subset::ALL.iter().flat_map(|subset| self.rooms.of(*subset));
        rooms.any(|room| !room.trajectories.is_empty())
    }
}

impl MeasuredRoom {
    /// A source somewhere in the room; it moves for so many seconds if asked to, where the room has trajectories.
    ///
    /// # Errors
    /// A response that cannot be read.
    pub(super) fn draw_source(
        &self,
        moving_s: Option<f64>,
        rng: &mut ChaCha8Rng,
    ) -> Result<MeasuredSource, SceneError> {
        match (moving_s, self.trajectories.choose(rng)) {
            (Some(seconds), Some(trajectory)) => MeasuredSource::moving(Ride::draw(trajectory, seconds, rng)),
            _ => MeasuredSource::still(&self.positions[rng.random_range(0..self.positions.len())]),
        }
    }
}

impl Ride {
    /// A stretch of a trajectory that takes `seconds`, in either direction.
    fn draw(trajectory: &[table::Measurement], seconds: f64, rng: &mut ChaCha8Rng) -> Self {
        let mut stops = trajectory.to_vec();
        if rng.random_bool(0.5) {
            stops.reverse();
        }
        let mut ride = Self::new(stops);
        let nearest = trajectory.iter().map(|m| m.position.distance_m).fold(f64::INFINITY, f64::min);
        ride.speed = rng
            .random_range(SPEED_M_PER_S)
            .min(MAX_SPEED_DEG_PER_S.to_radians() * nearest)
            .min(ride.length_m() / seconds.max(1e-3));
        ride.start_m = rng.random_range(0.0..=(ride.length_m() - ride.speed * seconds).max(0.0));
        ride
    }
}

#[cfg(test)]
mod tests;
