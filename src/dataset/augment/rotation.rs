//! Rotations and reflections of a first-order Ambisonics scene. They leave W as it is.

/// A rotation or reflection of the sphere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rotation {
    /// Takes a direction vector (x, y, z) to the turned scene's, row by row.
    matrix: [[f32; 3]; 3],
}

/// How many rotations and reflections swapping and negating channels allows.
pub const SWAPS: usize = 16;

impl Rotation {
    /// Leaves everything where it is.
    pub const NONE: Self = Self { matrix: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]] };

    /// One of the [`SWAPS`] that a recording allows by swapping and negating channels: eight symmetries of the
    /// horizontal plane, each with or without up and down exchanged; 0 changes nothing (Mazzon et al., "First order
    /// Ambisonics domain spatial augmentation for DNN-based direction of arrival estimation", DCASE 2019).
    pub fn swap(index: usize) -> Self {
        let bit = |n: usize| index >> n & 1 == 1;
        let sign = |negate: bool| if negate { -1.0 } else { 1.0 };
        let (x, y, z) = (sign(bit(1)), sign(bit(2)), [0.0, 0.0, sign(bit(3))]);
        let matrix =
            if bit(0) { [[0.0, x, 0.0], [y, 0.0, 0.0], z] } else { [[x, 0.0, 0.0], [0.0, y, 0.0], z] };
        Self { matrix }
    }

    /// Left and right exchanged if asked for, then counter-clockwise around the vertical axis, then up and down exchanged
    /// if asked for.
    pub fn yaw(angle_deg: f64, mirrored: bool, upside_down: bool) -> Self {
        let (sine, cosine) = angle_deg.to_radians().sin_cos();
        let (sine, cosine) = (sine as f32, cosine as f32);
        let sign = |negate: bool| if negate { -1.0 } else { 1.0 };
        let (y, z) = (sign(mirrored), sign(upside_down));
        Self { matrix: [[cosine, -sine * y, 0.0], [sine, cosine * y, 0.0], [0.0, 0.0, z]] }
    }

    /// A direction vector (x, y, z) in the turned scene.
    pub fn apply(self, vector: [f32; 3]) -> [f32; 3] {
        self.matrix.map(|row| row.iter().zip(vector).map(|(weight, v)| weight * v).sum())
    }

    /// What undoes it: of a rotation or reflection, the transpose.
    pub fn inverse(self) -> Self {
        let mut matrix = [[0.0; 3]; 3];
        for (row, values) in self.matrix.iter().enumerate() {
            for (column, value) in values.iter().enumerate() {
                matrix[column][row] = *value;
            }
        }
        Self { matrix }
    }

    /// The matrix that takes the channels (W, Y, Z, X) to the turned scene's, row by row.
    pub fn channel_matrix(self) -> [[f32; 4]; 4] {
        // Which axis each channel after W points along.
        const AXES: [usize; 3] = [1, 2, 0];
        let mut matrix = [[0.0; 4]; 4];
        matrix[0][0] = 1.0;
        for (to, &to_axis) in AXES.iter().enumerate() {
            for (from, &from_axis) in AXES.iter().enumerate() {
                matrix[to + 1][from + 1] = self.matrix[to_axis][from_axis];
            }
        }
        matrix
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seld::doa::Direction;

    /// Azimuth and elevation that a plane wave from `direction` seems to come from after the channels were turned:
    /// the direction of its intensity vector, W times (X, Y, Z).
    fn heard(rotation: Rotation, direction: Direction) -> Direction {
        let [x, y, z] = direction.to_vector();
        let wave = [1.0, y, z, x];
        let turned = rotation
            .channel_matrix()
            .map(|row| row.iter().zip(wave).map(|(weight, v)| f64::from(*weight) * v).sum::<f64>());
        Direction::from_vector([3, 1, 2].map(|channel| turned[0] * turned[channel]))
    }

    fn labelled(rotation: Rotation, direction: Direction) -> Direction {
        Direction::from_vector(rotation.apply(direction.to_vector().map(|v| v as f32)).map(f64::from))
    }

    #[test]
    fn all_sixteen_differ_and_the_first_changes_nothing() {
        let all: Vec<Rotation> = (0..SWAPS).map(Rotation::swap).collect();
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| a != b));
        }
        assert_eq!(all[0], Rotation::NONE);
    }

    #[test]
    fn quarter_turns_are_among_them() {
        let front = Direction { azimuth_deg: 10.0, elevation_deg: 0.0 };
        let mut azimuths: Vec<i32> =
            (0..SWAPS).map(|i| labelled(Rotation::swap(i), front).azimuth_deg.round() as i32).collect();
        azimuths.sort_unstable();
        azimuths.dedup();
        assert_eq!(azimuths, [-170, -100, -80, -10, 10, 80, 100, 170]);
    }

    proptest! {
        #[test]
        fn sound_and_label_turn_together(
            azimuth_deg in -180.0f64..180.0, elevation_deg in -90.0f64..90.0,
            index in 0..SWAPS, angle_deg in -180.0f64..180.0, mirrored: bool, upside_down: bool)
        {
            let direction = Direction { azimuth_deg, elevation_deg };
            for rotation in [Rotation::swap(index), Rotation::yaw(angle_deg, mirrored, upside_down)] {
                prop_assert!(heard(rotation, direction).angle_to(labelled(rotation, direction)) < 0.05);
            }
        }

        #[test]
        fn yaw_adds_to_the_azimuth(
            azimuth_deg in -180.0f64..180.0, elevation_deg in -80.0f64..80.0, angle_deg in -180.0f64..180.0)
        {
            let direction = Direction { azimuth_deg, elevation_deg };
            let turned = labelled(Rotation::yaw(angle_deg, false, true), direction);
            let expected = Direction { azimuth_deg: azimuth_deg + angle_deg, elevation_deg: -elevation_deg };
            prop_assert!(turned.angle_to(expected) < 0.05);
        }
    }
}
