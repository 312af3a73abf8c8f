//! Four-channel signals, and fast convolution with four-channel impulse responses that may change.
//!
//! Uniformly partitioned overlap-add (T. G. Stockham, AFIPS 1966): the response is cut into blocks as long as
//! those of the signal, each is transformed once, and a block of the signal costs one transform to and four
//! transforms back, however long the response. A block's size grows with the response, so that the transforms
//! and the products over partitions cost about the same.

use std::collections::HashMap;
use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex32;

/// Four channels of samples, W, Y, Z, X.
pub type Foa = [Vec<f32>; 4];

/// Four silent channels.
pub(super) fn silence(length: usize) -> Foa {
    std::array::from_fn(|_| vec![0.0; length])
}

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

/// A real transform of one size, both ways, with its work space.
#[derive(Clone)]
pub(super) struct RealFft {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    samples: Vec<f32>,
    scratch: Vec<Complex32>,
}

impl RealFft {
    /// A transform of `size` samples, which must be even.
    pub(super) fn new(size: usize) -> Self {
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        Self { forward, inverse, samples: vec![0.0; size], scratch: vec![Complex32::default(); scratch] }
    }

    /// Number of complex values in a spectrum.
    pub(super) fn bins(&self) -> usize {
        self.samples.len() / 2 + 1
    }

    /// The spectrum of what `fill` writes into a block of silence.
    pub(super) fn forward(&mut self, spectrum: &mut [Complex32], fill: impl FnOnce(&mut [f32])) {
        self.samples.fill(0.0);
        fill(&mut self.samples);
        let scratch = &mut self.scratch[..self.forward.get_scratch_len()];
        self.forward
            .process_with_scratch(&mut self.samples, spectrum, scratch)
            .expect("this is a bug: the transform made these buffers");
    }

    /// The signal of a spectrum, times the size of the transform. The spectrum is used up.
    pub(super) fn inverse(&mut self, spectrum: &mut [Complex32]) -> &mut [f32] {
        // A real signal has real values there; rounding may have left something.
        spectrum[0].im = 0.0;
        spectrum[self.samples.len() / 2].im = 0.0;
        let scratch = &mut self.scratch[..self.inverse.get_scratch_len()];
        self.inverse
            .process_with_scratch(spectrum, &mut self.samples, scratch)
            .expect("this is a bug: the transform made these buffers");
        &mut self.samples
    }
}

/// A response cut into blocks, transformed: partition, channel, bin.
struct Partitions(Vec<[Vec<Complex32>; 4]>);

/// Fast convolution; keeps its transforms.
#[derive(Default)]
pub(super) struct Convolver {
    transforms: HashMap<usize, RealFft>,
}

impl Convolver {
    /// Convolves a mono signal with an FOA response. The output has `signal + response - 1` samples.
    pub(super) fn convolve(&mut self, signal: &[f32], response: &Foa) -> Foa {
        let taps = response[0].len();
        if signal.is_empty() || taps == 0 {
            return Foa::default();
        }
        // About four partitions; short signals need no long blocks.
        let block = (taps / 4).max(256).min(signal.len().max(taps / 16)).next_power_of_two();
        let transform = self.transform(2 * block);
        let partitions = partition(transform, response, block);
        let mut sum = Accumulator::new(transform.bins(), partitions.0.len(), signal.len() + taps - 1);
        let mut spectrum = vec![Complex32::default(); transform.bins()];
        for chunk in signal.chunks(block) {
            transform.forward(&mut spectrum, |samples| samples[..chunk.len()].copy_from_slice(chunk));
            sum.add(&spectrum, &partitions);
            sum.finish_block(transform);
        }
        sum.finish(transform)
    }

    /// Convolves a mono signal with a response that changes, and with one that does not (`lasting`, which may be
    /// empty): at sample `k * hop` the first is `response(k)`, and between two of them the signal fades from the one
    /// to the other. `hop` must be a power of two; all `response`s must have one length. The output has
    /// `signal + longest response - 1` samples.
    pub(super) fn convolve_changing(
        &mut self,
        signal: &[f32],
        hop: usize,
        lasting: &Foa,
        mut response: impl FnMut(usize) -> Foa,
    ) -> Foa {
        let first = response(0);
        let taps = first[0].len().max(lasting[0].len());
        if signal.is_empty() || taps == 0 {
            return Foa::default();
        }
        let transform = self.transform(2 * hop);
        let lasting = partition(transform, lasting, hop);
        let mut before = partition(transform, &first, hop);
        let most = before.0.len().max(lasting.0.len());
        let mut sum = Accumulator::new(transform.bins(), most, signal.len() + taps - 1);
        let mut falling = vec![Complex32::default(); transform.bins()];
        let mut rising = falling.clone();
        for (index, chunk) in signal.chunks(hop).enumerate() {
            let after = partition(transform, &response(index + 1), hop);
            let rise = |n: usize| n as f32 / hop as f32;
            transform.forward(&mut falling, |samples| {
                samples.iter_mut().zip(chunk).enumerate().for_each(|(n, (s, x))| *s = (1.0 - rise(n)) * x);
            });
            sum.add(&falling, &before);
            transform.forward(&mut rising, |samples| {
                samples.iter_mut().zip(chunk).enumerate().for_each(|(n, (s, x))| *s = rise(n) * x);
            });
            sum.add(&rising, &after);
            // The two parts of the signal add up to the signal.
            falling.iter_mut().zip(&rising).for_each(|(sum, x)| *sum += x);
            sum.add(&falling, &lasting);
            sum.finish_block(transform);
            before = after;
        }
        sum.finish(transform)
    }

