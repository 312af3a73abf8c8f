//! The short-time Fourier transform on a CPU, of two real channels at a time.
//!
//! The transform of a + i b is A + i B, and A and B come apart by their symmetry (Brigham, The Fast Fourier Transform,
//! section 10-10): one complex transform for two real ones. The window, the separation and the powers are done while a
//! frame is in the processor's nearest cache.

use std::sync::Arc;

use multiversion::multiversion;
use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

/// Transforms frames of one length.
#[derive(Clone)]
pub struct PairStft {
    hop: usize,
    /// Half the window: the separation of two channels halves.
    window: Vec<f32>,
    offset: f32,
    fft: Arc<dyn Fft<f32>>,
}

impl std::fmt::Debug for PairStft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PairStft").field("n_fft", &self.window.len()).field("hop", &self.hop).finish()
    }
}

/// Where the transform of one channel goes, frame after frame, bins 0 to n_fft / 2 each.
#[derive(Debug)]
pub struct Planes<'a> {
    /// Real part.
    pub real: &'a mut [f32],
    /// Imaginary part.
    pub imag: &'a mut [f32],
    /// Squared magnitude.
    pub power: &'a mut [f32],
}

impl<'a> Planes<'a> {
    fn into_parts(self) -> [&'a mut [f32]; 3] {
        [self.real, self.imag, self.power]
    }
}

impl PairStft {
    /// Frames of as many samples as the window has, an even number, `hop` samples apart.
    pub fn new(window: &[f32], hop: usize) -> Self {
        let fft = FftPlanner::new().plan_fft_forward(window.len());
        Self { hop, window: window.iter().map(|weight| 0.5 * weight).collect(), offset: 0.0, fft }
    }

    /// The same, with something added to every sample.
    pub fn with_offset(self, offset: f32) -> Self {
        Self { offset, ..self }
    }

    /// Number of bins of a frame.
    pub fn bins(&self) -> usize {
        self.window.len() / 2 + 1
    }

    /// Transforms two channels: the first frame begins with the first sample, and there are as many frames as the planes
    /// have room for. No scaling.
    ///
    /// # Panics
    /// The channels are too short for that many frames, or planes differ in length.
    pub fn transform(&self, channels: [&[f32]; 2], first: Planes<'_>, second: Planes<'_>) {
        let size = self.window.len();
        let bins = self.bins();
        let mut values = vec![Complex32::default(); size];
        let mut scratch = vec![Complex32::default(); self.fft.get_inplace_scratch_len()];
        let frames = first.real.chunks_exact_mut(bins).zip(first.imag.chunks_exact_mut(bins));
        let frames = frames.zip(first.power.chunks_exact_mut(bins)).zip(second.real.chunks_exact_mut(bins));
        let frames = frames.zip(second.imag.chunks_exact_mut(bins)).zip(second.power.chunks_exact_mut(bins));
        for (index, (((((ar, ai), ap), br), bi), bp)) in frames.enumerate() {
            let [a, b] = channels.map(|samples| &samples[index * self.hop..][..size]);
            join([a, b], &self.window, self.offset, &mut values);
            self.fft.process_with_scratch(&mut values, &mut scratch);
            separate(
                &values,
                Planes { real: ar, imag: ai, power: ap },
                Planes { real: br, imag: bi, power: bp },
            );
            // Rounding would leave some of the one channel in the other: what is silent stays so.
            for (samples, planes) in [(a, [ar, ai, ap]), (b, [br, bi, bp])] {
                if samples.iter().all(|x| *x + self.offset == 0.0) {
                    planes.into_iter().for_each(|plane| plane.fill(0.0));
                }
            }
        }
    }
}

/// One windowed frame of two channels as real and imaginary part.
#[multiversion(targets("x86_64+avx2+fma"))]
fn join(channels: [&[f32]; 2], window: &[f32], offset: f32, values: &mut [Complex32]) {
    let [a, b] = channels;
    for (((value, weight), a), b) in values.iter_mut().zip(window).zip(a).zip(b) {
        *value = Complex32::new(weight * (a + offset), weight * (b + offset));
    }
}

