//! Shoebox rooms: their size, their reverberation time and what their walls absorb, by octave band.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::SAMPLE_RATE;
use super::octave::{BANDS, PerBand, air_per_m, widths_hz};

/// Speed of sound in m/s, at 20 degrees.
pub(super) const SPEED_OF_SOUND: f64 = 343.0;
/// Least distance of a source from floor, walls and ceiling, in metres.
const WALL_MARGIN_M: f64 = 0.4;
/// Least and greatest distance of a source from the array, in metres.
pub(super) const DISTANCE_M: std::ops::Range<f64> = 0.8..4.0;

/// A shoebox room. Coordinates in metres from one lower corner; x front, y left, z up.
#[derive(Debug, Clone, PartialEq)]
pub struct Room {
    /// Length, width and height in metres.
    pub size_m: [f64; 3],
    /// Time in which the reverberation of white noise falls by 60 dB, in seconds.
    pub rt60_s: f64,
    /// The same within each octave band.
    pub band_rt60_s: PerBand,
    /// Pressure reflection factor by axis, side (at 0, at the far end) and octave band, in [0, 1].
    pub reflection: [[PerBand; 2]; 3],
}

impl Room {
    /// A room of the given size and reverberation time.
    ///
    /// `profile` says how long each octave band reverberates and `absorption` (axis, side, band) which walls
    /// absorb more of it; only proportions matter. The mean absorption of a band follows from Eyring's formula
    /// with air (C. F. Eyring, JASA 1, 1930; H. Kuttruff, Room Acoustics, section 5.3), and the bands are scaled
    /// together so that the decay of white noise, from -5 to -35 dB, gives `rt60_s`.
    pub fn new(size_m: [f64; 3], rt60_s: f64, profile: PerBand, absorption: [[PerBand; 2]; 3]) -> Self {
        let scale = rt60_s / white_rt60(&profile);
        let band_rt60_s = profile.map(|relative| relative * scale);
        let [length, width, height] = size_m;
        let areas = [width * height, length * height, length * width];
        let surface = 2.0 * areas.iter().sum::<f64>();
        let volume = length * width * height;
        let air = air_per_m();
        let mut reflection = [[[1.0; BANDS]; 2]; 3];
        for band in 0..BANDS {
            // Absorbed per unit of area, -ln(1 - alpha), of which air has its share.
            let total = 24.0 * std::f64::consts::LN_10 / SPEED_OF_SOUND * volume / band_rt60_s[band];
            let exponent = ((total - 4.0 * air[band] * volume) / surface).max(0.0);
            let relative = |axis: usize| absorption[axis][0][band] + absorption[axis][1][band];
            let mean = (0..3).map(|axis| relative(axis) * areas[axis]).sum::<f64>() / surface;
            for (axis, sides) in reflection.iter_mut().enumerate() {
                for (side, factors) in sides.iter_mut().enumerate() {
                    factors[band] = (-0.5 * exponent * absorption[axis][side][band] / mean).exp();
                }
            }
        }
        Self { size_m, rt60_s, band_rt60_s, reflection }
    }

    /// A random room of 20 to 60 m2 with a reverberation time within `rt60_s`: longer at low frequencies than at
    /// high ones, with walls of different materials.
    pub fn draw(rt60_s: (f64, f64), rng: &mut ChaCha8Rng) -> Self {
        let size_m = [rng.random_range(4.5..9.0), rng.random_range(4.0..7.0), rng.random_range(2.6..3.6)];
        let rt60_s = rng.random_range(rt60_s.0..=rt60_s.1);
        let fall_per_octave: f64 = rng.random_range(0.0..0.08);
        let profile = std::array::from_fn(|band| {
            (-fall_per_octave * band as f64).exp2() * rng.random_range(0.96..1.04)
        });
        let absorption = std::array::from_fn(|_| {
            std::array::from_fn(|_| {
                let (level, tilt): (f64, f64) = (rng.random_range(0.6..1.6), rng.random_range(-0.2..0.2));
                std::array::from_fn(|band| level * (tilt * (band as f64 - 3.0)).exp2())
            })
        });
        Self::new(size_m, rt60_s, profile, absorption)
    }

    /// Volume in cubic metres.
    pub fn volume_m3(&self) -> f64 {
        self.size_m.iter().product()
    }

