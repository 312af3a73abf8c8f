//! Phases: of each channel, and of the dipoles against W.
//!
//! In bands, the mean of the points on the unit circle, so that a phase counts as much as its neighbours whatever its
//! power.

use tch::Tensor;

use super::filterbank::Bank;
use super::spectrum::Spectrum;

/// Phase in radians, `[B, 4, T, F]`: 0 where there is no sound; in bands the direction of the mean point.
pub(super) fn phase(spectrum: &Spectrum, bank: &Bank) -> Tensor {
    match bank {
        Bank::Bins { .. } => bank.apply(&spectrum.imag).atan2(&bank.apply(&spectrum.real)),
        Bank::Groups(_) => {
            let phasor = spectrum.phasor();
            bank.apply(&phasor.sin).atan2(&bank.apply(&phasor.cos))
        }
    }
}

/// Cosines of the four phases, then their sines, `[B, 8, T, F]`. A phase that is not there is 0.
pub(super) fn cos_sin(spectrum: &Spectrum, bank: &Bank) -> Tensor {
    let phasor = spectrum.phasor();
    bank.apply(&Tensor::cat(&[&phasor.cos + (1.0 - &phasor.present), phasor.sin.shallow_clone()], 1))
}

/// Cosines of the phase differences angle(c conj(w)) for c = Y, Z, X, then their sines, `[B, 6, T, F]`. A difference to
/// nothing is 0.
pub(super) fn to_omni(spectrum: &Spectrum, bank: &Bank) -> Tensor {
    let phasor = spectrum.phasor();
    let (omni, dipoles) = (Spectrum::omni, Spectrum::dipoles);
    let absent = 1.0 - omni(&phasor.present) * dipoles(&phasor.present);
    let cos = omni(&phasor.cos) * dipoles(&phasor.cos) + omni(&phasor.sin) * dipoles(&phasor.sin);
    let sin = omni(&phasor.cos) * dipoles(&phasor.sin) - omni(&phasor.sin) * dipoles(&phasor.cos);
    bank.apply(&Tensor::cat(&[cos + absent, sin], 1))
}
