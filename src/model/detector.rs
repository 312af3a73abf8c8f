//! The whole system, from waveform to tracks: descriptors, tagger and network.

use tch::nn::VarStore;
use tch::{Kind, Tensor};

use super::align::TimeGrid;
use super::aligned::{self, Aligned};
use super::arch::Architecture;
use super::cost::{self, Cost};
use super::encoder::Picture;
use super::network::{Interface, Network, Output};
use super::prior::{Heard, Prior};
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
    /// What the stages do to time does not lead to label frames.
    #[error(
        "encoder.time_factors make time {factor} times shorter, which does not divide the {frames_per_label} descriptor \
         frames of a label frame that features.hop {hop} gives"
    )]
    TimeFactors {
        /// Product of the factors.
        factor: i64,
        /// Descriptor frames in a label frame.
        frames_per_label: i64,
        /// The hop in samples.
        hop: i64,
    },
    /// The descriptors cannot be computed as asked.
    #[error(transparent)]
    Features(#[from] crate::features::Error),
}

/// Activities and directions of every track, at label-frame rate. A class-wise output is one track for each of its tracks
/// and classes, which no other class is ever active in.
#[derive(Debug)]
pub struct Detection {
    /// Class activity probabilities `[B, T, N, K]`.
    pub activity: Tensor,
    /// Unit direction vectors `[B, T, N, 3]` (x front, y left, z up).
    pub direction: Tensor,
    /// Metres, `[B, T, N]`; where the architecture says distances.
    pub distance: Option<Tensor>,
}

/// Descriptors, tagger and network of one architecture.
#[derive(Debug)]
pub struct Detector {
    front_end: FrontEnd,
    prior: Option<Prior>,
    network: Network,
    meetings: Vec<Aligned>,
    interface: Interface,
    sample_rate: u32,
    /// `[K, K]`, ones on the diagonal.
    one_class: Tensor,
}

impl Detector {
    /// Builds the network's variables in `vs`, on its device. Those of a tagger that is trained are made by
    /// [`load_tagger`](super::prior::load_tagger). `prior`: none only where the architecture has none.
    pub fn new(
        vs: &VarStore,
        arch: &Architecture,
        prior: Option<Prior>,
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
        let picture = Picture { channels: front_end.channels(), bands: front_end.bands(), frames_per_label };
        let factor: i64 =
            arch.encoder.factors(picture.bands, frames_per_label).iter().map(|f| f[0]).product();
        if frames_per_label % factor != 0 {
            return Err(Error::TimeFactors { factor, frames_per_label, hop: arch.features.hop });
        }
        let meetings = aligned::places(arch, prior.as_ref(), picture, sample_rate, vs.device());
        let interface = Interface {
            picture,
            prior: prior.as_ref().map(Prior::width),
            meetings: meetings.iter().map(|aligned| (aligned.place, aligned.tap)).collect(),
            classes: classes as i64,
        };
        let network = Network::new(&(vs.root() / "network"), arch, &interface);
        let one_class = Tensor::eye(classes as i64, (Kind::Float, vs.device()));
        Ok(Self { front_end, prior, network, meetings, interface, sample_rate, one_class })
    }

    /// The sizes the network was built with.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// What computes the descriptors.
    pub fn front_end(&self) -> &FrontEnd {
        &self.front_end
    }

    /// The tagger.
    pub fn prior(&self) -> Option<&Prior> {
        self.prior.as_ref()
    }

    /// What it costs.
    pub fn cost(&self, arch: &Architecture) -> Cost {
        let blocks = self.prior.as_ref().map(|prior| prior.tagger().blocks().network());
        cost::of(arch, &self.interface, blocks)
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
        let heard = self.prior.as_ref().map(|prior| prior.hear(waveform));
        self.detect(&descriptors, heard.as_ref())
    }

    /// From descriptors and what the tagger's prefix made of the same sound to tracks. Traceable.
    pub fn detect(&self, descriptors: &Tensor, heard: Option<&Heard>) -> Detection {
        self.detection(&self.run(descriptors, heard, false))
    }

    /// From descriptors `[B, C, frames, F]`, frames up to `frames_per_label` a label frame, and what the tagger's prefix
    /// made of the same sound, to what the network says. Traceable.
    pub fn run(&self, descriptors: &Tensor, heard: Option<&Heard>, train: bool) -> Output {
        let encoder = self.network.encoder();
        let mut spatial = encoder.begin(descriptors, train);
        let mut semantic = self.prior.as_ref().zip(heard).map(|(prior, heard)| prior.begin(heard));
        let mut done = 0;
        for (aligned, meeting) in self.meetings.iter().zip(self.network.meetings()) {
            spatial = (done..aligned.place.stage).fold(spatial, |x, stage| encoder.stage(stage, &x, train));
            done = aligned.place.stage;
            if let Some((prior, semantic)) = self.prior.as_ref().zip(semantic.as_mut()) {
                prior.run_until(semantic, aligned.place.block, train);
                spatial = aligned.meet(meeting, semantic, &spatial);
            }
        }
        spatial = (done..encoder.stages()).fold(spatial, |x, stage| encoder.stage(stage, &x, train));
        let spatial = encoder.finish(&spatial);
        let sequence = self.prior.as_ref().zip(semantic).map(|(prior, semantic)| {
            let like = spatial.transpose(1, 2).unsqueeze(-1);
            prior.finish(semantic, &TimeGrid::LABELS.times_like(&like), train)
        });
        self.network.finish(spatial, sequence.as_ref(), train)
    }

    /// What an output means.
    pub fn detection(&self, output: &Output) -> Detection {
        match output {
            Output::Tracks { activity, direction, distance } => Detection {
                activity: activity.sigmoid(),
                direction: unit(direction),
                distance: distance.as_ref().map(Tensor::shallow_clone),
            },
            Output::Vectors { vectors, distance } => {
                let length = vectors.square().sum_dim_intlist(-1, false, Kind::Float).sqrt().clamp_max(1.0);
                Detection {
                    activity: (length.unsqueeze(-1) * &self.one_class).flatten(2, 3),
                    direction: unit(vectors).flatten(2, 3),
                    distance: distance.as_ref().map(|distance| distance.flatten(2, 3)),
                }
            }
        }
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
