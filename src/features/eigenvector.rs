//! Where the spatial covariance points: the directional part of SALSA for FOA (T. N. T. Nguyen et al., "SALSA:
//! Spatial cue-augmented log-spectrogram features for polyphonic sound event localization and detection", TASLP 2022,
//! arXiv 2110.00275).

use tch::{Kind, Tensor};

use super::correlation::products;
use super::error::Error;
use super::filterbank::Bank;
use super::hermitian::Hermitian;
use super::spectrum::Spectrum;
use crate::torch_ext::Script;

/// Frames before and after each over which the covariance is averaged.
const REACH: i64 = 3;
/// Frames, up to the present one, over which the power of W is averaged.
const POWER_FRAMES: i64 = 3;
/// Lowest and highest frequency that is looked at, in Hz.
const FMIN_HZ: f64 = 50.0;
const FMAX_HZ: f64 = 9000.0;
/// How much the first singular value must exceed the second where one source dominates.
const DOMINANCE: f64 = 5.0;

/// Squarings for the first eigenvector: where it dominates, 5^-32 is left of the others.
const FIRST_SQUARINGS: usize = 5;
/// Squarings for the second eigenvalue, which the third may equal: its mean with that is a tenth of a percent too small
/// at most.
const SECOND_SQUARINGS: usize = 8;
/// Squarings for the first eigenvector where another is nearly as strong.
const EVERYWHERE_SQUARINGS: usize = 16;

/// Follows the floor of the noise in every bin, and says where the magnitude is clearly above it. A loop over frames,
/// each depending on the one before, is written in TorchScript so that a traced graph keeps it as a loop.
const ABOVE_FLOOR: &str = "
def above_floor(magnitude: Tensor) -> Tensor:
    floor = 0.5 * magnitude[:, :5].mean(1)
    countdown = torch.full_like(floor, 3.0)
    above: List[Tensor] = []
    for frame in range(magnitude.size(1)):
        now = magnitude[:, frame]
        louder = now > floor
        countdown = torch.where(louder, countdown - 1.0, torch.full_like(floor, 3.0))
        rise = torch.where(countdown < 0.0, torch.full_like(floor, 1.002), torch.full_like(floor, 1.02))
        floor = (floor * torch.where(louder, rise, torch.full_like(floor, 0.98))).clamp_min(1e-6)
        above.append(now > 1.5 * floor)
    return torch.stack(above, 1)
";

/// Computes it.
#[derive(Debug)]
pub(super) struct Eigenvector {
    /// First bin, and one past the last.
    bins: (i64, i64),
    all_bins: i64,
    above_floor: Script,
}

impl Eigenvector {
    /// For transforms of `n_fft` samples.
    pub(super) fn new(n_fft: i64, sample_rate: u32) -> Result<Self, Error> {
        let bin = |hz: f64| (hz * n_fft as f64 / f64::from(sample_rate)).floor() as i64;
        let last = bin(FMAX_HZ).min(n_fft / 2);
        let above_floor = Script::compile(ABOVE_FLOOR, "above_floor")?;
        Ok(Self { bins: (bin(FMIN_HZ).max(1), last), all_bins: n_fft / 2 + 1, above_floor })
    }

    /// Fewest frames that it needs.
    pub(super) const FRAMES: i64 = 5;

    /// `[B, 3, T, F]` in the order Y, Z, X: length 1 in bins where one source dominates and W is above the noise, else
    /// zero; in bands, the mean of that.
    pub(super) fn forward(&self, spectrum: &Spectrum, bank: &Bank) -> Tensor {
        let (first, end) = self.bins;
        let (vector, dominant) = self.principal(spectrum);
        let power = spectrum.power().select(1, 0).slice(-1, first, end, 1);
        let magnitude = mean_of_past(&power).sqrt();
        let used = self.above_floor.call(&magnitude).logical_and(&dominant).unsqueeze(1);
        self.in_bands(&(vector * used), bank)
    }

    /// The same in all bins, also where no source dominates: a smooth quantity, which is easier to compare.
    pub(super) fn everywhere(&self, spectrum: &Spectrum, bank: &Bank) -> Tensor {
        let projection = self.covariance(spectrum).projection(EVERYWHERE_SQUARINGS);
        self.in_bands(&direction(&projection), bank)
    }

    fn in_bands(&self, vector: &Tensor, bank: &Bank) -> Tensor {
        let (first, end) = self.bins;
        bank.apply(&vector.constant_pad_nd([first, self.all_bins - end]))
    }

    /// Real part of the principal eigenvector's Y, Z, X over its W, at length 1, `[B, 3, T, K]`; and, `[B, T, K]`, whether
    /// its eigenvalue is [`DOMINANCE`] times the next.
    fn principal(&self, spectrum: &Spectrum) -> (Tensor, Tensor) {
        let covariance = self.covariance(spectrum);
        let projection = covariance.projection(FIRST_SQUARINGS);
        let first = covariance.inner(&projection);
        let rest = covariance.minus(&first, &projection);
        let second = rest.inner(&rest.projection(SECOND_SQUARINGS));
        (direction(&projection), first.gt_tensor(&(second * DOMINANCE)))
    }

    /// Mean of X X^H over seven frames, the sequence taken as a ring: `[B, T, K]` each entry.
    fn covariance(&self, spectrum: &Spectrum) -> Hermitian {
        let (first, end) = self.bins;
        let cut = |x: &Tensor| x.slice(-1, first, end, 1);
        let spectrum = Spectrum::new(cut(&spectrum.real), cut(&spectrum.imag));
        let (real, imag) = products(&spectrum);
        let planes = Tensor::cat(&[spectrum.power(), &real, &imag], 1);
        let ring = Tensor::cat(
            &[planes.slice(2, -REACH, None, 1), planes.shallow_clone(), planes.slice(2, 0, REACH, 1)],
            2,
        );
        let mean = ring.avg_pool2d([2 * REACH + 1, 1], [1, 1], [0, 0], false, false, None);
        Hermitian::from_planes(&mean)
    }
}

/// The projection on u has u_0 conj(u) in its first row: it points as u / u_0 does, and is finite when W is silent.
fn direction(projection: &Hermitian) -> Tensor {
    let ratio = projection.first_row();
    let length = (&ratio * &ratio).sum_dim_intlist([1].as_slice(), true, Kind::Float).sqrt();
    ratio / length.clamp_min(1e-20)
}

/// Mean over the present and the frames before it, the sequence taken as a ring: `[B, T, K]`.
fn mean_of_past(x: &Tensor) -> Tensor {
    let ring = Tensor::cat(&[x.slice(1, 1 - POWER_FRAMES, None, 1), x.shallow_clone()], 1);
    ring.unsqueeze(1).avg_pool2d([POWER_FRAMES, 1], [1, 1], [0, 0], false, false, None).squeeze_dim(1)
}
