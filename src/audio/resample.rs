//! Change of the sample rate of a whole signal.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

/// Least block of the FFT resampler, in input samples: long enough for a steep anti-aliasing filter.
const LEAST_BLOCK: usize = 2048;

/// Samples that `samples` become: `round(samples * to / from)`.
pub fn resampled_length(samples: u64, from_hz: u32, to_hz: u32) -> u64 {
    if from_hz == to_hz {
        return samples;
    }
    let (samples, from, to) = (u128::from(samples), u128::from(from_hz), u128::from(to_hz));
    u64::try_from((2 * samples * to + from) / (2 * from).max(1)).unwrap_or(u64::MAX)
}

/// Resamples one channel from `from_hz` to `to_hz`; the output has [`resampled_length`] samples and no delay.
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
    let length = resampled_length(samples.len() as u64, from_hz, to_hz) as usize;
    let mut resampler = by_blocks(from_hz, to_hz);
    let input = InterleavedSlice::new(samples, 1, samples.len()).expect("one channel of this length");
    let mut output = resampler
        .process_all(&input, samples.len(), None)
        .expect("this is a bug: the buffers are sized by the resampler")
        .take_data();
    output.resize(length, 0.0);
    output
}

/// A resampler of one channel that takes [`block`]s.
fn by_blocks(from_hz: u32, to_hz: u32) -> Fft<f32> {
    let window = rubato::WindowFunction::BlackmanHarris2;
    let block = block(from_hz, to_hz);
    Fft::new_custom(from_hz as usize, to_hz as usize, block, 1, 1, window, FixedSync::Input)
        .expect("this is a bug: rates and block size are positive")
}

/// Resamples a recording that comes in pieces of any length. The pieces that come out, one after the other, are what
/// [`resample`] makes of the whole.
pub struct StreamResampler {
    from_hz: u32,
    to_hz: u32,
    /// One a channel; none when the rates are equal.
    resamplers: Vec<Fft<f32>>,
    /// By channel, input that does not fill a block yet.
    waiting: Vec<Vec<f32>>,
    /// Output samples to drop yet: the delay of the filter.
    delay: usize,
    /// Samples a channel taken and given so far.
    taken: u64,
    given: u64,
}

impl std::fmt::Debug for StreamResampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("StreamResampler");
        debug.field("from_hz", &self.from_hz).field("to_hz", &self.to_hz).finish_non_exhaustive()
    }
}

impl StreamResampler {
    /// For so many channels.
    ///
    /// # Panics
    /// A rate of zero.
    pub fn new(from_hz: u32, to_hz: u32, channels: usize) -> Self {
        assert!(from_hz > 0 && to_hz > 0, "this is a bug: sample rates are checked where they are read");
        let resamplers: Vec<Fft<f32>> = match from_hz == to_hz {
            true => Vec::new(),
            false => (0..channels).map(|_| by_blocks(from_hz, to_hz)).collect(),
        };
        let delay = resamplers.first().map_or(0, Resampler::output_delay);
        Self { from_hz, to_hz, resamplers, waiting: vec![Vec::new(); channels], delay, taken: 0, given: 0 }
    }

    /// Seconds that samples wait at most before they come out.
    pub fn latency_s(&self) -> f64 {
        match self.resamplers.first() {
            None => 0.0,
            Some(resampler) => {
                let block_s = f64::from(block(self.from_hz, self.to_hz) as u32) / f64::from(self.from_hz);
                block_s + resampler.output_delay() as f64 / f64::from(self.to_hz)
            }
        }
    }

    /// Takes samples by channel, as many of each, and gives what is ready.
    pub fn push(&mut self, planes: &[impl AsRef<[f32]>]) -> Vec<Vec<f32>> {
        self.taken += planes.first().map_or(0, |plane| plane.as_ref().len()) as u64;
        if self.resamplers.is_empty() {
            return planes.iter().map(|plane| plane.as_ref().to_vec()).collect();
        }
        for (waiting, plane) in self.waiting.iter_mut().zip(planes) {
            waiting.extend_from_slice(plane.as_ref());
        }
        self.run()
    }

    /// The end of the recording: what is left.
    pub fn finish(&mut self) -> Vec<Vec<f32>> {
        let mut rest = vec![Vec::new(); self.waiting.len()];
        if self.resamplers.is_empty() {
            return rest;
        }
        let length = resampled_length(self.taken, self.from_hz, self.to_hz);
        let block = block(self.from_hz, self.to_hz);
        while self.given < length {
            // Silence follows.
            self.waiting.iter_mut().for_each(|waiting| waiting.resize(block, 0.0));
            let more = self.run();
            rest.iter_mut().zip(&more).for_each(|(rest, more)| rest.extend_from_slice(more));
        }
        let surplus = (self.given - length) as usize;
        rest.iter_mut().for_each(|plane| plane.truncate(plane.len() - surplus));
        rest
    }

    /// Resamples all whole blocks that wait.
    fn run(&mut self) -> Vec<Vec<f32>> {
        let block = block(self.from_hz, self.to_hz);
        let whole = self.waiting.first().map_or(0, Vec::len) / block * block;
        let mut planes = Vec::with_capacity(self.waiting.len());
        for (resampler, waiting) in self.resamplers.iter_mut().zip(&mut self.waiting) {
            let mut plane = Vec::new();
            for input in waiting[..whole].chunks_exact(block) {
                let input = InterleavedSlice::new(input, 1, block).expect("one channel of this length");
                let output = resampler
                    .process(&input, None)
                    .expect("this is a bug: the buffers are sized by the resampler");
                plane.extend(output.take_data());
            }
            waiting.drain(..whole);
            planes.push(plane);
        }
        let there = planes.first().map_or(0, Vec::len);
        let drop = self.delay.min(there);
        self.delay -= drop;
        planes.iter_mut().for_each(|plane| {
            plane.drain(..drop);
        });
        self.given += (there - drop) as u64;
        planes
    }
}

