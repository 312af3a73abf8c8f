//! Which descriptors to compute, and on which time-frequency grid: plain data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::filterbank::Scale;

/// A descriptor of a first-order Ambisonics recording. Channels are W, Y, Z, X (ACN order, SN3D gains); w, y, z, x are
/// their transforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Descriptor {
    /// Log power of the four channels in the grid's bands, in dB (log-mel unless `scale` says otherwise): 4 channels.
    Logmel,
    /// Magnitude of the four channels, linear: 4 channels.
    Magnitude,
    /// Magnitude of the four channels after per-channel energy normalisation: 4 channels.
    Pcen,
    /// Phase of the four channels, in radians: 4 channels.
    Phase,
    /// Cosine, then sine of the phase of the four channels: 8 channels.
    PhaseCosSin,
    /// Cosine, then sine of the phase differences of Y, Z, X to W: 6 channels.
    Ipd,
    /// Active intensity over energy |w|^2 + (|y|^2 + |z|^2 + |x|^2) / 3, as in the DCASE baselines: 3 channels (Y, Z, X,
    /// as for all intensities).
    Iv,
    /// Active intensity over the energy density in SN3D, so that one plane wave has length 1: 3 channels.
    IvSn3d,
    /// Active intensity scaled to length 1, as in EIN-SELD: 3 channels.
    IvUnit,
    /// Active intensity as it is: 3 channels.
    IvActive,
    /// Reactive intensity as it is: 3 channels.
    IvReactive,
    /// Reactive intensity over the energy that `iv` is divided by: 3 channels.
    Reactive,
    /// Diffuseness over about 100 ms, 0 (one plane wave) to 1: 1 channel.
    Diffuseness,
    /// Principal eigenvector of the spatial covariance where one source dominates, else zero (SALSA): 3 channels (Y, Z,
    /// X over W).
    Eigenvector,
    /// Generalised cross-correlation with phase transform of all six pairs of channels; its lags take the place of the
    /// bands: 6 channels.
    GccPhat,
    /// Upper triangle of the spatial covariance over its trace: 4 powers, 6 real parts, 6 imaginary parts: 16 channels.
    Covariance,
    /// Log power and intensity through a bank of filters that is learned: 7 channels.
    Waveform,
}

impl Descriptor {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Logmel,
        Self::Magnitude,
        Self::Pcen,
        Self::Phase,
        Self::PhaseCosSin,
        Self::Ipd,
        Self::Iv,
        Self::IvSn3d,
        Self::IvUnit,
        Self::IvActive,
        Self::IvReactive,
        Self::Reactive,
        Self::Diffuseness,
        Self::Eigenvector,
        Self::GccPhat,
        Self::Covariance,
        Self::Waveform,
    ];

    /// Name in architecture documents and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Logmel => "logmel",
            Self::Magnitude => "magnitude",
            Self::Pcen => "pcen",
            Self::Phase => "phase",
            Self::PhaseCosSin => "phase_cos_sin",
            Self::Ipd => "ipd",
            Self::Iv => "iv",
            Self::IvSn3d => "iv_sn3d",
            Self::IvUnit => "iv_unit",
            Self::IvActive => "iv_active",
            Self::IvReactive => "iv_reactive",
            Self::Reactive => "reactive",
            Self::Diffuseness => "diffuseness",
            Self::Eigenvector => "eigenvector",
            Self::GccPhat => "gcc_phat",
            Self::Covariance => "covariance",
            Self::Waveform => "waveform",
        }
    }

    /// What each of its channels is.
    pub fn channel_names(self) -> &'static [&'static str] {
        match self {
            Self::Logmel | Self::Magnitude | Self::Pcen | Self::Phase => &["W", "Y", "Z", "X"],
            Self::PhaseCosSin => &["cos W", "cos Y", "cos Z", "cos X", "sin W", "sin Y", "sin Z", "sin X"],
            Self::Ipd => &["cos Y-W", "cos Z-W", "cos X-W", "sin Y-W", "sin Z-W", "sin X-W"],
            Self::Iv
            | Self::IvSn3d
            | Self::IvUnit
            | Self::IvActive
            | Self::IvReactive
            | Self::Reactive
            | Self::Eigenvector => &["Y", "Z", "X"],
            Self::Diffuseness => &["diffuseness"],
            Self::GccPhat => &["W-Y", "W-Z", "W-X", "Y-Z", "Y-X", "Z-X"],
            Self::Covariance => &[
                "WW", "YY", "ZZ", "XX", "Re WY", "Re WZ", "Re WX", "Re YZ", "Re YX", "Re ZX", "Im WY",
                "Im WZ", "Im WX", "Im YZ", "Im YX", "Im ZX",
            ],
            Self::Waveform => &["W", "Y", "Z", "X", "intensity Y", "intensity Z", "intensity X"],
        }
    }

    /// Channels it adds.
    pub fn channels(self) -> i64 {
        self.channel_names().len() as i64
    }

    /// How many of its channels, from the first, are levels, which have an arbitrary zero; the others are directions,
    /// shares or phases, whose zero has a meaning.
    pub fn levels(self) -> i64 {
        match self {
            Self::Logmel | Self::Magnitude | Self::Pcen | Self::Waveform => 4,
            _ => 0,
        }
    }
}

