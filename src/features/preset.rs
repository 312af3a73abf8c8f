//! Descriptors as other people's code computes them.

use super::config::{Descriptor, FeatureConfig, Padding};
use super::filterbank::Scale;

/// A front-end of the literature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Baselines of DCASE 2022 and 2023 (sharathadavanne/seld-dcase2022): log-mel of 80 dB range and intensity. Zeros
    /// stand beyond the ends, as with librosa from 0.9 on.
    Dcase,
    /// EIN-SELD (yinkalario/EIN-SELD): log-mel and unit intensity.
    Einseld,
    /// SALSA for FOA (thomeou/SALSA): log power in its scale and eigenvector.
    Salsa,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Dcase, Self::Einseld, Self::Salsa];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dcase => "dcase",
            Self::Einseld => "einseld",
            Self::Salsa => "salsa",
        }
    }

    /// Its configuration, at 24 kHz; `n_fft`, `hop` and `bands` may be changed with care.
    pub fn config(self) -> FeatureConfig {
        let default = FeatureConfig::default();
        match self {
            Self::Dcase => FeatureConfig {
                descriptors: vec![Descriptor::Logmel, Descriptor::Iv],
                n_fft: 1024,
                hop: 480,
                win_length: Some(960),
                padding: Padding::Zeros,
                offset: 1e-8,
                bands: 64,
                fmin_hz: 0.0,
                range_db: Some(80.0),
                ..default
            },
            Self::Einseld => FeatureConfig {
                descriptors: vec![Descriptor::Logmel, Descriptor::IvUnit],
                n_fft: 1024,
                hop: 600,
                bands: 256,
                fmin_hz: 20.0,
                ..default
            },
            Self::Salsa => FeatureConfig {
                descriptors: vec![Descriptor::Logmel, Descriptor::Eigenvector],
                n_fft: 512,
                hop: 300,
                padding: Padding::ReflectTail,
                bands: 200,
                scale: Scale::Salsa,
                fmin_hz: 0.0,
                ..default
            },
        }
    }
}
