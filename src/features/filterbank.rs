//! Banks of filters over the bins of a transform: the frequency axis that descriptors share.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, TchError, Tensor};

/// How bands are spaced along frequency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Mel: linear below 1 kHz, logarithmic above (Slaney's Auditory Toolbox; librosa's default).
    Mel,
    /// Mel: 2595 log10(1 + f / 700) (O'Shaughnessy; HTK).
    Htk,
    /// Equal widths in Hz.
    Linear,
    /// Linear up to a cut-off, logarithmic above it, without a step in width.
    Log,
    /// That of SALSA (Nguyen et al., arXiv 2110.00275): single bins from the first to 9 kHz, above it the means of eight
    /// bins each. The edges of the other scales do not apply.
    Salsa,
}

/// How each triangle is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// 2 / bandwidth in Hz: constant area (librosa's "slaney").
    Area,
    /// The weights of a band sum to one (librosa's `norm=1`).
    SumOne,
    /// The peak of the continuous triangle is one.
    Peak,
}

/// A bank of filters over the bins of an FFT.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BankConfig {
    /// Sample rate in Hz.
    pub sample_rate: u32,
    /// FFT length in samples.
    pub n_fft: i64,
    /// Number of bands.
    pub bands: i64,
    /// Lower edge of the lowest band, in Hz.
    pub fmin_hz: f64,
    /// Upper edge of the highest band, in Hz.
    pub fmax_hz: f64,
    /// How bands are spaced.
    pub scale: Scale,
    /// Where [`Scale::Log`] becomes logarithmic, in Hz.
    pub linear_below_hz: f64,
    /// How each triangle is scaled; single bins and SALSA's means are not.
    pub norm: Norm,
}

/// A bank that is ready to be applied.
#[derive(Debug)]
pub(super) enum Bank {
    /// The bins from the first on, as they are.
    Bins { first: i64, count: i64 },
    /// Neighbouring bands that see some of the bins, group after group.
    Groups(Vec<Group>),
}

/// Some bands and the only bins that they see.
#[derive(Debug)]
pub(super) struct Group {
    first_bin: i64,
    /// `[bins, bands]`
    weights: Tensor,
}

impl Bank {
    /// `[B, C, T, K]` to `[B, C, T, F]`.
    pub(super) fn apply(&self, x: &Tensor) -> Tensor {
        match self {
            Self::Bins { first, count } => x.narrow(-1, *first, *count),
            Self::Groups(groups) => {
                let part = |group: &Group| {
                    x.narrow(-1, group.first_bin, group.weights.size()[0]).matmul(&group.weights)
                };
                match groups.as_slice() {
                    [all] => part(all),
                    groups => Tensor::cat(&groups.iter().map(part).collect::<Vec<_>>(), -1),
                }
            }
        }
    }
}

/// Highest frequency that SALSA keeps in single bins, in Hz.
const SALSA_SINGLE_HZ: f64 = 9000.0;
/// Bins that SALSA averages above it.
const SALSA_GROUP: i64 = 8;

impl BankConfig {
    /// The bank as `[K, F]` float32 on `device`, K = n_fft / 2 + 1 bins; computed in float64.
    pub fn matrix(&self, device: Device) -> Result<Tensor, TchError> {
        let matrix = Tensor::f_from_slice(&self.weights())?.f_view([self.bands, self.bins()])?;
        Ok(matrix.f_transpose(0, 1)?.f_to_kind(Kind::Float)?.f_contiguous()?.to_device(device))
    }

    /// The bank in its cheapest form.
    pub(super) fn build(&self, device: Device) -> Result<Bank, TchError> {
        if self.scale == Scale::Linear && self.keeps_bins() {
            let (first, count) = self.bins_between_edges();
            return Ok(Bank::Bins { first, count });
        }
        let matrix = self.matrix(device)?;
        // A filter sees few of the bins: on a CPU, products with the bins that a group of bands has in common are a third
        // of the work of one large product; a GPU is faster with the one.
        let spans =
            if device == Device::Cpu { group(&self.spans()) } else { vec![(0..self.bands, 0..self.bins())] };
        let group = |(bands, bins): (Range<i64>, Range<i64>)| {
            let weights = matrix.f_narrow(0, bins.start, bins.end - bins.start)?;
            let weights = weights.f_narrow(1, bands.start, bands.end - bands.start)?.f_contiguous()?;
            Ok(Group { first_bin: bins.start, weights })
        };
        Ok(Bank::Groups(spans.into_iter().map(group).collect::<Result<_, TchError>>()?))
    }

