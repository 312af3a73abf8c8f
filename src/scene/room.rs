//! Shoebox rooms and their image sources.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Speed of sound in m/s, at 20 degrees.
pub(super) const SPEED_OF_SOUND: f64 = 343.0;
/// Reflections an image source may have. Later sound is the statistical tail's.
const MAX_ORDER: i32 = 5;
/// Least distance of a source from floor and ceiling, in metres.
const WALL_MARGIN_M: f64 = 0.4;
/// Least and greatest distance of a source from the array, in metres.
const DISTANCE_M: std::ops::Range<f64> = 0.8..4.0;

/// A shoebox room. Coordinates in metres from one lower corner; x front, y left, z up.
#[derive(Debug, Clone, PartialEq)]
pub struct Room {
    /// Length, width and height in metres.
    pub size_m: [f64; 3],
    /// Time in which reverberation falls by 60 dB, in seconds.
    pub rt60_s: f64,
    /// Pressure reflection factor by axis and side (at 0, at the far end), in [0, 1].
    pub reflection: [[f64; 2]; 3],
}

/// One mirrored copy of a source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Image {
    /// Vector from the array, in metres.
    pub(super) offset_m: [f64; 3],
    /// Product of the reflection factors on the way, in [0, 1].
    pub(super) reflection: f64,
    /// Number of reflections.
    pub(super) order: u32,
}

impl Room {
    /// A room of the given size and reverberation time with walls of the given relative absorption.
    ///
    /// The mean absorption follows from Eyring's formula (C. F. Eyring, JASA 1, 1930); `relative` (axis, side)
    /// says which walls absorb more, and only its proportions matter.
    pub fn new(size_m: [f64; 3], rt60_s: f64, relative: [[f64; 2]; 3]) -> Self {
        let [length, width, height] = size_m;
        let areas = [width * height, length * height, length * width];
        let surface = 2.0 * areas.iter().sum::<f64>();
        let volume = length * width * height;
        // Eyring's exponent, absorbed per unit of area: -ln(1 - alpha).
        let exponent = 0.161 * volume / (surface * rt60_s);
        let weighted: f64 =
            relative.iter().zip(areas).map(|(sides, area)| (sides[0] + sides[1]) * area).sum::<f64>()
                / surface;
        let reflection = relative.map(|sides| sides.map(|side| (-0.5 * exponent * side / weighted).exp()));
        Self { size_m, rt60_s, reflection }
    }

    /// A random room of 20 to 60 m2 with a reverberation time of 0.2 to 0.6 s.
    pub fn draw(rng: &mut ChaCha8Rng) -> Self {
        let size_m = [rng.random_range(4.5..9.0), rng.random_range(4.0..7.0), rng.random_range(2.6..3.6)];
        let rt60_s = rng.random_range(0.2..0.6);
        let relative = std::array::from_fn(|_| std::array::from_fn(|_| rng.random_range(0.6..1.6)));
        Self::new(size_m, rt60_s, relative)
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

    /// A random distance from the array in `low..reach`, or none if the wall is too near.
    pub(super) fn draw_distance(reach_m: f64, rng: &mut ChaCha8Rng) -> Option<f64> {
        let least = DISTANCE_M.start;
        (reach_m > least + 0.1).then(|| rng.random_range(least..reach_m))
    }

    /// The image sources of a source at `offset_m` from the array whose path is at most `reach_m` long (J. B.
    /// Allen, D. A. Berkley, JASA 65, 1979).
    pub(super) fn images(&self, array: [f64; 3], offset_m: [f64; 3], reach_m: f64) -> Vec<Image> {
        let axes: [Vec<(f64, f64, u32)>; 3] =
            std::array::from_fn(|axis| self.mirrored(axis, array[axis], array[axis] + offset_m[axis]));
        let mut images = Vec::new();
        for &(x, factor_x, order_x) in &axes[0] {
            for &(y, factor_y, order_y) in &axes[1] {
                for &(z, factor_z, order_z) in &axes[2] {
                    let order = order_x + order_y + order_z;
                    let near = x * x + y * y + z * z <= reach_m * reach_m;
                    if order == 0 || (near && order <= MAX_ORDER as u32) {
                        let reflection = factor_x * factor_y * factor_z;
                        images.push(Image { offset_m: [x, y, z], reflection, order });
                    }
                }
            }
        }
        images
    }

    /// Mirror images along one axis: offset from the array, product of factors, number of reflections.
    fn mirrored(&self, axis: usize, array: f64, source: f64) -> Vec<(f64, f64, u32)> {
        let [near, far] = self.reflection[axis];
        let mut images = Vec::new();
        for period in -MAX_ORDER..=MAX_ORDER {
            for flipped in [false, true] {
                let place =
                    if flipped { -source } else { source } + 2.0 * f64::from(period) * self.size_m[axis];
                // Walls hit: an unflipped copy has met both walls equally often, a flipped one the near wall
                // once more than the far one (in the direction it lies in).
                let near_hits = (period - i32::from(flipped)).abs();
                let order = (near_hits + period.abs()) as u32;
                if order <= MAX_ORDER as u32 {
                    images.push((place - array, near.powi(near_hits) * far.powi(period.abs()), order));
                }
            }
        }
        images
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_images_are_the_mirror_points() {
        let room =
            Room { size_m: [5.0, 4.0, 3.0], rt60_s: 0.4, reflection: [[0.9, 0.8], [0.7, 0.6], [0.5, 0.4]] };
        let images = room.images([2.0, 2.0, 1.5], [1.0, 0.5, 0.2], 100.0);
        let find = |offset: [f64; 3]| {
            let near = |image: &&Image| (0..3).all(|i| (image.offset_m[i] - offset[i]).abs() < 1e-9);
            *images.iter().find(near).unwrap()
        };
        assert_eq!(find([1.0, 0.5, 0.2]).reflection, 1.0);
        // The source at x = 3 is mirrored to x = -3 by the near wall and to x = 7 by the far one.
        assert_eq!((find([-5.0, 0.5, 0.2]).reflection, find([-5.0, 0.5, 0.2]).order), (0.9, 1));
        assert_eq!((find([5.0, 0.5, 0.2]).reflection, find([5.0, 0.5, 0.2]).order), (0.8, 1));
        // Through both walls, x = 13.
        assert!((find([11.0, 0.5, 0.2]).reflection - 0.72).abs() < 1e-12);
        assert_eq!(images.iter().filter(|image| image.order == 1).count(), 6);
    }

    #[test]
    fn sources_stay_off_the_walls() {
        let mut rng = crate::rng::stream(3, &["room"]);
        for _ in 0..200 {
            let room = Room::draw(&mut rng);
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
