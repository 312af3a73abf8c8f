//! What makes a configuration of features impossible.

use super::config::{Descriptor, FeatureConfig};
use super::error::Error;
use super::filterbank::{BankConfig, Norm, Scale};

/// Longest transform, in samples.
const LONGEST: i64 = 1 << 20;

impl FeatureConfig {
    /// The bank of filters at a sample rate (Hz), with triangles of equal area.
    pub(super) fn bank(&self, sample_rate: u32) -> BankConfig {
        BankConfig {
            sample_rate,
            n_fft: self.n_fft,
            bands: self.bands,
            fmin_hz: self.fmin_hz,
            fmax_hz: self.fmax_hz.unwrap_or(f64::from(sample_rate) / 2.0),
            scale: self.scale,
            linear_below_hz: self.linear_below_hz,
            norm: Norm::Area,
        }
    }

    /// Number of bands that the salsa scale has at a sample rate in Hz.
    pub fn salsa_bands(&self, sample_rate: u32) -> i64 {
        self.bank(sample_rate).salsa_bands()
    }

    /// Centres of the bands in Hz, at a sample rate in Hz.
    pub fn centres_hz(&self, sample_rate: u32) -> Vec<f64> {
        self.bank(sample_rate).centres_hz()
    }

    /// The first thing that makes this configuration impossible at a sample rate (Hz), if any.
    pub fn check(&self, sample_rate: u32) -> Result<(), Error> {
        let nyquist = f64::from(sample_rate) / 2.0;
        if self.descriptors.is_empty() {
            let all = Descriptor::ALL.map(Descriptor::name).join(", ");
            return Err(Error::config("descriptors", format!("at least one of {all}"), "an empty list"));
        }
        if self.n_fft < 2 || self.n_fft % 2 != 0 || self.n_fft > LONGEST {
            return Err(Error::config("n_fft", "an even number of samples from 2 to 1048576", self.n_fft));
        }
        if !(1..=self.n_fft).contains(&self.hop) {
            return Err(Error::config("hop", format!("1 to n_fft ({})", self.n_fft), self.hop));
        }
        if let Some(length) = self.win_length.filter(|length| !(1..=self.n_fft).contains(length)) {
            return Err(Error::config("win_length", format!("1 to n_fft ({})", self.n_fft), length));
        }
        if let Some(range_db) = self.range_db.filter(|range_db| !(*range_db > 0.0 && range_db.is_finite())) {
            return Err(Error::config("range_db", "a number of dB above 0, or null", range_db));
        }
        if !self.offset.is_finite() || self.offset.abs() > 1.0 {
            return Err(Error::config("offset", "a number from -1 to 1", self.offset));
        }
        self.check_edges(nyquist)?;
        self.check_bands(sample_rate)
    }

    fn check_edges(&self, nyquist: f64) -> Result<(), Error> {
        let fmax = self.fmax_hz.unwrap_or(nyquist);
        if !(0.0..nyquist).contains(&self.fmin_hz) {
            return Err(Error::config("fmin_hz", format!("0 to below {nyquist} Hz"), self.fmin_hz));
        }
        if !(fmax > self.fmin_hz && fmax <= nyquist) {
            let expected = format!("above fmin_hz ({}) and at most {nyquist} Hz", self.fmin_hz);
            return Err(Error::config("fmax_hz", expected, fmax));
        }
        if !(self.linear_below_hz > 0.0 && self.linear_below_hz <= nyquist) {
            let expected = format!("above 0 and at most {nyquist} Hz");
            return Err(Error::config("linear_below_hz", expected, self.linear_below_hz));
        }
        Ok(())
    }

    fn check_bands(&self, sample_rate: u32) -> Result<(), Error> {
        let bank = self.bank(sample_rate);
        let (_, bins) = bank.bins_between_edges();
        let expected = match self.scale {
            Scale::Salsa => {
                let bands = bank.salsa_bands();
                if self.bands == bands {
                    return Ok(());
                }
                format!(
                    "{bands}: the bands of the salsa scale for an n_fft of {} at {sample_rate} Hz",
                    self.n_fft
                )
            }
            Scale::Linear if (1..=bins).contains(&self.bands) => return Ok(()),
            Scale::Linear => format!("1 to {bins}, the bins between fmin_hz and fmax_hz"),
            _ if (1..=self.n_fft / 2).contains(&self.bands) => return Ok(()),
            _ => format!("1 to half of n_fft ({})", self.n_fft / 2),
        };
        Err(Error::config("bands", expected, self.bands))
    }
}
