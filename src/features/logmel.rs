//! Log-mel power.

use tch::Tensor;

/// Power below this counts as this: -100 dB.
const FLOOR: f64 = 1e-10;

/// 10 log10(max(1e-10, |S|^2 M)) in dB: power `[B, C, T, K]`, mel matrix M `[K, F]`, result `[B, C, T, F]`.
///
/// As in the baselines of DCASE 2022 and 2023, without their floor 80 dB below the loudest value of the file:
/// that needs the whole file.
pub(super) fn logmel(power: &Tensor, mel: &Tensor) -> Tensor {
    power.matmul(mel).clamp_min(FLOOR).log10() * 10.0
}
