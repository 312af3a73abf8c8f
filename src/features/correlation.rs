//! How the channels go together: generalised cross-correlation and spatial covariance.

use tch::{Kind, Tensor};

use super::filterbank::Bank;
use super::spectrum::Spectrum;

/// The six pairs of channels.
const FIRST: [i64; 6] = [0, 0, 0, 1, 1, 2];
const SECOND: [i64; 6] = [1, 2, 3, 2, 3, 3];
/// Keeps silent bands finite.
const EPSILON: f64 = 1e-8;

/// Generalised cross-correlation with phase transform (C. Knapp, G. Carter, 1976) of all pairs, `[B, 6, T, lags]`, lags
/// from `-lags / 2` on.
///
/// FOA channels coincide, so that there is no delay between them: what is left is the sign of their correlation, at lag
/// 0, and how sharp it is. The baselines' code, made for microphones, does the same.
pub(super) fn gcc_phat(spectrum: &Spectrum, n_fft: i64, lags: i64) -> Tensor {
    let phasor = spectrum.phasor();
    let first = |x: &Tensor| pairs(x, &FIRST);
    let second = |x: &Tensor| pairs(x, &SECOND);
    // Nothing has phase 0.
    let absent = 1.0 - first(&phasor.present) * second(&phasor.present);
    let real = first(&phasor.cos) * second(&phasor.cos) + first(&phasor.sin) * second(&phasor.sin) + absent;
    let imag = first(&phasor.cos) * second(&phasor.sin) - first(&phasor.sin) * second(&phasor.cos);
    let correlation = Tensor::complex(&real, &imag).fft_irfft(n_fft, -1, "backward");
    let negative = lags / 2;
    Tensor::cat(
        &[correlation.narrow(-1, n_fft - negative, negative), correlation.narrow(-1, 0, lags - negative)],
        -1,
    )
}

/// Spatial covariance in bands over its trace, `[B, 16, T, F]`: the powers of W, Y, Z, X, then the real parts of
/// a conj(b) for the six pairs, then their imaginary parts.
pub(super) fn covariance(spectrum: &Spectrum, bank: &Bank) -> Tensor {
    let (real, imag) = products(spectrum);
    let all = bank.apply(&Tensor::cat(&[spectrum.power().shallow_clone(), real, imag], 1));
    let trace = all.narrow(1, 0, 4).sum_dim_intlist([1].as_slice(), true, Kind::Float);
    all / (trace + EPSILON)
}

/// Real and imaginary parts of a conj(b) for the six pairs, `[B, 6, T, K]` each.
pub(super) fn products(spectrum: &Spectrum) -> (Tensor, Tensor) {
    let first = |x: &Tensor| pairs(x, &FIRST);
    let second = |x: &Tensor| pairs(x, &SECOND);
    let (re, im) = (&spectrum.real, &spectrum.imag);
    (
        (first(re) * second(re)).addcmul(&first(im), &second(im)),
        first(im) * second(re) - first(re) * second(im),
    )
}

/// The channels `index` of `[B, 4, T, K]`, as views put together.
fn pairs(x: &Tensor, index: &[i64; 6]) -> Tensor {
    Tensor::cat(&index.map(|channel| x.narrow(1, channel, 1)), 1)
}
