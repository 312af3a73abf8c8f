//! Track-wise abstraction and heads: what the network says of every track.

use tch::Tensor;
use tch::nn::{self, Init};

use super::arch::{Architecture, OutputFormat, TemporalPlace, TrackSharing};
use super::lane::Lane;

/// Activity every class starts with, so that training does not begin by unlearning false alarms.
const PRIOR_ACTIVITY: f64 = 0.05;
/// Distance that everything starts with, in metres.
const PRIOR_DISTANCE_M: f64 = 2.0;

/// What the network says, at label-frame rate.
#[derive(Debug)]
pub enum Output {
    /// [`OutputFormat::Tracks`].
    Tracks {
        /// Activity logits `[B, T, N, K]`.
        activity: Tensor,
        /// Direction vectors `[B, T, N, 3]` (x front, y left, z up), each component in (-1, 1), any length.
        direction: Tensor,
        /// Metres, `[B, T, N]`, above 0.
        distance: Option<Tensor>,
    },
    /// [`OutputFormat::Accdoa`], with one track, and [`OutputFormat::MultiAccdoa`].
    Vectors {
        /// Directions as long as the class is active, `[B, T, N, K, 3]`, each component in (-1, 1).
        vectors: Tensor,
        /// Metres, `[B, T, N, K]`, above 0.
        distance: Option<Tensor>,
    },
}

/// The heads of a network.
#[derive(Debug)]
pub(super) enum TrackHeads {
    /// One for activity on the semantic path, one for direction and distance on the spatial path.
    Tracks { activity: TrackHead, direction: TrackHead },
    /// One on both paths side by side, for this many classes.
    Vectors { head: TrackHead, classes: i64 },
}

/// Hidden layers, and what is read out of them for every track.
#[derive(Debug)]
pub(super) struct TrackHead {
    /// One for every track, or one for all.
    lanes: Vec<Lane>,
    /// `[N, width, out]`
    weight: Tensor,
    /// `[N, out]`
    bias: Tensor,
}

impl TrackHeads {
    /// `paths`: features per label frame of the semantic path, where there is one, and of the spatial path.
    pub(super) fn new(path: &nn::Path, arch: &Architecture, paths: (Option<i64>, i64), classes: i64) -> Self {
        let logit = (PRIOR_ACTIVITY / (1.0 - PRIOR_ACTIVITY)).ln();
        // The inverse of softplus.
        let far = (PRIOR_DISTANCE_M.exp() - 1.0).ln();
        let count = i64::from(arch.output.distance);
        let biases = |before: &[f64], value: f64, count: i64| {
            before.iter().copied().chain((0..count).map(|_| value)).collect::<Vec<f64>>()
        };
        let (semantic, spatial) = paths;
        match arch.output.format {
            OutputFormat::Tracks => Self::Tracks {
                activity: TrackHead::new(
                    &(path / "activity"),
                    arch,
                    semantic.unwrap_or(spatial),
                    &biases(&[], logit, classes),
                ),
                direction: TrackHead::new(
                    &(path / "direction"),
                    arch,
                    spatial,
                    &biases(&[0.0; 3], far, count),
                ),
            },
            OutputFormat::Accdoa | OutputFormat::MultiAccdoa => {
                let vectors = vec![0.0; 3 * classes as usize];
                let biases = biases(&vectors, far, count * classes);
                let input = semantic.unwrap_or(0) + spatial;
                Self::Vectors { head: TrackHead::new(&(path / "vectors"), arch, input, &biases), classes }
            }
        }
    }

    /// `[B, T, C]` of both paths.
    pub(super) fn forward(&self, semantic: Option<&Tensor>, spatial: &Tensor, train: bool) -> Output {
        match self {
            Self::Tracks { activity, direction } => {
                let found = direction.forward(spatial, train);
                let far = direction.outputs() > 3;
                Output::Tracks {
                    activity: activity.forward(semantic.unwrap_or(spatial), train),
                    direction: found.narrow(-1, 0, 3).tanh(),
                    distance: far.then(|| found.select(-1, 3).softplus()),
                }
            }
            Self::Vectors { head, classes } => {
                let both = semantic.map(|semantic| Tensor::cat(&[semantic, spatial], 2));
                let found = head.forward(both.as_ref().unwrap_or(spatial), train);
                let far = head.outputs() > 3 * classes;
                Output::Vectors {
                    vectors: found.narrow(-1, 0, 3 * classes).unflatten(-1, [*classes, 3]).tanh(),
                    distance: far.then(|| found.narrow(-1, 3 * classes, *classes).softplus()),
                }
            }
        }
    }
}

impl TrackHead {
    /// `biases`: what each output begins with.
    fn new(path: &nn::Path, arch: &Architecture, input: i64, biases: &[f64]) -> Self {
        let config = &arch.tracks;
        let lanes = match config.sharing {
            TrackSharing::Separate => config.count,
            TrackSharing::Shared => 1,
        };
        let temporal = (arch.temporal.place == TemporalPlace::PerTrack).then_some(&arch.temporal);
        let lane = |index: i64| Lane::new(&(path / format!("lane{}", index + 1)), config, temporal, input);
        let width = Lane::width(config, temporal);
        let outputs = biases.len() as i64;
        let bound = 1.0 / (width as f64).sqrt();
        let bias = path.var("bias", &[config.count, outputs], Init::Const(0.0));
        let values: Vec<f32> = biases.iter().map(|bias| *bias as f32).collect();
        tch::no_grad(|| bias.shallow_clone().copy_(&Tensor::from_slice(&values).expand_as(&bias)));
        Self {
            lanes: (0..lanes).map(lane).collect(),
            weight: path.var(
                "weight",
                &[config.count, width, outputs],
                Init::Uniform { lo: -bound, up: bound },
            ),
            bias,
        }
    }

    fn outputs(&self) -> i64 {
        self.bias.size()[1]
    }

    /// `[B, T, C]` to `[B, T, N, out]`.
    fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        let hidden: Vec<Tensor> = self.lanes.iter().map(|lane| lane.forward(x, train)).collect();
        // [B, T, N or 1, 1, width]
        let hidden = Tensor::stack(&hidden, 2).unsqueeze(-2);
        hidden.matmul(&self.weight).squeeze_dim(-2) + &self.bias
    }
}