/// What a frame is multiplied with before its transform; periodic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// 0.5 - 0.5 cos.
    Hann,
    /// 0.54 - 0.46 cos.
    Hamming,
    /// 0.42 - 0.5 cos + 0.08 cos of twice the angle.
    Blackman,
}

/// What stands beyond both ends of the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Silence.
    Zeros,
    /// The signal mirrored, without repeating its first and last sample. Needs more than `n_fft / 2` samples.
    Reflect,
    /// The same, but the end is mirrored within the samples of the last frame alone, again and again, as librosa does
    /// from 0.10 on. That differs from `reflect` only in a frame centred on the end, and only when it has fewer samples
    /// than need to be mirrored.
    ReflectTail,
}

/// How descriptors are brought to a common range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// As they are. (The encoder has a batch norm for every channel and band in any case.)
    None,
    /// Mean 0 and deviation 1 of every channel and band over the training data.
    Dataset,
    /// Levels: mean 0 and deviation 1 of a descriptor over each chunk. Others: mean square 1 over each chunk.
    Chunk,
    /// Per-channel energy normalisation in the place of the logarithm of `logmel`; others as they are.
    Pcen,
}

/// The descriptors a network sees and their common time-frequency grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureConfig {
    /// Stacked along channels in this order.
    pub descriptors: Vec<Descriptor>,
    /// FFT length in samples.
    pub n_fft: i64,
    /// Hop in samples.
    pub hop: i64,
    /// Window length in samples, at most `n_fft`, which is also what stands for null; zeros on both sides fill it up.
    pub win_length: Option<i64>,
    /// Shape of the window.
    pub window: Window,
    /// What stands beyond both ends of a chunk or recording.
    pub padding: Padding,
    /// Added to every sample; the DCASE baselines add 1e-8.
    pub offset: f64,
    /// Bands. On a linear scale with as many bands as the transform has bins between the edges, a band is a bin.
    pub bands: i64,
    /// How bands are spaced.
    pub scale: Scale,
    /// Lower edge of the lowest band, in Hz.
    pub fmin_hz: f64,
    /// Upper edge of the highest band, in Hz; half the sample rate when null.
    pub fmax_hz: Option<f64>,
    /// Where the log scale becomes logarithmic, in Hz.
    pub linear_below_hz: f64,
    /// How far `logmel` reaches below the loudest value of the channel, in dB; no limit when null.
    pub range_db: Option<f64>,
    /// How the descriptors are brought to a common range.
    pub normalisation: Normalisation,
}

impl Default for FeatureConfig {
    fn default() -> Self {
        Self {
            descriptors: vec![Descriptor::Logmel, Descriptor::Iv],
            n_fft: 1024,
            hop: 480,
            win_length: None,
            window: Window::Hann,
            padding: Padding::Reflect,
            offset: 0.0,
            bands: 64,
            scale: Scale::Mel,
            fmin_hz: 20.0,
            fmax_hz: None,
            linear_below_hz: 500.0,
            range_db: None,
            normalisation: Normalisation::None,
        }
    }
}

impl FeatureConfig {
    /// Whether it has parameters that are learned.
    pub fn is_learned(&self) -> bool {
        self.descriptors.contains(&Descriptor::Waveform)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_has_one_name() {
        for descriptor in Descriptor::ALL {
            assert_eq!(serde_json::to_value(descriptor).unwrap(), descriptor.name());
        }
    }
}