    /// The first bin between the edges, and how many there are.
    pub(super) fn bins_between_edges(&self) -> (i64, i64) {
        let bin = |hz: f64| hz * self.n_fft as f64 / f64::from(self.sample_rate);
        // An edge on a bin keeps it, whatever rounding does to it.
        let first = (bin(self.fmin_hz) - 1e-6).ceil().max(0.0) as i64;
        let last = (bin(self.fmax_hz) + 1e-6).floor().min((self.n_fft / 2) as f64) as i64;
        (first, (last - first + 1).max(0))
    }

    /// Whether bands are bins as they are, mostly.
    pub(super) fn keeps_bins(&self) -> bool {
        match self.scale {
            Scale::Salsa => true,
            Scale::Linear => self.bands == self.bins_between_edges().1,
            Scale::Mel | Scale::Htk | Scale::Log => false,
        }
    }

    /// Number of bands that SALSA's scale has.
    pub(super) fn salsa_bands(&self) -> i64 {
        let single = self.salsa_single();
        single + (self.bins() - 2 - single + SALSA_GROUP - 1) / SALSA_GROUP
    }

    /// The last of the bins that are bands by themselves; the first is bin 1.
    pub(super) fn salsa_single(&self) -> i64 {
        let limit = (SALSA_SINGLE_HZ * self.n_fft as f64 / f64::from(self.sample_rate)).floor() as i64;
        limit.min(self.bins() - 2)
    }

    /// Centres of the bands in Hz.
    pub fn centres_hz(&self) -> Vec<f64> {
        let hz_per_bin = f64::from(self.sample_rate) / self.n_fft as f64;
        let (first, count) = self.bins_between_edges();
        match self.scale {
            Scale::Linear if count == self.bands => {
                (first..first + count).map(|bin| bin as f64 * hz_per_bin).collect()
            }
            Scale::Salsa => {
                let single = self.salsa_single();
                let group = |i: i64| (single + SALSA_GROUP * i) as f64 + 0.5 * (SALSA_GROUP + 1) as f64;
                (0..self.bands)
                    .map(|i| if i < single { (i + 1) as f64 } else { group(i - single) } * hz_per_bin)
                    .collect()
            }
            _ => self.edges_hz()[1..=self.bands as usize].to_vec(),
        }
    }

    fn bins(&self) -> i64 {
        self.n_fft / 2 + 1
    }

    /// Band after band, the bins between the first and the last that it sees; at least one.
    fn spans(&self) -> Vec<Range<i64>> {
        let span = |weights: &[f64]| {
            let first = weights.iter().position(|w| *w != 0.0).unwrap_or(0) as i64;
            let last = weights.iter().rposition(|w| *w != 0.0).map_or(first, |last| last as i64);
            first..last + 1
        };
        self.weights().chunks(self.bins() as usize).map(span).collect()
    }

    /// Band after band, the weights of all bins.
    fn weights(&self) -> Vec<f64> {
        match self.scale {
            Scale::Salsa => self.salsa(),
            _ => self.triangles(),
        }
    }

    /// Band after band, the weights of all bins. The last group may have fewer bins; the authors still divide its sum by
    /// eight.
    fn salsa(&self) -> Vec<f64> {
        let single = self.salsa_single();
        let weight = |band: i64, bin: i64| {
            if band < single {
                return f64::from(u8::from(bin == band + 1));
            }
            let first = single + 1 + SALSA_GROUP * (band - single);
            let end = (first + SALSA_GROUP).min(self.bins() - 1);
            if (first..end).contains(&bin) { 1.0 / SALSA_GROUP as f64 } else { 0.0 }
        };
        (0..self.bands).flat_map(|band| (0..self.bins()).map(move |bin| weight(band, bin))).collect()
    }

