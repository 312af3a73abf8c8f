//! Intensity vectors and diffuseness.
//!
//! The active intensity Re(conj(w) c) of c = Y, Z, X points to the source; the reactive intensity Im(conj(w) c) vanishes
//! for one plane wave. All are normalised by bin, then averaged in bands, as in the DCASE baselines.

use tch::{Kind, Tensor};

use super::filterbank::Bank;
use super::spectrum::Spectrum;

/// Keeps silent bins finite.
const ENERGY_EPSILON: f64 = 1e-8;
/// Keeps silent bins finite: the machine epsilon of float32, as in EIN-SELD.
const LENGTH_EPSILON: f64 = f32::EPSILON as f64;
/// Frames are averaged over about this long for the diffuseness, in seconds.
const DIFFUSENESS_S: f64 = 0.1;

/// Which intensity, and what it is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intensity {
    /// Active, over |w|^2 + (|y|^2 + |z|^2 + |x|^2) / 3: the energy density if the gains were N3D (DCASE 2022 and 2023
    /// baselines; Cao et al. 2019 for its use in SELD).
    OverEnergy,
    /// Active, over (|w|^2 + |y|^2 + |z|^2 + |x|^2) / 2: the energy density for SN3D gains.
    OverEnergySn3d,
    /// Active, over its length (Cao et al., EIN-SELD).
    OverLength,
    /// Active.
    Active,
    /// Reactive.
    Reactive,
    /// Reactive, over the energy of [`Intensity::OverEnergy`].
    ReactiveOverEnergy,
}

/// The intensity in bands, `[B, 3, T, F]` in the order Y, Z, X.
pub(super) fn intensity(kind: Intensity, spectrum: &Spectrum, bank: &Bank) -> Tensor {
    let vector = match kind {
        Intensity::Active => active(&Omni::of(spectrum), spectrum),
        Intensity::Reactive => reactive(&Omni::of(spectrum), spectrum),
        // W is divided before it is multiplied with three dipoles: a third of the divisions.
        Intensity::OverEnergy => active(&Omni::over(spectrum, &energy_n3d(spectrum)), spectrum),
        Intensity::OverEnergySn3d => {
            active(&Omni::over(spectrum, &(energy_sn3d(spectrum) + ENERGY_EPSILON)), spectrum)
        }
        Intensity::ReactiveOverEnergy => reactive(&Omni::over(spectrum, &energy_n3d(spectrum)), spectrum),
        Intensity::OverLength => {
            let vector = active(&Omni::of(spectrum), spectrum);
            let length = (&vector * &vector).sum_dim_intlist([1].as_slice(), true, Kind::Float).sqrt();
            vector / (length + LENGTH_EPSILON)
        }
    };
    bank.apply(&vector)
}

/// W, maybe scaled bin by bin: real and imaginary part, `[B, 1, T, K]` each.
struct Omni {
    real: Tensor,
    imag: Tensor,
}

impl Omni {
    fn of(spectrum: &Spectrum) -> Self {
        Self { real: Spectrum::omni(&spectrum.real), imag: Spectrum::omni(&spectrum.imag) }
    }

    fn over(spectrum: &Spectrum, energy: &Tensor) -> Self {
        let Self { real, imag } = Self::of(spectrum);
        let inverse = energy.reciprocal();
        Self { real: real * &inverse, imag: imag * &inverse }
    }
}

/// `[B, 3, T, K]`
fn active(omni: &Omni, spectrum: &Spectrum) -> Tensor {
    let dipoles = Spectrum::dipoles;
    (&omni.real * dipoles(&spectrum.real)).addcmul_(&omni.imag, &dipoles(&spectrum.imag))
}

/// `[B, 3, T, K]`
fn reactive(omni: &Omni, spectrum: &Spectrum) -> Tensor {
    let dipoles = Spectrum::dipoles;
    &omni.real * dipoles(&spectrum.imag) - &omni.imag * dipoles(&spectrum.real)
}

/// `[B, 1, T, K]`
fn energy_n3d(spectrum: &Spectrum) -> Tensor {
    // In place: these are the widest quantities of all.
    let mut energy = spectrum.dipole_power();
    energy /= 3.0;
    energy += Spectrum::omni(spectrum.power());
    energy += ENERGY_EPSILON;
    energy
}

/// `[B, 1, T, K]`
fn energy_sn3d(spectrum: &Spectrum) -> Tensor {
    (Spectrum::omni(spectrum.power()) + spectrum.dipole_power()) / 2.0
}

/// Frames to average over for a diffuseness: odd, about 100 ms.
pub(super) fn diffuseness_frames(hop_s: f64) -> i64 {
    2 * (0.5 * DIFFUSENESS_S / hop_s).round() as i64 + 1
}

/// 1 - |<I>| / <E> with means over `frames` frames and each band, `[B, 1, T, F]` (V. Pulkki, "Spatial sound reproduction
/// with directional audio coding", JAES 55, 2007). Silence is diffuse.
pub(super) fn diffuseness(spectrum: &Spectrum, bank: &Bank, frames: i64) -> Tensor {
    let mean = |x: Tensor| {
        // At the ends over the frames that there are.
        bank.apply(&x).avg_pool2d([frames, 1], [1, 1], [frames / 2, 0], false, false, None)
    };
    let intensity = mean(active(&Omni::of(spectrum), spectrum));
    let length = (&intensity * &intensity).sum_dim_intlist([1].as_slice(), true, Kind::Float).sqrt();
    let ratio = length / (mean(energy_sn3d(spectrum)) + ENERGY_EPSILON);
    1.0 - ratio.clamp(0.0, 1.0)
}
