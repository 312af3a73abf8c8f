//! Image sources of a shoebox room (J. B. Allen, D. A. Berkley, JASA 65, 1979), by octave band.

use super::octave::PerBand;
use super::room::Room;

/// One mirrored copy of a source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Image {
    /// Vector from the array, in metres.
    pub(super) offset_m: [f64; 3],
    /// Length of that vector.
    pub(super) distance_m: f64,
    /// Product of the reflection factors on the way, by octave band, in [0, 1].
    pub(super) reflection: PerBand,
    /// Number of reflections; 0 is the source itself.
    pub(super) order: u32,
}

/// The images of a source along one axis.
struct Mirrored {
    offset_m: f64,
    reflection: PerBand,
    order: u32,
}

/// Calls `visit` with the image sources of a source at `offset_m` from the array whose way is at most `reach_m`
/// long. The source itself is always among them.
pub(super) fn visit_images(
    room: &Room,
    array: [f64; 3],
    offset_m: [f64; 3],
    reach_m: f64,
    mut visit: impl FnMut(&Image),
) {
    let axes: [Vec<Mirrored>; 3] =
        std::array::from_fn(|axis| mirrored(room, axis, array[axis], array[axis] + offset_m[axis], reach_m));
    for x in &axes[0] {
        for y in &axes[1] {
            let flat = x.offset_m.powi(2) + y.offset_m.powi(2);
            let both: PerBand = std::array::from_fn(|band| x.reflection[band] * y.reflection[band]);
            for z in &axes[2] {
                let squared = flat + z.offset_m.powi(2);
                let order = x.order + y.order + z.order;
                if squared <= reach_m * reach_m || order == 0 {
                    visit(&Image {
                        offset_m: [x.offset_m, y.offset_m, z.offset_m],
                        distance_m: squared.sqrt(),
                        reflection: std::array::from_fn(|band| both[band] * z.reflection[band]),
                        order,
                    });
                }
            }
        }
    }
}

fn mirrored(room: &Room, axis: usize, array: f64, source: f64, reach_m: f64) -> Vec<Mirrored> {
    let [near, far] = &room.reflection[axis];
    let size = room.size_m[axis];
    let periods = (reach_m / (2.0 * size)).ceil() as i32 + 1;
    let mut images = Vec::new();
    for period in -periods..=periods {
        for flipped in [false, true] {
            let place = if flipped { -source } else { source } + 2.0 * f64::from(period) * size;
            // Walls hit: an unflipped copy has met both walls equally often, a flipped one the near wall once
            // more than the far one (in the direction it lies in).
            let near_hits = (period - i32::from(flipped)).abs();
            let far_hits = period.abs();
            let order = (near_hits + far_hits) as u32;
            if (place - array).abs() <= reach_m || order == 0 {
                let reflection =
                    std::array::from_fn(|band| near[band].powi(near_hits) * far[band].powi(far_hits));
                images.push(Mirrored { offset_m: place - array, reflection, order });
            }
        }
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::octave::BANDS;

    fn flat(value: f64) -> PerBand {
        [value; BANDS]
    }

    #[test]
    fn first_images_are_the_mirror_points() {
        let reflection = [[0.9, 0.8], [0.7, 0.6], [0.5, 0.4]].map(|sides| sides.map(flat));
        let room = Room { size_m: [5.0, 4.0, 3.0], rt60_s: 0.4, band_rt60_s: flat(0.4), reflection };
        let mut images = Vec::new();
        visit_images(&room, [2.0, 2.0, 1.5], [1.0, 0.5, 0.2], 100.0, |image| images.push(*image));
        let find = |offset: [f64; 3]| {
            let near = |image: &&Image| (0..3).all(|i| (image.offset_m[i] - offset[i]).abs() < 1e-9);
            *images.iter().find(near).unwrap()
        };
        assert_eq!(find([1.0, 0.5, 0.2]).reflection, flat(1.0));
        // The source at x = 3 is mirrored to x = -3 by the near wall and to x = 7 by the far one.
        assert_eq!((find([-5.0, 0.5, 0.2]).reflection, find([-5.0, 0.5, 0.2]).order), (flat(0.9), 1));
        assert_eq!((find([5.0, 0.5, 0.2]).reflection, find([5.0, 0.5, 0.2]).order), (flat(0.8), 1));
        // Through both walls, x = 13.
        assert!((find([11.0, 0.5, 0.2]).reflection[3] - 0.72).abs() < 1e-12);
        assert_eq!(images.iter().filter(|image| image.order == 1).count(), 6);
    }

    #[test]
    fn there_are_as_many_as_fit_into_the_sphere() {
        let room = super::super::room::tests::plain([5.0, 4.0, 3.0], 0.4);
        let mut count = 0;
        visit_images(&room, [2.0, 2.0, 1.5], [1.0, 0.5, 0.2], 25.0, |_| count += 1);
        let expected = 4.0 / 3.0 * std::f64::consts::PI * 25f64.powi(3) / 60.0;
        assert!((f64::from(count) / expected - 1.0).abs() < 0.05, "{count} {expected}");
    }
}
