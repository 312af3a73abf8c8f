//! The whole system, from waveform to tracks: descriptors, tagger and network.

use tch::nn::VarStore;
use tch::{Kind, Tensor};

use super::align;
use super::arch::Architecture;
use super::network::{self, Interface, Network};
use super::prior::Prior;
use crate::features::{FeatureConfig, FrontEnd};
use crate::seld::event::FRAMES_PER_SECOND;

/// A detector could not be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Label frames and descriptor frames would not line up.
    #[error(
        "features.hop of {hop} samples does not divide a label frame of {label_samples} samples ({sample_rate} Hz)"
    )]
    Hop {
        /// The hop asked for.
        hop: i64,
        /// Samples in a label frame.
        label_samples: i64,
        /// The dataset's sample rate in Hz.
        sample_rate: u32,
    },
    /// A chunk has too few samples for the transform.
    #[error(
        "train.chunk_s of {chunk_s} is too short: features.n_fft and features.descriptors need {needed_s:.1} s at least"
    )]
    Chunk {
        /// Seconds asked for.
        chunk_s: f64,
        /// Seconds needed.
        needed_s: f64,
    },
    /// The descriptors cannot be computed as asked.
    #[error(transparent)]
    Features(#[from] crate::features::Error),
}

/// Activities and directions of every track, at label-frame rate.
#[derive(Debug)]
pub struct Detection {
    /// Class activity probabilities `[B, T, N, K]`.
    pub activity: Tensor,
    /// Unit direction vectors `[B, T, N, 3]` (x front, y left, z up).
    pub direction: Tensor,
}

/// Descriptors, tagger and network of one architecture.
#[derive(Debug)]
pub struct Detector {
    front_end: FrontEnd,
    prior: Prior,
    network: Network,
    interface: Interface,
    sample_rate: u32,
}

impl Detector {
    /// Builds the network's variables in `vs`, on its device. Those of a tagger that is trained are made by
    /// [`load_tagger`](super::prior::load_tagger).
    pub fn new(
        vs: &VarStore,
        arch: &Architecture,
        prior: Prior,
        sample_rate: u32,
        classes: usize,
    ) -> Result<Self, Error> {
        let frames_per_label = frames_per_label(&arch.features, sample_rate)?;
        let front_end = FrontEnd::new(&(vs.root() / "features"), &arch.features, sample_rate)?;
        let needed = shortest(&front_end, sample_rate);
        if i64::from(arch.train.chunk_frames()) < needed {
            let needed_s = needed as f64 / FRAMES_PER_SECOND as f64;
            return Err(Error::Chunk { chunk_s: arch.train.chunk_s, needed_s });
        }
        let interface = Interface {
            channels: front_end.channels(),
            bands: front_end.bands(),
            frames_per_label,
            prior: prior.width(),
            classes: classes as i64,
        };
        let network = Network::new(&(vs.root() / "network"), arch, interface);
        Ok(Self { front_end, prior, network, interface, sample_rate })
    }

    /// The sizes the network was built with.
    pub fn interface(&self) -> Interface {
        self.interface
    }

    /// What computes the descriptors.
    pub fn front_end(&self) -> &FrontEnd {
        &self.front_end
    }

    /// The tagger.
    pub fn prior(&self) -> &Prior {
        &self.prior
    }

    /// The trainable network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Multiply-adds per second of sound: of the network, and of the tagger's blocks.
    pub fn macs_per_second(&self, arch: &Architecture) -> u64 {
        network::macs_per_second(arch, self.interface) + self.prior.macs_per_second() as u64
    }

    /// Fewest label frames that it can be given.
    pub fn shortest(&self) -> i64 {
        shortest(&self.front_end, self.sample_rate)
    }

    /// Sample rate of the waveforms it takes, in Hz.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Descriptors of `[B, 4, S]` (W, Y, Z, X): `[B, C, frames, F]`.
    pub fn describe(&self, waveform: &Tensor) -> Tensor {
        self.front_end.normalise(&self.front_end.describe(waveform))
    }