    fn transform(&mut self, size: usize) -> &mut RealFft {
        self.transforms.entry(size).or_insert_with(|| RealFft::new(size))
    }
}

fn partition(transform: &mut RealFft, response: &Foa, block: usize) -> Partitions {
    let scale = 0.5 / block as f32;
    let starts = (0..response[0].len()).step_by(block);
    let part = |start: usize| {
        response.each_ref().map(|channel| {
            let taps = &channel[start..channel.len().min(start + block)];
            let mut spectrum = vec![Complex32::default(); block + 1];
            transform.forward(&mut spectrum, |samples| {
                samples.iter_mut().zip(taps).for_each(|(s, tap)| *s = scale * tap);
            });
            spectrum
        })
    };
    Partitions(starts.map(part).collect())
}

/// Sums products of spectra for the blocks of output to come, and turns them into samples in order.
struct Accumulator {
    /// Spectra of the output blocks from `next_block` on, in a ring.
    pending: Vec<[Vec<Complex32>; 4]>,
    next_block: usize,
    output: Foa,
}

impl Accumulator {
    fn new(bins: usize, partitions: usize, length: usize) -> Self {
        let empty: [Vec<Complex32>; 4] = std::array::from_fn(|_| vec![Complex32::default(); bins]);
        Self { pending: vec![empty; partitions], next_block: 0, output: silence(length) }
    }

    /// Adds what a block of the signal, at `next_block`, leaves in this and the following blocks of output.
    fn add(&mut self, signal: &[Complex32], response: &Partitions) {
        let slots = self.pending.len();
        for (number, partition) in response.0.iter().enumerate() {
            let sums = &mut self.pending[(self.next_block + number) % slots];
            for (sum, taps) in sums.iter_mut().zip(partition) {
                for ((sum, x), h) in sum.iter_mut().zip(signal).zip(taps) {
                    *sum += x * h;
                }
            }
        }
    }

    fn finish_block(&mut self, transform: &mut RealFft) {
        let slot = self.next_block % self.pending.len();
        let start = self.next_block * (transform.bins() - 1);
        for (output, spectrum) in self.output.iter_mut().zip(&mut self.pending[slot]) {
            if start < output.len() {
                let samples = transform.inverse(spectrum);
                output[start..].iter_mut().zip(samples).for_each(|(sum, x)| *sum += *x);
            }
            spectrum.fill(Complex32::default());
        }
        self.next_block += 1;
    }

    fn finish(mut self, transform: &mut RealFft) -> Foa {
        for _ in 1..self.pending.len() {
            self.finish_block(transform);
        }
        self.output
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

    fn response(taps: usize, first: usize) -> Foa {
        let noise = white(taps + first + 3);
        std::array::from_fn(|c| noise[first + c..first + c + taps].to_vec())
    }

    #[test]
    fn convolution_is_the_sum_of_products() {
        for (length, taps) in [(5_000, 300), (700, 3_000), (3, 5_000), (9_000, 1)] {
            let (signal, response) = (white(length), response(taps, 0));
            let fast = Convolver::default().convolve(&signal, &response);
            for (channel, h) in fast.iter().zip(&response) {
                assert_eq!(channel.len(), length + taps - 1);
                for n in (0..channel.len()).step_by(97).chain([channel.len() - 1]) {
                    let slow: f32 =
                        (0..taps).filter(|k| n >= *k && n - k < length).map(|k| h[k] * signal[n - k]).sum();
                    assert!((channel[n] - slow).abs() < 2e-3, "{n}: {} {slow}", channel[n]);
                }
            }
        }
    }

    #[test]
    fn a_changing_response_fades_between_its_states() {
        const HOP: usize = 256;
        let signal = white(1_000);
        let states: Vec<Foa> = (0..5).map(|k| response(700, 11 * k)).collect();
        let lasting = response(900, 5);
        let fast = Convolver::default().convolve_changing(&signal, HOP, &lasting, |k| states[k].clone());
        assert_eq!(fast[2].len(), 1_899);
        let alone = Convolver::default().convolve(&signal, &lasting);
        for n in (0..1_699).step_by(31) {
            let slow: f32 = (0..700)
                .filter(|k| n >= *k && n - k < signal.len())
                .map(|k| {
                    let (state, rise) = ((n - k) / HOP, ((n - k) % HOP) as f32 / HOP as f32);
                    let tap = (1.0 - rise) * states[state][2][k] + rise * states[state + 1][2][k];
                    tap * signal[n - k]
                })
                .sum();
            let slow = slow + alone[2][n];
            assert!((fast[2][n] - slow).abs() < 4e-3, "{n}: {} {slow}", fast[2][n]);
        }
    }
}