/// Input samples that are transformed at a time: an even multiple of the smallest possible block, so that the
/// delay, half a block, is whole at both rates.
fn block(from_hz: u32, to_hz: u32) -> usize {
    let step = 2 * from_hz as usize / greatest_common_divisor(from_hz, to_hz) as usize;
    LEAST_BLOCK.next_multiple_of(step)
}

/// The samples `start..start + out.len() / channels` of what [`resample`] makes of a signal of `samples` samples,
/// channel after channel, from as much of the signal as they depend on; zeros after its end.
///
/// `read` fills its second argument, channel after channel, with the signal from its first argument on, and zeros
/// after the end. So a piece of a long recording costs what it is long, and comes out the same wherever it is cut.
///
/// # Errors
/// What `read` returns.
///
/// # Panics
/// A rate of zero.
pub fn resample_piece<E>(
    (from_hz, to_hz): (u32, u32),
    samples: u64,
    start: u64,
    channels: usize,
    out: &mut [f32],
    read: impl FnOnce(u64, &mut [f32]) -> Result<(), E>,
) -> Result<(), E> {
    if from_hz == to_hz {
        return read(start, out);
    }
    let length = out.len() / channels.max(1);
    let end = resampled_length(samples, from_hz, to_hz).min(start.saturating_add(length as u64));
    let wanted = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
    if wanted == 0 {
        out.fill(0.0);
        return Ok(());
    }
    // An output block depends on its own input block, the one before and the one after. Cut at blocks, the
    // transforms see the same numbers as in the whole signal.
    let block_in = block(from_hz, to_hz) as u64;
    let block_out = block_in * u64::from(to_hz) / u64::from(from_hz);
    let first = (start / block_out).saturating_sub(2);
    let last = end.div_ceil(block_out) + 2;
    let whole = usize::try_from((last - first) * block_in).unwrap_or(usize::MAX);
    let mut input = vec![0.0; channels * whole];
    read(first * block_in, &mut input)?;
    let skip = usize::try_from(start - first * block_out).unwrap_or(usize::MAX);
    for (input, out) in input.chunks_exact(whole).zip(out.chunks_exact_mut(length)) {
        let resampled = resample(input, from_hz, to_hz);
        out[..wanted].copy_from_slice(&resampled[skip..skip + wanted]);
        out[wanted..].fill(0.0);
    }
    Ok(())
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
    fn pieces_are_cut_out_of_the_whole() {
        let mut rng = crate::rng::stream(1, &["resample"]);
        let signal: Vec<f32> = (0..30_000).map(|_| rand::RngExt::random_range(&mut rng, -1.0..1.0)).collect();
        for (from, to) in [(48_000, 24_000), (44_100, 24_000), (16_000, 24_000)] {
            let whole = resample(&signal, from, to);
            for (start, length) in [(0, 500), (1, 4_000), (7_777, 6_000), (whole.len() - 300, 600)] {
                // A second channel of zeros.
                let mut out = vec![9.0; 2 * length];
                let read = |start: u64, out: &mut [f32]| {
                    let half = out.len() / 2;
                    for (n, value) in out[..half].iter_mut().enumerate() {
                        *value = signal.get(start as usize + n).copied().unwrap_or(0.0);
                    }
                    Ok::<(), ()>(())
                };
                resample_piece((from, to), signal.len() as u64, start as u64, 2, &mut out, read).unwrap();
                for (n, value) in out[..length].iter().enumerate() {
                    let expected = whole.get(start + n).copied().unwrap_or(0.0);
                    assert!((value - expected).abs() < 1e-6, "{from} to {to}: sample {start} + {n}");
                }
                assert!(out[length..].iter().all(|x| *x == 0.0));
            }
        }
    }

    #[test]
    fn pieces_that_come_in_make_the_whole() {
        let mut rng = crate::rng::stream(2, &["resample"]);
        let signal: Vec<f32> = (0..30_000).map(|_| rand::RngExt::random_range(&mut rng, -1.0..1.0)).collect();
        for (from, to) in [(48_000, 24_000), (44_100, 24_000), (16_000, 24_000), (24_000, 24_000)] {
            for (length, step) in [(30_000, 700), (30_000, 5_000), (29_999, 30_000), (100, 7)] {
                let signal = &signal[..length];
                let mut resampler = StreamResampler::new(from, to, 2);
                let mut found = [Vec::new(), Vec::new()];
                let mut keep = |planes: Vec<Vec<f32>>| {
                    found.iter_mut().zip(planes).for_each(|(all, plane)| all.extend(plane));
                };
                for piece in signal.chunks(step) {
                    let negative: Vec<f32> = piece.iter().map(|x| -x).collect();
                    keep(resampler.push(&[piece, &negative]));
                }
                keep(resampler.finish());
                assert_eq!(found[0], resample(signal, from, to), "{length} from {from} to {to}");
                assert!(found[0].iter().zip(&found[1]).all(|(a, b)| *a == -b));
            }
        }
    }

    #[test]
    fn length_is_rounded_and_short_signals_work() {
        for length in [0, 1, 2, 7, 1_000, 44_099] {
            let expected = (length as f64 * 24_000.0 / 44_100.0).round() as usize;
            assert_eq!(resample(&vec![0.1; length], 44_100, 24_000).len(), expected);
        }
    }
}