/// One frame of two channels out of the transform of both.
#[multiversion(targets("x86_64+avx2+fma"))]
fn separate(values: &[Complex32], a: Planes<'_>, b: Planes<'_>) {
    let half = values.len() / 2;
    let inner = 1..half;
    let low = &values[inner.clone()];
    let high = &values[half + 1..];
    for bin in [0, half] {
        let Complex32 { re, im } = values[bin] * 2.0;
        (a.real[bin], a.imag[bin], a.power[bin]) = (re, 0.0, re * re);
        (b.real[bin], b.imag[bin], b.power[bin]) = (im, 0.0, im * im);
    }
    let inputs = low.iter().zip(high.iter().rev());
    let [ar, ai, ap] = a.into_parts().map(|part| part[inner.clone()].iter_mut());
    let [br, bi, bp] = b.into_parts().map(|part| part[inner.clone()].iter_mut());
    let (first, second) = (ar.zip(ai).zip(ap), br.zip(bi).zip(bp));
    for (((p, q), ((ar, ai), ap)), ((br, bi), bp)) in inputs.zip(first).zip(second) {
        (*ar, *ai) = (p.re + q.re, p.im - q.im);
        (*br, *bi) = (p.im + q.im, q.re - p.re);
        *ap = *ar * *ar + *ai * *ai;
        *bp = *br * *br + *bi * *bi;
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    const SIZE: usize = 64;
    const BINS: usize = SIZE / 2 + 1;
    const HOP: usize = 24;
    const FRAMES: usize = 5;

    fn planes(channels: [&[f32]; 2], window: &[f32]) -> [[Vec<f32>; 3]; 2] {
        let empty = || [(); 3].map(|()| vec![9.0; BINS * FRAMES]);
        let mut out = [empty(), empty()];
        let [first, second] = out.each_mut().map(|[real, imag, power]| Planes { real, imag, power });
        PairStft::new(window, HOP).transform(channels, first, second);
        out
    }

    #[test]
    fn each_channel_has_its_own_transform() {
        let mut rng = crate::rng::stream(1, &["stft"]);
        let mut noise =
            || (0..HOP * FRAMES + SIZE).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f32>>();
        let channels = [noise(), noise()];
        let window: Vec<f32> = noise()[..SIZE].to_vec();
        let out = planes([&channels[0], &channels[1]], &window);
        for (samples, [real, imag, power]) in channels.iter().zip(&out) {
            for frame in 0..FRAMES {
                for bin in 0..BINS {
                    let terms = (0..SIZE).map(|n| {
                        let angle = -2.0 * std::f64::consts::PI * (n * bin) as f64 / SIZE as f64;
                        let x = f64::from(samples[frame * HOP + n]) * f64::from(window[n]);
                        (x * angle.cos(), x * angle.sin())
                    });
                    let (re, im) = terms.fold((0.0, 0.0), |sum, term| (sum.0 + term.0, sum.1 + term.1));
                    let at = frame * BINS + bin;
                    assert!(
                        (f64::from(real[at]) - re).abs() < 1e-4 && (f64::from(imag[at]) - im).abs() < 1e-4
                    );
                    assert!((f64::from(power[at]) - re * re - im * im).abs() < 1e-2);
                }
            }
        }
    }

    #[test]
    fn a_silent_channel_stays_silent() {
        let loud: Vec<f32> = (0..HOP * FRAMES + SIZE).map(|n| (n as f32 * 0.7).sin()).collect();
        let silent = vec![0.0; loud.len()];
        let out = planes([&loud, &silent], &[1.0; SIZE]);
        assert!(out[1].iter().flatten().all(|value| *value == 0.0));
        assert!(out[0][2].iter().any(|value| *value > 1.0));
    }
}
