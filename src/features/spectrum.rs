//! The transform of a batch of waveforms, and what several descriptors need of it.

use std::cell::OnceCell;

use tch::{Kind, Tensor};

use crate::audio::{PairStft, Planes};
use crate::torch_ext;

/// Transforms of the four channels W, Y, Z, X, `[B, 4, T, K]` each.
pub(super) struct Spectrum {
    /// Real part.
    pub(super) real: Tensor,
    /// Imaginary part.
    pub(super) imag: Tensor,
    power: OnceCell<Tensor>,
    phasor: OnceCell<Phasor>,
}

/// Points on the unit circle with the phase of a spectrum.
pub(super) struct Phasor {
    /// `[B, 4, T, K]`; 0 where the spectrum is zero.
    pub(super) cos: Tensor,
    /// `[B, 4, T, K]`; 0 where the spectrum is zero.
    pub(super) sin: Tensor,
    /// `[B, 4, T, K]`: 0 where the spectrum is zero, else 1.
    pub(super) present: Tensor,
}

impl Spectrum {
    /// From the parts of a transform.
    pub(super) fn new(real: Tensor, imag: Tensor) -> Self {
        Self { real, imag, power: OnceCell::new(), phasor: OnceCell::new() }
    }

    /// The transform of `frames` frames of one waveform, computed on the CPU: four channels of padded samples, from the
    /// first frame on.
    pub(super) fn on_cpu(stft: &PairStft, channels: [&[f32]; 4], frames: i64) -> Self {
        let plane = frames as usize * stft.bins();
        let all = torch_ext::filled(&[3, 4, frames, stft.bins() as i64], |values| {
            let (real, rest) = values.split_at_mut(4 * plane);
            let (imag, power) = rest.split_at_mut(4 * plane);
            let pairs = real.chunks_exact_mut(2 * plane).zip(imag.chunks_exact_mut(2 * plane));
            let pairs = pairs.zip(power.chunks_exact_mut(2 * plane)).zip(channels.chunks_exact(2));
            for (((real, imag), power), channels) in pairs {
                let ((r0, r1), (i0, i1)) = (real.split_at_mut(plane), imag.split_at_mut(plane));
                let (p0, p1) = power.split_at_mut(plane);
                stft.transform(
                    [channels[0], channels[1]],
                    Planes { real: r0, imag: i0, power: p0 },
                    Planes { real: r1, imag: i1, power: p1 },
                );
            }
        });
        let part = |index| all.select(0, index).unsqueeze(0);
        let spectrum = Self::new(part(0), part(1));
        let _ = spectrum.power.set(part(2));
        spectrum
    }

    /// Squared magnitude `[B, 4, T, K]`.
    pub(super) fn power(&self) -> &Tensor {
        self.power.get_or_init(|| (&self.real * &self.real).addcmul_(&self.imag, &self.imag))
    }

    /// Its phase on the unit circle.
    pub(super) fn phasor(&self) -> &Phasor {
        self.phasor.get_or_init(|| {
            // Not the root of the power, which is zero for very quiet sounds already.
            let length = self.real.hypot(&self.imag);
            let present = length.sign();
            // Where there is nothing, 0 / 1.
            let length = length + (1.0 - &present);
            Phasor { cos: &self.real / &length, sin: &self.imag / &length, present }
        })
    }

    /// The omnidirectional channel of one of the parts, `[B, 1, T, K]`.
    pub(super) fn omni(part: &Tensor) -> Tensor {
        part.narrow(1, 0, 1)
    }

    /// The dipoles Y, Z, X of one of the parts, `[B, 3, T, K]`.
    pub(super) fn dipoles(part: &Tensor) -> Tensor {
        part.narrow(1, 1, 3)
    }

    /// Power of the dipoles together, `[B, 1, T, K]`.
    pub(super) fn dipole_power(&self) -> Tensor {
        Self::dipoles(self.power()).sum_dim_intlist([1].as_slice(), true, Kind::Float)
    }
}
