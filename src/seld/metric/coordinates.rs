//! How the angle between two directions is computed.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::seld::doa::Direction;

/// How the angle between two directions is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coordinates {
    /// By the spherical law of cosines.
    #[default]
    Polar,
    /// By the dot product of the vectors, each divided by its length as the official code does it.
    Cartesian,
}

/// What is computed once a direction: azimuth in radians, sine and cosine of the elevation (polar), or the vector
/// divided by its length (cartesian). Only points of the same coordinates can be compared.
pub(super) type Point = [f64; 3];

/// Added to a squared length by the official code: two equal directions come out 8.1e-4 degrees apart.
const LENGTH_EPS: f64 = 1e-10;

impl Coordinates {
    /// The angle between two directions in [0, 180] degrees.
    pub fn angle_deg(self, a: Direction, b: Direction) -> f64 {
        self.between_deg(self.point(a), self.point(b))
    }

    /// What [`Coordinates::between_deg`] needs of a direction.
    pub(super) fn point(self, Direction { azimuth_deg, elevation_deg }: Direction) -> Point {
        let (sine, cosine) = sin_cos(elevation_deg);
        match self {
            Self::Polar => [azimuth_deg.to_radians(), sine, cosine],
            Self::Cartesian => {
                let (sine_azimuth, cosine_azimuth) = sin_cos(azimuth_deg);
                let vector = [cosine_azimuth * cosine, sine_azimuth * cosine, sine];
                let length = (vector.iter().map(|v| v * v).sum::<f64>() + LENGTH_EPS).sqrt();
                vector.map(|v| v / length)
            }
        }
    }

    /// The angle between two points in [0, 180] degrees.
    pub(super) fn between_deg(self, a: Point, b: Point) -> f64 {
        let cosine = match self {
            Self::Polar => a[1] * b[1] + a[2] * b[2] * (a[0] - b[0]).cos(),
            Self::Cartesian => a[0] * b[0] + a[1] * b[1] + a[2] * b[2],
        };
        cosine.clamp(-1.0, 1.0).acos().to_degrees()
    }
}

/// Sine and cosine of 0 to 360 whole degrees: labels are in whole degrees, and looking up is several times faster.
static WHOLE_DEGREES: LazyLock<Vec<(f64, f64)>> =
    LazyLock::new(|| (0..=360).map(|degrees| f64::from(degrees).to_radians().sin_cos()).collect());

/// Sine and cosine of an angle in degrees; the same numbers with and without the table.
fn sin_cos(degrees: f64) -> (f64, f64) {
    let size = degrees.abs();
    // Saturates for what is no index; comparing the way back tells whole numbers from others.
    let whole = size as usize;
    match WHOLE_DEGREES.get(whole) {
        Some(&(sine, cosine)) if whole as f64 == size => (if degrees < 0.0 { -sine } else { sine }, cosine),
        _ => degrees.to_radians().sin_cos(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_directions_are_apart_only_in_cartesian_form() {
        let direction = Direction { azimuth_deg: 30.0, elevation_deg: 40.0 };
        let cartesian = Coordinates::Cartesian.angle_deg(direction, direction);
        assert!((cartesian - 8.1e-4).abs() < 1e-5, "{cartesian}");
        assert!(Coordinates::Polar.angle_deg(direction, direction) < 2e-6);
    }

    #[test]
    fn whole_degrees_are_as_computed() {
        for degrees in -400..=400 {
            let degrees = f64::from(degrees);
            let (sine, cosine) = degrees.to_radians().sin_cos();
            assert_eq!(sin_cos(degrees), (sine, cosine), "{degrees}");
        }
        assert!(sin_cos(f64::NAN).0.is_nan());
    }

    proptest! {
        #[test]
        fn both_forms_agree(a in (-360.0f64..360.0, -90.0f64..90.0), b in (-180i32..181, -90i32..91)) {
            let a = Direction { azimuth_deg: a.0, elevation_deg: a.1 };
            let b = Direction { azimuth_deg: f64::from(b.0), elevation_deg: f64::from(b.1) };
            let polar = Coordinates::Polar.angle_deg(a, b);
            prop_assert!((polar - a.angle_to(b)).abs() < 1e-5);
            prop_assert!((polar - Coordinates::Cartesian.angle_deg(a, b)).abs() < 1e-3);
        }
    }
}
