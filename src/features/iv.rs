//! Active intensity vector.

use tch::{Kind, Tensor};

use super::front_end::Spectrum;

/// Keeps silent bins finite.
const EPSILON: f64 = 1e-8;

/// The active intensity Re(conj(w) c) of c = Y, Z, X, divided by the energy
/// 1e-8 + |w|^2 + (|y|^2 + |z|^2 + |x|^2) / 3 of the bin, then averaged in mel bands: `[B, 3, T, F]`.
///
/// The formula of the DCASE 2022 and 2023 baselines (Adavanne et al.; Cao et al. 2019 for its use in SELD). The
/// vector points to the source. With area-normalised mel filters values are within a few hundredths.
pub(super) fn intensity(spectrum: &Spectrum, mel: &Tensor) -> Tensor {
    let omni = |part: &Tensor| part.narrow(1, 0, 1);
    let dipoles = |part: &Tensor| part.narrow(1, 1, 3);
    let active =
        omni(&spectrum.real) * dipoles(&spectrum.real) + omni(&spectrum.imag) * dipoles(&spectrum.imag);
    let dipole_power = dipoles(&spectrum.power).mean_dim([1].as_slice(), true, Kind::Float);
    let energy = omni(&spectrum.power) + dipole_power + EPSILON;
    (active / energy).matmul(mel)
}