    /// From `[B, 4, S]` to tracks, everything computed on the spot. Traceable with any batch and length.
    pub fn forward(&self, waveform: &Tensor) -> Detection {
        let descriptors = self.front_end.forward(waveform);
        let sequence = self.prior.forward(waveform);
        let tap = self.prior.sequence_tap();
        // One value per label frame, made by the pooling that the encoder does, carries the length.
        let per_label = self.interface.frames_per_label;
        let frames = descriptors.select(1, 0).slice(2, None, 1, 1).max_pool2d(
            [per_label, 1],
            [per_label, 1],
            [0, 0],
            [1, 1],
            true,
        );
        let times = align::frame_centres_like(&frames);
        let prior = align::interpolate(&sequence, tap.first_s, tap.hop_s, &times);
        self.detect(&descriptors, &prior)
    }

    /// The tagger's output at the rate of `frames` label frames, `[B, T, P]`, from what its frozen blocks gave,
    /// `[B, N, C, T', F]`, whose frame 0 is centred so many seconds after each chunk's beginning. `train`: as for
    /// [`Prior::suffix`].
    pub fn prior_of(&self, prefix: &Tensor, first_s: &[f64], frames: i64, train: bool) -> Tensor {
        let sequence = self.prior.suffix(prefix, train);
        let tap = self.prior.sequence_tap();
        let delay_s = tap.first_s - self.prior.prefix_tap().first_s;
        let times = align::frame_centres(0, frames).to(sequence.device());
        let of = |(row, first_s): (i64, &f64)| {
            align::interpolate(&sequence.narrow(0, row, 1), first_s + delay_s, tap.hop_s, &times)
        };
        let rows: Vec<Tensor> = (0..).zip(first_s).map(of).collect();
        Tensor::cat(&rows, 0)
    }

    /// From descriptors and the tagger's output at label-frame rate to tracks.
    pub fn detect(&self, descriptors: &Tensor, prior: &Tensor) -> Detection {
        let output = self.network.forward(descriptors, prior, false);
        Detection { activity: output.activity.sigmoid(), direction: unit(&output.direction) }
    }
}

/// Descriptor frames in a label frame.
///
/// # Errors
/// Descriptors that cannot be computed at this sample rate (Hz), or whose frames do not line up with label frames.
pub fn frames_per_label(features: &FeatureConfig, sample_rate: u32) -> Result<i64, Error> {
    features.check(sample_rate)?;
    let (hop, label_samples) = (features.hop, i64::from(sample_rate) / FRAMES_PER_SECOND as i64);
    if label_samples % hop != 0 {
        return Err(Error::Hop { hop, label_samples, sample_rate });
    }
    Ok(label_samples / hop)
}

/// Label frames that have the samples that a front-end needs.
fn shortest(front_end: &FrontEnd, sample_rate: u32) -> i64 {
    let label_samples = u64::from(sample_rate) / FRAMES_PER_SECOND as u64;
    (front_end.shortest() as u64).div_ceil(label_samples) as i64
}

/// Scales vectors along the last axis to length 1; the zero vector stays zero.
pub fn unit(vectors: &Tensor) -> Tensor {
    let length = (vectors * vectors).sum_dim_intlist(-1, true, Kind::Float).sqrt();
    vectors / length.clamp_min(1e-7)
}

/// Copies variables by name into a store built for the same architecture.
pub fn load_variables(vs: &mut VarStore, tensors: &[(String, Tensor)]) -> Result<(), MismatchedVariables> {
    let mut problems = Vec::new();
    let variables = vs.variables();
    let mut missing: Vec<_> =
        variables.keys().filter(|name| !tensors.iter().any(|(n, _)| n == *name)).cloned().collect();
    missing.sort();
    problems.extend(missing.into_iter().map(|name| format!("{name} is missing")));
    for (name, tensor) in tensors {
        match variables.get(name) {
            None => problems.push(format!("{name} is not part of this architecture")),
            Some(variable) if variable.size() != tensor.size() => problems.push(format!(
                "{name} has shape {:?}, this architecture needs {:?}",
                tensor.size(),
                variable.size()
            )),
            Some(_) => {}
        }
    }
    if !problems.is_empty() {
        return Err(MismatchedVariables { problems });
    }
    let _guard = tch::no_grad_guard();
    for (name, tensor) in tensors {
        if let Some(variable) = variables.get(name) {
            variable.shallow_clone().copy_(&tensor.to(variable.device()));
        }
    }
    Ok(())
}

/// Weights that do not fit the architecture they came with.
#[derive(Debug, thiserror::Error)]
#[error("the weights do not fit the architecture: {}", problems.join("; "))]
pub struct MismatchedVariables {
    /// One line for each tensor that is missing, unexpected or of another shape.
    pub problems: Vec<String>,
}