    /// A random place for the microphone array, near the middle of the room at 1.2 to 1.6 m.
    pub(super) fn draw_array(&self, rng: &mut ChaCha8Rng) -> [f64; 3] {
        let [x, y] = [self.size_m[0], self.size_m[1]].map(|side| side * rng.random_range(0.42..0.58));
        [x, y, rng.random_range(1.2..1.6)]
    }

    /// How far a source may be from the array in a direction (unit vector) without coming near a wall.
    pub(super) fn reach_m(&self, array: [f64; 3], direction: [f64; 3]) -> f64 {
        let along = |axis: usize| {
            let room = if direction[axis] > 0.0 { self.size_m[axis] - array[axis] } else { array[axis] };
            (room - WALL_MARGIN_M) / direction[axis].abs().max(1e-9)
        };
        (0..3).map(along).fold(DISTANCE_M.end, f64::min)
    }

    /// A random distance from the array up to `reach_m`, or none if the wall is too near.
    pub(super) fn draw_distance(reach_m: f64, rng: &mut ChaCha8Rng) -> Option<f64> {
        let least = DISTANCE_M.start;
        (reach_m > least + 0.1).then(|| rng.random_range(least..reach_m))
    }
}

/// Reverberation time of white noise in a room whose bands take `rt60_s`, from the times at which the energy
/// still to come (M. R. Schroeder, JASA 37, 1965) has fallen by 5 and by 35 dB.
fn white_rt60(rt60_s: &PerBand) -> f64 {
    let shares = widths_hz(f64::from(SAMPLE_RATE));
    let left = |time_s: f64| -> f64 {
        shares.iter().zip(rt60_s).map(|(share, rt60)| share * rt60 * 10f64.powf(-6.0 * time_s / rt60)).sum()
    };
    let longest = rt60_s.iter().copied().fold(0.0, f64::max);
    let when = |db: f64| {
        let target = left(0.0) * 10f64.powf(-db / 10.0);
        let (mut early, mut late) = (0.0, longest);
        for _ in 0..50 {
            let middle = 0.5 * (early + late);
            if left(middle) > target { early = middle } else { late = middle }
        }
        late
    };
    2.0 * (when(35.0) - when(5.0))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A room whose walls are all alike.
    pub(in crate::scene) fn plain(size_m: [f64; 3], rt60_s: f64) -> Room {
        Room::new(size_m, rt60_s, [1.0; BANDS], [[[1.0; BANDS]; 2]; 3])
    }

    #[test]
    fn absorption_follows_eyring() {
        let room = plain([5.0, 4.0, 3.0], 0.5);
        let air = air_per_m();
        for (band, air) in air.into_iter().enumerate() {
            let absorbed = -2.0 * room.reflection[0][0][band].ln() * 94.0 + 4.0 * air * 60.0;
            assert!((0.161 * 60.0 / absorbed / 0.5 - 1.0).abs() < 2e-3);
            assert!((room.band_rt60_s[band] - 0.5).abs() < 1e-6);
        }
    }

    #[test]
    fn low_bands_ring_longer_and_white_noise_as_asked() {
        let mut rng = crate::rng::stream(4, &["room"]);
        for _ in 0..20 {
            let room = Room::draw((0.15, 1.0), &mut rng);
            assert!((white_rt60(&room.band_rt60_s) / room.rt60_s - 1.0).abs() < 1e-6);
            assert!(room.band_rt60_s.iter().all(|rt60| (0.85..1.5).contains(&(rt60 / room.rt60_s))));
            assert!(room.reflection.iter().flatten().flatten().all(|factor| (0.0..1.0).contains(factor)));
        }
    }

    #[test]
    fn sources_stay_off_the_walls() {
        let mut rng = crate::rng::stream(3, &["room"]);
        for _ in 0..200 {
            let room = Room::draw((0.2, 0.6), &mut rng);
            let array = room.draw_array(&mut rng);
            let v: [f64; 3] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
            let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            let direction = v.map(|x| x / norm);
            if let Some(distance) = Room::draw_distance(room.reach_m(array, direction), &mut rng) {
                for axis in 0..3 {
                    let place = array[axis] + distance * direction[axis];
                    assert!(place > 0.39 && place < room.size_m[axis] - 0.39);
                }
            }
        }
    }
}
