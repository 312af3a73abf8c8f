//! Delays by a fraction of a sample, fixed and changing.

use wide::f32x4;

use super::convolve::Foa;

/// Half the length of the fractional delay filter, in samples.
const HALF_TAPS: usize = 12;
/// Taps of the fractional delay filter.
const TAPS: usize = 2 * HALF_TAPS;
/// Fractions of a sample for which the filter is computed; between two it is interpolated.
const FRACTIONS: usize = 128;
/// Taps that are computed at a time.
const LANES: usize = 4;
/// Their number in a filter.
const VECTORS: usize = TAPS / LANES;
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

/// The delay filter at one of the fractions, in the order of the signal's samples.
struct Filter {
    taps: [f32x4; VECTORS],
    /// What has to be added for the taps of the next fraction.
    rise: [f32x4; VECTORS],
}

/// A delay line whose delay and gains change smoothly: what is heard of a source that moves, Doppler shift
/// included.
pub(super) struct DelayLine {
    filters: Vec<Filter>,
}

impl DelayLine {
    /// A delay line.
    pub(super) fn new() -> Self {
        let taps = |i: usize| -> [f32x4; VECTORS] {
            let taps = fractional_delay(i as f64 / FRACTIONS as f64);
            // The last tap belongs to the earliest sample.
            let tap = |place: usize| taps[TAPS - 1 - place];
            std::array::from_fn(|vector| f32x4::new(std::array::from_fn(|lane| tap(vector * LANES + lane))))
        };
        let filter = |i: usize| {
            let (taps, next) = (taps(i), taps(i + 1));
            Filter { taps, rise: std::array::from_fn(|vector| next[vector] - taps[vector]) }
        };
        Self { filters: (0..FRACTIONS).map(filter).collect() }
    }

    /// Plays `signal` and adds it to `output`, whose channels must have one length; `at(n)` gives the delay in
    /// samples, and the gains of the four channels, that hold when sample `n` of the output is heard.
    pub(super) fn play(&self, signal: &[f32], output: &mut Foa, at: impl Fn(usize) -> (f64, [f64; 4])) {
        // Zeros around the signal, so that the filter always finds its samples.
        let padded = [&[0.0; TAPS][..], signal, &[0.0; TAPS]].concat();
        let length = output[0].len();
        let mut values = [0.0; CONTROL];
        let elapsed: [f32; CONTROL] = std::array::from_fn(|n| n as f32);
        let mut before = at(0);
        for start in (0..length).step_by(CONTROL) {
            let after = at(start + CONTROL);
            let block = start..(start + CONTROL).min(length);
            let pace = 1.0 - (after.0 - before.0) / CONTROL as f64;
            self.read(&padded, start as f64 - before.0, pace, &mut values[..block.len()]);
            for (channel, samples) in output.iter_mut().enumerate() {
                let gain = before.1[channel] as f32;
                let rise = (after.1[channel] - before.1[channel]) as f32 / CONTROL as f32;
                for ((sum, value), n) in samples[block.clone()].iter_mut().zip(&values).zip(&elapsed) {
                    *sum += (gain + rise * n) * value;
                }
            }
            before = after;
        }
    }

    /// The signal at `values.len()` places between its samples, from `position` on and `pace` apart; `padded` has
    /// `TAPS` zeros before and after it.
    fn read(&self, padded: &[f32], position: f64, pace: f64, values: &mut [f32]) {
        // Single precision is enough within a block, and quicker to round.
        let whole = position.floor();
        let (begin, pace) = ((position - whole) as f32, pace as f32);
        let origin = whole as i64 + (TAPS - HALF_TAPS + 1) as i64;
        for (n, value) in values.iter_mut().enumerate() {
            let ahead = begin + pace * n as f32;
            // Positive, so that the cast rounds it down: nothing moves faster than sound.
            let steps = ahead as i32;
            let first = usize::try_from(origin + i64::from(steps)).unwrap_or(usize::MAX);
            let samples = padded.get(first..).and_then(|samples| samples.first_chunk::<TAPS>());
            *value = samples.map_or(0.0, |samples| self.interpolate(samples, ahead - steps as f32));
        }
    }

    /// The signal at `fraction` after the middle of `samples`.
    fn interpolate(&self, samples: &[f32; TAPS], fraction: f32) -> f32 {
        // The sample at `whole + fraction` is the signal delayed by `1 - fraction` and advanced by one.
        let place = (1.0 - fraction) * FRACTIONS as f32;
        let index = (place as usize).min(FRACTIONS - 1);
        let share = place - index as f32;
        let Filter { taps, rise } = &self.filters[index];
        let (mut low, mut up) = (f32x4::ZERO, f32x4::ZERO);
        for ((samples, taps), rise) in samples.as_chunks::<LANES>().0.iter().zip(taps).zip(rise) {
            let samples = f32x4::new(*samples);
            low += *taps * samples;
            up += *rise * samples;
        }
        (low + up * share).reduce_add()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::convolve::silence;

    fn sine(length: usize, shift: f64) -> Vec<f32> {
        (0..length).map(|n| (0.7 * (n as f64 - shift)).sin() as f32).collect()
    }

    #[test]
    fn delays_by_fractions_of_a_sample() {
        let signal = sine(400, 0.0);
        for delay in [20.0, 20.25, 33.5, 40.99] {
            let expected = sine(400, delay);
            let mut played = silence(400);
            DelayLine::new().play(&signal, &mut played, |_| (delay, [1.0, 0.5, 0.0, -1.0]));
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
        let mut played = silence(3_000);
        DelayLine::new().play(&signal, &mut played, |n| (100.0 - 0.01 * n as f64, [1.0; 4]));
        for (n, x) in played[1].iter().enumerate().skip(200) {
            let expected = (0.7 * (1.01 * n as f64 - 100.0)).sin() as f32;
            assert!((x - expected).abs() < 3e-3, "{n}");
        }
    }
}