    /// Lower edge, centres and upper edge, equally far apart on the scale.
    fn edges_hz(&self) -> Vec<f64> {
        let warp = Warp { scale: self.scale, linear_below_hz: self.linear_below_hz };
        let (low, high) = (warp.forward(self.fmin_hz), warp.forward(self.fmax_hz));
        let step = (high - low) / (self.bands + 1) as f64;
        (0..self.bands + 2).map(|i| warp.backward(low + step * i as f64)).collect()
    }

    /// Band after band, the weights of all bins.
    fn triangles(&self) -> Vec<f64> {
        let bins = self.bins();
        let hz_per_bin = f64::from(self.sample_rate) / self.n_fft as f64;
        let mut weights = Vec::with_capacity((bins * self.bands) as usize);
        for edge in self.edges_hz().windows(3) {
            let triangle = (0..bins).map(|bin| {
                let hz = bin as f64 * hz_per_bin;
                let rising = (hz - edge[0]) / (edge[1] - edge[0]);
                let falling = (edge[2] - hz) / (edge[2] - edge[1]);
                rising.min(falling).max(0.0)
            });
            let band: Vec<f64> = triangle.collect();
            let gain = match self.norm {
                Norm::Area => 2.0 / (edge[2] - edge[0]),
                Norm::Peak => 1.0,
                Norm::SumOne => match band.iter().sum::<f64>() {
                    // A band so narrow that no bin falls into it stays empty.
                    0.0 => 0.0,
                    sum => 1.0 / sum,
                },
            };
            weights.extend(band.into_iter().map(|w| w * gain));
        }
        weights
    }
}

/// Bands of a group: products with fewer columns are slower in all than one with all of them.
const GROUP: usize = 16;

/// Cuts bands into groups of neighbours, each with the bins that it sees.
fn group(spans: &[Range<i64>]) -> Vec<(Range<i64>, Range<i64>)> {
    let count = (spans.len() / GROUP).max(1);
    let first = |group: usize| group * spans.len() / count;
    let group = |number: usize| {
        let bands = first(number)..first(number + 1);
        let seen = &spans[bands.clone()];
        let low = seen.iter().map(|bins| bins.start).min().unwrap_or(0);
        let high = seen.iter().map(|bins| bins.end).max().unwrap_or(1);
        (bands.start as i64..bands.end as i64, low..high)
    };
    (0..count).map(group).collect()
}

/// From Hz to a scale on which bands are equally wide, and back.
#[derive(Debug, Clone, Copy)]
struct Warp {
    scale: Scale,
    linear_below_hz: f64,
}

/// Slaney's scale: 3 mel in 200 Hz up to 1 kHz, then 27 mel for every factor of 6.4.
const SLANEY_HZ_PER_MEL: f64 = 200.0 / 3.0;
const SLANEY_BREAK_HZ: f64 = 1000.0;

impl Warp {
    fn forward(self, hz: f64) -> f64 {
        match self.scale {
            Scale::Htk => 2595.0 * (1.0 + hz / 700.0).log10(),
            Scale::Mel if hz < SLANEY_BREAK_HZ => hz / SLANEY_HZ_PER_MEL,
            Scale::Mel => {
                SLANEY_BREAK_HZ / SLANEY_HZ_PER_MEL + (hz / SLANEY_BREAK_HZ).ln() / slaney_log_step()
            }
            Scale::Log if hz > self.linear_below_hz => 1.0 + (hz / self.linear_below_hz).ln(),
            Scale::Log => hz / self.linear_below_hz,
            Scale::Linear | Scale::Salsa => hz,
        }
    }

    fn backward(self, place: f64) -> f64 {
        let break_mel = SLANEY_BREAK_HZ / SLANEY_HZ_PER_MEL;
        match self.scale {
            Scale::Htk => 700.0 * (10f64.powf(place / 2595.0) - 1.0),
            Scale::Mel if place < break_mel => place * SLANEY_HZ_PER_MEL,
            Scale::Mel => SLANEY_BREAK_HZ * ((place - break_mel) * slaney_log_step()).exp(),
            Scale::Log if place > 1.0 => self.linear_below_hz * (place - 1.0).exp(),
            Scale::Log => place * self.linear_below_hz,
            Scale::Linear | Scale::Salsa => place,
        }
    }
}

