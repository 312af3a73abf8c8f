//! The flags of a descriptor configuration.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::features::{Descriptor, FeatureConfig, Normalisation, Padding, Preset, Scale, Window};

/// The time-frequency grid; what is not given comes from the preset or the defaults.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Time-frequency grid")]
pub(super) struct Grid {
    /// FFT length in samples [default: 1024]
    #[arg(long, value_name = "N")]
    n_fft: Option<i64>,
    /// Hop in samples [default: 480]
    #[arg(long, value_name = "N")]
    hop: Option<i64>,
    /// Window length in samples [default: that of the FFT]
    #[arg(long, value_name = "N")]
    win_length: Option<i64>,
    /// Shape of the window [default: hann]
    #[arg(long)]
    window: Option<Window>,
    /// What stands beyond the ends [default: reflect]
    #[arg(long)]
    padding: Option<Padding>,
    /// Bands [default: 64, on the salsa scale as many as it has]
    #[arg(long, value_name = "N")]
    bands: Option<i64>,
    /// How bands are spaced [default: mel]
    #[arg(long)]
    scale: Option<Scale>,
    /// Lower edge of the lowest band, in Hz [default: 20]
    #[arg(long, value_name = "HZ")]
    fmin: Option<f64>,
    /// Upper edge of the highest band, in Hz [default: half the sample rate]
    #[arg(long, value_name = "HZ")]
    fmax: Option<f64>,
    /// Where the log scale becomes logarithmic, in Hz [default: 500]
    #[arg(long, value_name = "HZ")]
    linear_below: Option<f64>,
    /// How far logmel reaches below the loudest value of its channel, in dB [default: no limit]
    #[arg(long, value_name = "DB")]
    range_db: Option<f64>,
    /// How descriptors are brought to a common range [default: none]
    #[arg(long, value_parser = normalisation)]
    normalisation: Option<Normalisation>,
}

fn normalisation(text: &str) -> Result<Normalisation, String> {
    match text {
        "none" => Ok(Normalisation::None),
        "chunk" => Ok(Normalisation::Chunk),
        "pcen" => Ok(Normalisation::Pcen),
        _ => Err("expected none, chunk or pcen (statistics of a dataset exist in training only)".to_owned()),
    }
}

impl Grid {
    /// These descriptors, or those of the preset when there are none, on this self.
    pub(super) fn config(
        &self,
        preset: Option<Preset>,
        descriptors: &[Descriptor],
        sample_rate: u32,
    ) -> FeatureConfig {
        let start = preset.map(Preset::config).unwrap_or_default();
        let descriptors = if descriptors.is_empty() { start.descriptors } else { descriptors.to_vec() };
        let mut config = FeatureConfig {
            descriptors,
            n_fft: self.n_fft.unwrap_or(start.n_fft),
            hop: self.hop.unwrap_or(start.hop),
            win_length: self.win_length.or(start.win_length),
            window: self.window.unwrap_or(start.window),
            padding: self.padding.unwrap_or(start.padding),
            offset: start.offset,
            bands: self.bands.unwrap_or(start.bands),
            scale: self.scale.unwrap_or(start.scale),
            fmin_hz: self.fmin.unwrap_or(start.fmin_hz),
            fmax_hz: self.fmax.or(start.fmax_hz),
            linear_below_hz: self.linear_below.unwrap_or(start.linear_below_hz),
            range_db: self.range_db.or(start.range_db),
            normalisation: self.normalisation.unwrap_or(start.normalisation),
        };
        if config.scale == Scale::Salsa && self.bands.is_none() {
            config.bands = config.salsa_bands(sample_rate);
        }
        config
    }
}

impl ValueEnum for Descriptor {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

impl ValueEnum for Preset {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Dcase => "DCASE 2022 and 2023 baselines: logmel,iv",
            Self::Einseld => "EIN-SELD: logmel,iv_unit",
            Self::Salsa => "SALSA: logmel,eigenvector",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl ValueEnum for Scale {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Mel, Self::Htk, Self::Linear, Self::Log, Self::Salsa]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Mel => ("mel", "Slaney's mel scale, as librosa"),
            Self::Htk => ("htk", "HTK's mel scale"),
            Self::Linear => ("linear", "equal widths; as many bands as bins are the bins themselves"),
            Self::Log => ("log", "logarithmic above a cut-off, linear below it"),
            Self::Salsa => ("salsa", "bins up to 9 kHz, means of eight above"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

impl ValueEnum for Window {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Hann, Self::Hamming, Self::Blackman]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Hann => "hann",
            Self::Hamming => "hamming",
            Self::Blackman => "blackman",
        }))
    }
}

impl ValueEnum for Padding {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Reflect, Self::ReflectTail, Self::Zeros]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Reflect => "reflect",
            Self::ReflectTail => "reflect_tail",
            Self::Zeros => "zeros",
        }))
    }
}
