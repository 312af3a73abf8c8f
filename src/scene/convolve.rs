//! Four-channel signals, and convolution with four-channel impulse responses.

use std::collections::HashMap;
use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

/// Four channels of samples, W, Y, Z, X.
pub(super) type Foa = [Vec<f32>; 4];

/// Adds `part` to `whole`, which grows as needed.
pub(super) fn add(whole: &mut Foa, start: usize, part: &Foa) {
    for (sum, x) in whole.iter_mut().zip(part) {
        if sum.len() < start + x.len() {
            sum.resize(start + x.len(), 0.0);
        }
        for (sum, x) in sum[start..].iter_mut().zip(x) {
            *sum += x;
        }
    }
}

/// Forward and inverse transform of one size.
type Plan = (Arc<dyn Fft<f32>>, Arc<dyn Fft<f32>>);

/// Fast convolution; keeps its FFT plans.
#[derive(Default)]
pub(super) struct Convolver {
    plans: HashMap<usize, Plan>,
}

impl Convolver {
    /// Convolves a mono signal with an FOA response, by overlap-add. The output has
    /// `signal + response - 1` samples.
    pub(super) fn convolve(&mut self, signal: &[f32], response: &Foa) -> Foa {
        let taps = response[0].len();
        if signal.is_empty() || taps == 0 {
            return Default::default();
        }
        let total = signal.len() + taps - 1;
        let size = (4 * taps).next_power_of_two().min(total.next_power_of_two());
        let block = size - taps + 1;
        let (forward, inverse) = self.plan(size);
        let mut scratch = vec![
            Complex32::default();
            forward.get_inplace_scratch_len().max(inverse.get_inplace_scratch_len())
        ];
        // Two real responses ride in one complex transform: the signal is real, so they do not mix.
        let spectra: [Vec<Complex32>; 2] = std::array::from_fn(|pair| {
            let (a, b) = (&response[2 * pair], &response[2 * pair + 1]);
            let mut spectrum: Vec<Complex32> = a.iter().zip(b).map(|(a, b)| Complex32::new(*a, *b)).collect();
            spectrum.resize(size, Complex32::default());
            forward.process_with_scratch(&mut spectrum, &mut scratch);
            spectrum
        });
        let scale = 1.0 / size as f32;
        let mut output: Foa = std::array::from_fn(|_| vec![0.0; total]);
        for (index, part) in signal.chunks(block).enumerate() {
            let mut input: Vec<Complex32> = part.iter().map(|x| Complex32::new(x * scale, 0.0)).collect();
            input.resize(size, Complex32::default());
            forward.process_with_scratch(&mut input, &mut scratch);
            let start = index * block;
            for (pair, spectrum) in spectra.iter().enumerate() {
                let mut product: Vec<Complex32> = input.iter().zip(spectrum).map(|(x, h)| x * h).collect();
                inverse.process_with_scratch(&mut product, &mut scratch);
                let valid = &product[..(part.len() + taps - 1).min(total - start)];
                for (n, value) in valid.iter().enumerate() {
                    output[2 * pair][start + n] += value.re;
                    output[2 * pair + 1][start + n] += value.im;
                }
            }
        }
        output
    }

    fn plan(&mut self, size: usize) -> Plan {
        let plans = self.plans.entry(size).or_insert_with(|| {
            let mut planner = FftPlanner::new();
            (planner.plan_fft_forward(size), planner.plan_fft_inverse(size))
        });
        (plans.0.clone(), plans.1.clone())
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    fn white(length: usize) -> Vec<f32> {
        let mut rng = crate::rng::stream(5, &["white"]);
        (0..length).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    #[test]
    fn convolution_is_the_sum_of_products() {
        let response: Foa = std::array::from_fn(|c| white(300 + c)[c..c + 300].to_vec());
        let signal = white(5_000);
        let fast = Convolver::default().convolve(&signal, &response);
        for (channel, taps) in fast.iter().zip(&response) {
            assert_eq!(channel.len(), 5_299);
            for n in [0, 1, 299, 2_000, 4_999, 5_298] {
                let slow: f32 =
                    (0..300).filter(|k| n >= *k && n - k < 5_000).map(|k| taps[k] * signal[n - k]).sum();
                assert!((channel[n] - slow).abs() < 1e-3, "{n}: {} {slow}", channel[n]);
            }
        }
    }
}
