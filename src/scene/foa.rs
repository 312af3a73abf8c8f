//! First-order Ambisonics.
//!
//! Channels are in ACN order (W, Y, Z, X) with SN3D normalisation: the encoding of a plane wave from azimuth a
//! and elevation e is W = 1, Y = sin a cos e, Z = sin e, X = cos a cos e (AmbiX: Nachbar et al., 2011).

use crate::seld::doa::Direction;

/// Amplitude of Y, Z and X relative to W in an isotropic diffuse field, where the four are uncorrelated.
pub(super) const DIFFUSE_DIPOLE: f32 = 0.577_350_26;

/// Channel gains (W, Y, Z, X) of a plane wave from a direction.
pub fn encode_gains(direction: Direction) -> [f64; 4] {
    let [x, y, z] = direction.to_vector();
    [1.0, y, z, x]
}

/// Channel gains of the direct sound from `offset_m`: those of its direction, times 1/r at r metres.
pub(super) fn point_gains([x, y, z]: [f64; 3]) -> [f64; 4] {
    let distance = norm([x, y, z]).max(0.1);
    [1.0 / distance, y / distance.powi(2), z / distance.powi(2), x / distance.powi(2)]
}

/// Length of a vector.
pub(super) fn norm(v: [f64; 3]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_is_positive_y_and_up_is_positive_z() {
        let gains = |azimuth_deg, elevation_deg| {
            encode_gains(Direction { azimuth_deg, elevation_deg }).map(|gain| (gain * 1e6).round() / 1e6)
        };
        assert_eq!(gains(0.0, 0.0), [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(gains(90.0, 0.0), [1.0, 1.0, 0.0, 0.0]);
        assert_eq!(gains(0.0, 90.0), [1.0, 0.0, 1.0, 0.0]);
        assert_eq!(point_gains([0.0, 2.0, 0.0]), [0.5, 0.5, 0.0, 0.0]);
    }
}
