//! Change of the sample rate of a whole signal.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

/// Least block of the FFT resampler, in input samples: long enough for a steep anti-aliasing filter.
const LEAST_BLOCK: usize = 2048;

/// Resamples one channel from `from_hz` to `to_hz`; the output has `round(n * to / from)` samples and no delay.
///
/// The filter is linear phase, with the transition band just below the lower of the two Nyquist frequencies.
///
/// # Panics
/// A rate of zero.
pub fn resample(samples: &[f32], from_hz: u32, to_hz: u32) -> Vec<f32> {
    assert!(from_hz > 0 && to_hz > 0, "this is a bug: sample rates are checked where they are read");
    if from_hz == to_hz || samples.is_empty() {
        return samples.to_vec();
    }
    let length = (samples.len() as f64 * f64::from(to_hz) / f64::from(from_hz)).round() as usize;
    // An even multiple of the smallest possible block: the delay, half a block, is then whole at both rates.
    let step = 2 * from_hz as usize / greatest_common_divisor(from_hz, to_hz) as usize;
    let block = LEAST_BLOCK.next_multiple_of(step);
    let window = rubato::WindowFunction::BlackmanHarris2;
    let mut resampler =
        Fft::<f32>::new_custom(from_hz as usize, to_hz as usize, block, 1, 1, window, FixedSync::Input)
            .expect("this is a bug: rates and block size are positive");
    let input = InterleavedSlice::new(samples, 1, samples.len()).expect("one channel of this length");
    let mut output = resampler
        .process_all(&input, samples.len(), None)
        .expect("this is a bug: the buffers are sized by the resampler")
        .take_data();
    output.resize(length, 0.0);
    output
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, rate: u32, length: usize) -> Vec<f32> {
        (0..length).map(|n| (std::f64::consts::TAU * hz * n as f64 / f64::from(rate)).sin() as f32).collect()
    }

    #[test]
    fn sines_keep_phase_and_level() {
        for (from, to) in
            [(32_000, 24_000), (44_100, 24_000), (24_000, 16_000), (16_000, 24_000), (11_025, 24_000)]
        {
            for hz in [100.0, 1_000.0, 0.4 * f64::from(from.min(to))] {
                let out = resample(&sine(hz, from, from as usize), from, to);
                assert_eq!(out.len(), to as usize);
                let expected = sine(hz, to, to as usize);
                // The ends see the step from and to silence.
                let inner = to as usize / 10..to as usize * 9 / 10;
                for n in inner {
                    assert!((out[n] - expected[n]).abs() < 2e-3, "{from} to {to} at {hz} Hz: sample {n}");
                }
            }
        }
    }

    #[test]
    fn what_the_new_rate_cannot_hold_is_removed() {
        let out = resample(&sine(15_000.0, 32_000, 32_000), 32_000, 24_000);
        assert!(out[2_000..22_000].iter().all(|x| x.abs() < 1e-3));
    }

    #[test]
    fn length_is_rounded_and_short_signals_work() {
        for length in [0, 1, 2, 7, 1_000, 44_099] {
            let expected = (length as f64 * 24_000.0 / 44_100.0).round() as usize;
            assert_eq!(resample(&vec![0.1; length], 44_100, 24_000).len(), expected);
        }
    }
}