fn slaney_log_step() -> f64 {
    6.4f64.ln() / 27.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SCALES: [Scale; 4] = [Scale::Mel, Scale::Htk, Scale::Linear, Scale::Log];

    fn config(scale: Scale, n_fft: i64, bands: i64) -> BankConfig {
        BankConfig {
            sample_rate: 24_000,
            n_fft,
            bands,
            fmin_hz: 0.0,
            fmax_hz: 12_000.0,
            scale,
            linear_below_hz: 500.0,
            norm: Norm::SumOne,
        }
    }

    proptest! {
        #[test]
        fn scales_are_inverse_to_each_other(hz in 0.0..24000.0f64, linear_below_hz in 50.0..5000.0f64) {
            for scale in SCALES {
                let warp = Warp { scale, linear_below_hz };
                prop_assert!((warp.backward(warp.forward(hz)) - hz).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn bands_sum_to_one_and_none_is_negative() {
        for scale in SCALES {
            let config = BankConfig { sample_rate: 44_100, fmax_hz: 22_050.0, ..config(scale, 2048, 96) };
            let matrix = config.matrix(Device::Cpu).unwrap();
            assert_eq!(matrix.size(), [1025, 96]);
            assert!(matrix.min().double_value(&[]) >= 0.0);
            let sums = matrix.sum_dim_intlist([0].as_slice(), false, Kind::Float);
            assert!((sums - 1.0).abs().max().double_value(&[]) < 1e-5, "{scale:?}");
        }
    }

    #[test]
    fn bands_narrower_than_a_bin_are_finite() {
        for scale in SCALES {
            let matrix = config(scale, 256, 127).matrix(Device::Cpu).unwrap();
            assert!(matrix.isfinite().all().int64_value(&[]) == 1);
        }
    }

    #[test]
    fn as_many_linear_bands_as_bins_are_the_bins() {
        let x = Tensor::randn([1, 2, 3, 513], (Kind::Float, Device::Cpu));
        let all = config(Scale::Linear, 1024, 513).build(Device::Cpu).unwrap();
        assert_eq!(all.apply(&x), x);
        let some = BankConfig { fmin_hz: 20.0, fmax_hz: 9_000.0, ..config(Scale::Linear, 1024, 384) };
        assert_eq!(some.build(Device::Cpu).unwrap().apply(&x), x.narrow(3, 1, 384));
        assert_eq!(some.centres_hz()[0], 24_000.0 / 1024.0);
        assert!(matches!(config(Scale::Linear, 1024, 64).build(Device::Cpu), Ok(Bank::Groups(_))));
    }

    #[test]
    fn groups_of_bands_give_what_the_whole_matrix_does() {
        let x = Tensor::rand([2, 4, 7, 513], (Kind::Float, Device::Cpu));
        for scale in SCALES {
            for bands in [1, 16, 64, 300] {
                let config = config(scale, 1024, bands);
                let far = config.build(Device::Cpu).unwrap().apply(&x)
                    - x.matmul(&config.matrix(Device::Cpu).unwrap());
                assert!(far.abs().max().double_value(&[]) < 1e-4, "{scale:?} {bands}");
            }
        }
        let groups = group(&config(Scale::Mel, 1024, 64).spans());
        assert!(groups.len() > 1);
        let next = groups.iter().fold(0, |next, (bands, _)| if bands.start == next { bands.end } else { -1 });
        assert_eq!(next, 64);
    }

    #[test]
    fn salsa_keeps_bins_up_to_nine_kilohertz() {
        let config = BankConfig { bands: 200, ..config(Scale::Salsa, 512, 200) };
        assert_eq!((config.salsa_single(), config.salsa_bands()), (192, 200));
        let x = Tensor::arange(257, (Kind::Float, Device::Cpu)).view([1, 1, 1, 257]);
        let bands = config.build(Device::Cpu).unwrap().apply(&x).flatten(0, -1);
        let at = |band| bands.double_value(&[band]);
        assert_eq!((at(0), at(191), at(192)), (1.0, 192.0, 196.5));
        assert_eq!(at(199), (249..256).sum::<i64>() as f64 / 8.0);
        assert_eq!(config.centres_hz()[192], 196.5 * 24_000.0 / 512.0);
    }
}
