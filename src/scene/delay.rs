//! Delays by a fraction of a sample, fixed and changing.

use super::convolve::{Foa, silence};

/// Half the length of the fractional delay filter, in samples.
const HALF_TAPS: usize = 12;
/// Taps of the fractional delay filter.
const TAPS: usize = 2 * HALF_TAPS;
/// Fractions of a sample for which the filter is computed; between two it is interpolated.
const FRACTIONS: usize = 128;
/// Taps that are computed at a time; a divisor of [`TAPS`].
const LANES: usize = 8;
/// Samples between two places where a changing delay is asked for: 2.7 ms.
const CONTROL: usize = 64;

/// A Hann-windowed sinc: tap `i` belongs to the sample `i - HALF_TAPS + 1` before the whole delay.
fn fractional_delay(fraction: f64) -> [f32; TAPS] {
    std::array::from_fn(|i| {
        let x = i as f64 - (HALF_TAPS - 1) as f64 - fraction;
        let angle = std::f64::consts::PI * x;
        let sinc = if x.abs() < 1e-9 { 1.0 } else { angle.sin() / angle };
        let reach = HALF_TAPS as f64;
        if x.abs() >= reach { 0.0 } else { (sinc * (0.5 + 0.5 * (angle / reach).cos())) as f32 }
    })
}

/// Adds an impulse of the given gains, `delay` samples after the start, to a response.
pub(super) fn add_impulse(response: &mut Foa, delay: f64, gains: [f64; 4]) {
    let whole = delay.floor() as usize;
    for (i, tap) in fractional_delay(delay.fract()).into_iter().enumerate() {
        // A delay shorter than the filter is long loses the filter's first taps.
        let Some(n) = (whole + i + 1).checked_sub(HALF_TAPS) else { continue };
        for (channel, gain) in response.iter_mut().zip(gains) {
            if let Some(sample) = channel.get_mut(n) {
                *sample += gain as f32 * tap;
            }
        }
    }
}

/// A delay line whose delay and gains change smoothly: what is heard of a source that moves, Doppler shift
/// included.
pub(super) struct DelayLine {
    /// By fraction, in the order of the signal's samples.
    filters: Vec<[f32; TAPS]>,
}

impl DelayLine {
    /// A delay line.
    pub(super) fn new() -> Self {
        let filter = |i: usize| {
            let mut taps = fractional_delay(i as f64 / FRACTIONS as f64);
            // The last tap belongs to the earliest sample.
            taps.reverse();
            taps
        };
        Self { filters: (0..=FRACTIONS).map(filter).collect() }
    }

    /// Plays `signal`; `at(n)` gives the delay in samples, and the gains of the four channels, that hold when
    /// sample `n` of the output is heard. The output has `length` samples.
    pub(super) fn play(&self, signal: &[f32], length: usize, at: impl Fn(usize) -> (f64, [f64; 4])) -> Foa {
        let mut output = silence(length);
        // Zeros around the signal, so that the filter always finds its samples.
        let padded = [&[0.0; TAPS][..], signal, &[0.0; TAPS]].concat();
        let mut before = at(0);
        for start in (0..length).step_by(CONTROL) {
            let after = at(start + CONTROL);
            let step = (after.0 - before.0) / CONTROL as f64;
            let gains: [f32; 4] = before.1.map(|gain| gain as f32);
            let rise: [f32; 4] = std::array::from_fn(|c| (after.1[c] - before.1[c]) as f32 / CONTROL as f32);
            for n in start..(start + CONTROL).min(length) {
                let elapsed = n - start;
                let value = self.read(&padded, n as f64 - (before.0 + step * elapsed as f64));
                for (channel, samples) in output.iter_mut().enumerate() {
                    samples[n] = (gains[channel] + rise[channel] * elapsed as f32) * value;
                }
            }
            before = after;
        }
        output
    }

    /// The signal at a place between its samples; `padded` has `TAPS` zeros before and after it.
    fn read(&self, padded: &[f32], position: f64) -> f32 {
        // From here on positions are positive, so that a cast rounds them down.
        let shifted = position + (TAPS - HALF_TAPS + 1) as f64;
        let first = shifted as usize;
        if shifted < 1.0 || first + TAPS > padded.len() {
            return 0.0;
        }
        // The sample at `whole + fraction` is the signal delayed by `1 - fraction` and advanced by one.
        let place = (1.0 - (shifted - first as f64)) * FRACTIONS as f64;
        let index = (place as usize).min(FRACTIONS - 1);
        let share = (place - index as f64) as f32;
        let (low, high) = (&self.filters[index], &self.filters[index + 1]);
        let samples = &padded[first..first + TAPS];
        // Several sums side by side, so that the processor's vector units can be used.
        let mut sums = [0.0_f32; LANES];
        for lane in (0..TAPS).step_by(LANES) {
            for (i, sum) in sums.iter_mut().enumerate() {
                let tap = low[lane + i] + share * (high[lane + i] - low[lane + i]);
                *sum += tap * samples[lane + i];
            }
        }
        sums.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(length: usize, shift: f64) -> Vec<f32> {
        (0..length).map(|n| (0.7 * (n as f64 - shift)).sin() as f32).collect()
    }

    #[test]
    fn delays_by_fractions_of_a_sample() {
        let signal = sine(400, 0.0);
        for delay in [20.0, 20.25, 33.5, 40.99] {
            let expected = sine(400, delay);
            let played = DelayLine::new().play(&signal, 400, |_| (delay, [1.0, 0.5, 0.0, -1.0]));
            let mut response = silence(80);
            add_impulse(&mut response, delay, [1.0, 0.5, 0.0, -1.0]);
            let convolved = crate::scene::convolve::Convolver::default().convolve(&signal, &response);
            for n in 100..380 {
                assert!((played[0][n] - expected[n]).abs() < 2e-3, "{delay}: {n}");
                assert!((convolved[0][n] - expected[n]).abs() < 2e-3, "{delay}: {n}");
                assert!((played[3][n] + expected[n]).abs() < 2e-3 && played[2][n] == 0.0);
            }
        }
    }

    #[test]
    fn a_shrinking_delay_raises_the_pitch() {
        let signal = sine(4_000, 0.0);
        let played = DelayLine::new().play(&signal, 3_000, |n| (100.0 - 0.01 * n as f64, [1.0; 4]));
        for (n, x) in played[1].iter().enumerate().skip(200) {
            let expected = (0.7 * (1.01 * n as f64 - 100.0)).sin() as f32;
            assert!((x - expected).abs() < 3e-3, "{n}");
        }
    }
}
