//! The 16 rotations and reflections of the sphere that a first-order Ambisonics recording allows by swapping and
//! negating channels (Mazzon et al., "First order Ambisonics domain spatial augmentation for DNN-based direction
//! of arrival estimation", DCASE 2019). They leave W as it is.

/// One of the 16: eight symmetries of the horizontal plane, each with or without up and down exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// x and y change places.
    swap: bool,
    negate_x: bool,
    negate_y: bool,
    negate_z: bool,
}

/// How many there are.
pub const COUNT: usize = 16;

impl Rotation {
    /// The rotation at `index` of [`COUNT`]; 0 changes nothing.
    pub fn new(index: usize) -> Self {
        let bit = |n: usize| index >> n & 1 == 1;
        Self { swap: bit(0), negate_x: bit(1), negate_y: bit(2), negate_z: bit(3) }
    }

    /// The matrix that takes a direction vector (x, y, z) to the rotated scene's, row by row.
    pub fn direction_matrix(self) -> [[f32; 3]; 3] {
        let sign = |negate: bool| if negate { -1.0 } else { 1.0 };
        let (x, y) = (sign(self.negate_x), sign(self.negate_y));
        let z = [0.0, 0.0, sign(self.negate_z)];
        if self.swap { [[0.0, x, 0.0], [y, 0.0, 0.0], z] } else { [[x, 0.0, 0.0], [0.0, y, 0.0], z] }
    }

    /// The matrix that takes the channels (W, Y, Z, X) to the rotated scene's, row by row.
    pub fn channel_matrix(self) -> [[f32; 4]; 4] {
        let direction = self.direction_matrix();
        // Which axis each channel after W points along.
        const AXES: [usize; 3] = [1, 2, 0];
        let mut matrix = [[0.0; 4]; 4];
        matrix[0][0] = 1.0;
        for (to, &to_axis) in AXES.iter().enumerate() {
            for (from, &from_axis) in AXES.iter().enumerate() {
                matrix[to + 1][from + 1] = direction[to_axis][from_axis];
            }
        }
        matrix
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seld::doa::Direction;

    fn encode(direction: Direction) -> [f32; 4] {
        let [x, y, z] = direction.to_vector().map(|c| c as f32);
        [1.0, y, z, x]
    }

    #[test]
    fn all_sixteen_differ_and_the_first_changes_nothing() {
        let matrices: Vec<_> = (0..COUNT).map(|i| Rotation::new(i).channel_matrix()).collect();
        for (i, a) in matrices.iter().enumerate() {
            assert!(matrices[..i].iter().all(|b| a != b));
        }
        assert_eq!(
            matrices[0],
            std::array::from_fn(|i| std::array::from_fn(|j| f32::from(u8::from(i == j))))
        );
    }

    #[test]
    fn channels_of_a_plane_wave_follow_its_direction() {
        let before = Direction { azimuth_deg: 25.0, elevation_deg: 40.0 };
        let vector = before.to_vector().map(|c| c as f32);
        for rotation in (0..COUNT).map(Rotation::new) {
            let turn = rotation.direction_matrix();
            let after =
                turn.map(|row| f64::from(row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2]));
            let expected = encode(Direction::from_vector(after));
            let channels = encode(before);
            let actual = rotation
                .channel_matrix()
                .map(|row| row.iter().zip(&channels).map(|(a, b)| a * b).sum::<f32>());
            for (a, e) in actual.iter().zip(expected) {
                assert!((a - e).abs() < 1e-6, "{rotation:?}: {actual:?} {expected:?}");
            }
        }
    }

    #[test]
    fn azimuth_turns_are_among_them() {
        let front = Direction { azimuth_deg: 10.0, elevation_deg: 0.0 };
        let vector = front.to_vector().map(|c| c as f32);
        let mut azimuths: Vec<i32> = (0..COUNT)
            .map(|i| {
                let turn = Rotation::new(i).direction_matrix();
                let v =
                    turn.map(|row| f64::from(row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2]));
                Direction::from_vector(v).azimuth_deg.round() as i32
            })
            .collect();
        azimuths.sort_unstable();
        azimuths.dedup();
        assert_eq!(azimuths, [-170, -100, -80, -10, 10, 80, 100, 170]);
    }
}
