//! Directions of arrival.

use serde::{Deserialize, Serialize};

/// A direction: azimuth counter-clockwise (left positive) and elevation (up positive), in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Direction {
    /// Azimuth in degrees. Any equivalent angle is allowed; [`Direction::normalised`] gives (-180, 180].
    pub azimuth_deg: f64,
    /// Elevation in degrees, in [-90, 90].
    pub elevation_deg: f64,
}

impl Direction {
    /// The direction of a vector (x front, y left, z up) of any length; the zero vector points to the front.
    pub fn from_vector([x, y, z]: [f64; 3]) -> Self {
        Self { azimuth_deg: y.atan2(x).to_degrees(), elevation_deg: z.atan2(x.hypot(y)).to_degrees() }
    }

    /// The unit vector (x front, y left, z up).
    pub fn to_vector(self) -> [f64; 3] {
        let (azimuth, elevation) = (self.azimuth_deg.to_radians(), self.elevation_deg.to_radians());
        [azimuth.cos() * elevation.cos(), azimuth.sin() * elevation.cos(), elevation.sin()]
    }

    /// The same direction with the azimuth in (-180, 180].
    pub fn normalised(self) -> Self {
        let wrapped = -((-self.azimuth_deg + 180.0).rem_euclid(360.0) - 180.0);
        Self { azimuth_deg: wrapped, ..self }
    }

    /// The angle to another direction, in [0, 180] degrees, by the spherical law of cosines.
    pub fn angle_to(self, other: Self) -> f64 {
        let (e1, e2) = (self.elevation_deg.to_radians(), other.elevation_deg.to_radians());
        let azimuth = (self.azimuth_deg - other.azimuth_deg).to_radians();
        let cosine = e1.sin() * e2.sin() + e1.cos() * e2.cos() * azimuth.cos();
        cosine.clamp(-1.0, 1.0).acos().to_degrees()
    }
}
