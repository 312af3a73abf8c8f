//! Where a source is at every moment.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::room::{DISTANCE_M, Room};
use crate::seld::doa::Direction;

/// Highest angular speed of a moving source, in degrees a second.
pub(super) const MAX_SPEED_DEG_PER_S: f64 = 40.0;
/// Speed of a moving source in m/s: someone walking.
const SPEED_M_PER_S: std::ops::Range<f64> = 0.3..1.5;
/// Attempts at a way that stays in the room, each slower than the one before.
const ATTEMPTS: u32 = 100;
/// Highest and lowest elevation, in degrees.
const MAX_ELEVATION_DEG: f64 = 80.0;

/// A place relative to the array.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Position {
    /// Direction from the array.
    pub(super) direction: Direction,
    /// Distance from the array, in metres.
    pub(super) distance_m: f64,
}

impl Position {
    /// The vector from the array, in metres.
    pub(super) fn offset_m(&self) -> [f64; 3] {
        self.direction.to_vector().map(|x| x * self.distance_m)
    }
}

/// A source's way around the array, to or from it, at constant speed; standing still is speed zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Path {
    /// Place at the start.
    pub(super) start: Position,
    /// Azimuth speed, in degrees a second.
    pub(super) azimuth_speed: f64,
    /// Elevation speed, in degrees a second.
    pub(super) elevation_speed: f64,
    /// Speed away from the array, in metres a second.
    pub(super) radial_speed: f64,
}

impl Path {
    /// Standing still.
    pub(super) fn still(start: Position) -> Self {
        Self { start, azimuth_speed: 0.0, elevation_speed: 0.0, radial_speed: 0.0 }
    }

    /// A random place in the room.
    pub(super) fn draw_static(room: &Room, array: [f64; 3], rng: &mut ChaCha8Rng) -> Self {
        loop {
            // Ends: towards the horizon there is always room enough.
            let direction = draw_direction(rng);
            let reach_m = room.reach_m(array, direction.to_vector());
            if let Some(distance_m) = Room::draw_distance(reach_m, rng) {
                return Self::still(Position { direction, distance_m });
            }
        }
    }

    /// A random way in the room that takes `seconds`, at 0.3 to 1.5 m/s where the room allows it.
    pub(super) fn draw_moving(room: &Room, array: [f64; 3], seconds: f64, rng: &mut ChaCha8Rng) -> Self {
        for attempt in 0..ATTEMPTS {
            let slowed = 1.0 - f64::from(attempt) / f64::from(ATTEMPTS);
            let speed = slowed * rng.random_range(SPEED_M_PER_S);
            let heading: f64 = rng.random_range(-std::f64::consts::PI..std::f64::consts::PI);
            let climb_deg = slowed * rng.random_range(-15.0..15.0);
            let Self { start, .. } = Self::draw_static(room, array, rng);
            let around = (speed * heading.cos() / start.distance_m).to_degrees();
            let path = Self {
                start,
                azimuth_speed: around.clamp(-MAX_SPEED_DEG_PER_S, MAX_SPEED_DEG_PER_S),
                elevation_speed: climb_deg / seconds.max(1.0),
                // Mostly around: a change of direction is what there is to learn.
                radial_speed: 0.5 * speed * heading.sin(),
            };
            if path.stays_inside(room, array, seconds) {
                return path;
            }
        }
        Self::draw_static(room, array, rng)
    }

    fn stays_inside(&self, room: &Room, array: [f64; 3], seconds: f64) -> bool {
        (0..=40).all(|i| {
            let place = self.at(seconds * f64::from(i) / 40.0);
            (DISTANCE_M.start..=room.reach_m(array, place.direction.to_vector())).contains(&place.distance_m)
        })
    }

    /// Whether it moves at all.
    pub(super) fn is_moving(&self) -> bool {
        self.azimuth_speed != 0.0 || self.elevation_speed != 0.0 || self.radial_speed != 0.0
    }

    /// How fast it moves, `seconds` after the start: faster the farther away it is, as its angular speed is constant.
    pub(super) fn speed_m_per_s(&self, seconds: f64) -> f64 {
        let place = self.at(seconds);
        let around = self.azimuth_speed * place.direction.elevation_deg.to_radians().cos();
        let turning = around.hypot(self.elevation_speed).to_radians();
        (turning * place.distance_m).hypot(self.radial_speed)
    }

    /// The place `seconds` after the start.
    pub(super) fn at(&self, seconds: f64) -> Position {
        let Direction { azimuth_deg, elevation_deg } = self.start.direction;
        let direction = Direction {
            azimuth_deg: azimuth_deg + self.azimuth_speed * seconds,
            elevation_deg: (elevation_deg + self.elevation_speed * seconds)
                .clamp(-MAX_ELEVATION_DEG, MAX_ELEVATION_DEG),
        };
        Position {
            direction: direction.normalised(),
            distance_m: (self.start.distance_m + self.radial_speed * seconds).max(0.1),
        }
    }
}

/// Azimuth uniform, elevation in -35 to 50 degrees, mostly near the horizon.
fn draw_direction(rng: &mut ChaCha8Rng) -> Direction {
    let spread: f64 = rng.random_range(-1.0..1.0);
    Direction {
        azimuth_deg: rng.random_range(-180.0..180.0),
        elevation_deg: 7.5 + 42.5 * spread.signum() * spread.abs().powf(1.4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_stay_in_the_room_and_under_the_speed_limit() {
        let mut rng = crate::rng::stream(2, &["ways"]);
        let mut degrees = 0.0;
        for _ in 0..100 {
            let room = Room::draw((0.2, 0.6), &mut rng);
            let array = room.draw_array(&mut rng);
            let path = Path::draw_moving(&room, array, 5.0, &mut rng);
            assert!(path.is_moving() && path.azimuth_speed.abs() <= MAX_SPEED_DEG_PER_S);
            assert!(path.speed_m_per_s(0.0) < 1.8, "{}", path.speed_m_per_s(0.0));
            degrees += path.at(0.0).direction.angle_to(path.at(5.0).direction);
            for step in 0..=50 {
                let offset = path.at(f64::from(step) / 10.0).offset_m();
                for axis in 0..3 {
                    let place = array[axis] + offset[axis];
                    assert!(place > 0.3 && place < room.size_m[axis] - 0.3, "axis {axis}: {place}");
                }
            }
        }
        assert!(degrees / 100.0 > 20.0, "{degrees}");
    }

    #[test]
    fn a_source_that_goes_away_gets_faster() {
        let start =
            Position { direction: Direction { azimuth_deg: 0.0, elevation_deg: 0.0 }, distance_m: 1.0 };
        let path = Path { start, azimuth_speed: 30.0, elevation_speed: 0.0, radial_speed: 0.4 };
        for seconds in [0.0, 4.0] {
            let [here, there] = [seconds, seconds + 1e-4].map(|seconds| path.at(seconds).offset_m());
            let way = (0..3).map(|axis| (there[axis] - here[axis]).powi(2)).sum::<f64>().sqrt();
            assert!((path.speed_m_per_s(seconds) / (way / 1e-4) - 1.0).abs() < 1e-3, "{seconds}");
        }
        assert!(path.speed_m_per_s(4.0) > 2.0 * path.speed_m_per_s(0.0));
    }
}
