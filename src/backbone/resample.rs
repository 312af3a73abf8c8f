//! Resampling by a fixed ratio as one strided convolution, so that it can stand inside a traced network.

use tch::{Device, Kind, TchError, Tensor};

/// Zero crossings of the sinc on each side.
const ZERO_CROSSINGS: f64 = 16.0;
/// Cut-off as a part of the lower Nyquist frequency.
const ROLLOFF: f64 = 0.99;
/// Ratios whose filters need more values than this are refused.
const MOST_WEIGHTS: i64 = 1 << 24;

/// A band-limited resampler: windowed sinc (Hann), one filter for each phase of the output
/// (the design of torchaudio's `sinc_interp_hann`; Smith, "Digital Audio Resampling").
#[derive(Debug)]
pub struct Resampler {
    /// `[to, 1, taps]`; none when the rates are equal.
    filters: Option<Tensor>,
    from: i64,
    to: i64,
    reach: i64,
}

/// Two rates that cannot be turned into each other.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResampleError {
    /// No small ratio of whole numbers.
    #[error("cannot resample from {from} Hz to {to} Hz: the ratio {ratio} has too large terms")]
    Ratio {
        /// Rate of the input, in Hz.
        from: u32,
        /// Rate of the output, in Hz.
        to: u32,
        /// The ratio in lowest terms.
        ratio: String,
    },
    /// libtorch refused an operation.
    #[error("cannot build the resampler: {0}")]
    Torch(#[from] TchError),
}

impl Resampler {
    /// Prepares the filters from one sample rate to another (Hz, above 0) on `device`.
    pub fn new(from_hz: u32, to_hz: u32, device: Device) -> Result<Self, ResampleError> {
        let divisor = i64::from(greatest_common_divisor(from_hz, to_hz)).max(1);
        let (from, to) = (i64::from(from_hz) / divisor, i64::from(to_hz) / divisor);
        if from == to && from > 0 {
            return Ok(Self { filters: None, from, to, reach: 0 });
        }
        let cutoff = ROLLOFF * from.min(to) as f64;
        let reach = (ZERO_CROSSINGS * from as f64 / cutoff).ceil();
        let taps = 2 * reach as i64 + from;
        if from < 1 || to < 1 || taps.saturating_mul(to) > MOST_WEIGHTS {
            return Err(ResampleError::Ratio { from: from_hz, to: to_hz, ratio: format!("{to}/{from}") });
        }
        let mut weights = Vec::with_capacity((taps * to) as usize);
        for phase in 0..to {
            for tap in 0..taps {
                // Time of this input sample relative to the output sample, in input periods over `from`.
                let time = (tap as f64 - reach) / from as f64 - phase as f64 / to as f64;
                weights.push(windowed_sinc(time * cutoff) * cutoff / from as f64);
            }
        }
        let filters = Tensor::f_from_slice(&weights)?.f_view([to, 1, taps])?.f_to_kind(Kind::Float)?;
        Ok(Self { filters: Some(filters.to_device(device)), from, to, reach: reach as i64 })
    }

    /// `[B, S]` float32 to `[B, S']`, S' = to * ceil(S / from) with the ratio to/from in lowest terms.
    ///
    /// Without delay: output sample n stands at the time of input sample n * from / to. When S is a multiple of
    /// `from`, S' is exactly S * to / from; otherwise the last up to `to` - 1 samples lie beyond the end of the
    /// input. Beyond both ends the input counts as silence.
    pub fn forward(&self, waveform: &Tensor) -> Tensor {
        let Some(filters) = &self.filters else { return waveform.shallow_clone() };
        let padded = waveform.unsqueeze(1).constant_pad_nd([self.reach, self.reach + self.from - 1]);
        padded.conv1d(filters, None::<&Tensor>, self.from, 0, 1, 1).transpose(1, 2).flatten(1, -1)
    }

    /// The ratio of the rates in lowest terms: so many input samples become so many output samples.
    pub fn ratio(&self) -> (i64, i64) {
        (self.from, self.to)
    }

    /// Input samples on each side of an output sample that it is made of.
    pub fn reach(&self) -> i64 {
        if self.filters.is_some() { self.reach + self.from } else { 0 }
    }

    /// Output samples for `samples` of input.
    pub fn output_len(&self, samples: i64) -> i64 {
        match self.filters {
            None => samples,
            Some(_) => {
                self.to * samples.div_euclid(self.from) + if samples % self.from > 0 { self.to } else { 0 }
            }
        }
    }
}

/// sinc(t) under a Hann window that ends at `ZERO_CROSSINGS`.
fn windowed_sinc(t: f64) -> f64 {
    let pi = std::f64::consts::PI;
    if t.abs() >= ZERO_CROSSINGS {
        return 0.0;
    }
    let window = (t * pi / ZERO_CROSSINGS / 2.0).cos().powi(2);
    let sinc = if t == 0.0 { 1.0 } else { (pi * t).sin() / (pi * t) };
    sinc * window
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, rate: f64, samples: i64) -> Tensor {
        let phase =
            Tensor::arange(samples, (Kind::Double, Device::Cpu)) * (2.0 * std::f64::consts::PI * hz / rate);
        (phase + 0.3).sin().to_kind(Kind::Float).unsqueeze(0)
    }

    /// Largest difference away from the ends.
    fn distance(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).slice(1, 500, -500, 1).abs().max().double_value(&[])
    }

    #[test]
    fn sines_keep_their_phase_and_level() {
        for (from, to) in [(24000, 44100), (24000, 32000), (24000, 16000), (48000, 44100)] {
            let resampler = Resampler::new(from, to, Device::Cpu).unwrap();
            for hz in [100.0, 1000.0, 6000.0] {
                let out = resampler.forward(&sine(hz, from.into(), i64::from(from)));
                assert_eq!(out.size(), [1, i64::from(to)]);
                let error = distance(&out, &sine(hz, to.into(), to.into()));
                assert!(error < 2e-3, "{from} to {to}, {hz} Hz: {error}");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_removed() {
        let resampler = Resampler::new(44100, 16000, Device::Cpu).unwrap();
        let out = resampler.forward(&sine(12000.0, 44100.0, 44100));
        assert!(distance(&out, &out.zeros_like()) < 2e-3);
    }

    #[test]
    fn lengths_are_rounded_up_to_a_period_of_the_ratio() {
        let resampler = Resampler::new(24000, 44100, Device::Cpu).unwrap();
        for samples in [1, 79, 80, 81, 24000] {
            let out = resampler.forward(&sine(100.0, 24000.0, samples)).size()[1];
            assert_eq!(out, (samples + 79) / 80 * 147);
            assert_eq!(out, resampler.output_len(samples));
        }
    }

    #[test]
    fn rates_without_a_common_ratio_are_refused() {
        assert!(Resampler::new(44101, 48000, Device::Cpu).is_err());
        assert!(Resampler::new(0, 48000, Device::Cpu).is_err());
        assert!(Resampler::new(0, 0, Device::Cpu).is_err());
    }
}
