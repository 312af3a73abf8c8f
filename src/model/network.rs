//! The trainable network: the encoder, where the paths meet, smoothing, and heads.

use tch::Tensor;
use tch::nn::{self, Module};

use super::arch::{Architecture, FusionPlacement, TemporalPlace};
use super::encoder::{Picture, SpatialEncoder};
use super::fusion::Meeting;
use super::layers::{batch_norm, linear};
use super::meeting_place::MeetingPlace;
use super::signals;
use super::temporal::Temporal;
use super::tracks::TrackHeads;
use crate::backbone::Tap;

pub use super::tracks::Output;

/// Sizes that the network takes from its surroundings.
#[derive(Debug, Clone, PartialEq)]
pub struct Interface {
    /// The descriptors.
    pub picture: Picture,
    /// Features of the tagger's output; none without a tagger.
    pub prior: Option<i64>,
    /// Where maps of both paths meet, each with what the tagger has there.
    pub meetings: Vec<(MeetingPlace, Tap)>,
    /// Classes to detect.
    pub classes: i64,
}

/// Semantic path (tagger output, projected) and spatial path (descriptors, encoded), coupled or not, smoothed in time,
/// then split into tracks.
#[derive(Debug)]
pub struct Network {
    semantic: Option<SemanticPath>,
    encoder: SpatialEncoder,
    meetings: Vec<Meeting>,
    before_temporal: Option<Meeting>,
    spatial_temporal: Option<Temporal>,
    after_temporal: Option<Meeting>,
    heads: TrackHeads,
}

#[derive(Debug)]
struct SemanticPath {
    norm: nn::BatchNorm,
    linear: nn::Linear,
    dropout: f64,
    temporal: Option<Temporal>,
}

impl Network {
    /// Creates the variables under `path`; initial values come from libtorch's random generator.
    pub fn new(path: &nn::Path, arch: &Architecture, interface: &Interface) -> Self {
        let Interface { picture, prior, classes, .. } = *interface;
        let width = arch.encoder.output_width(picture.bands, picture.frames_per_label);
        let smooths = arch.temporal.place == TemporalPlace::BeforeTracks;
        let smoothed = if smooths { arch.temporal.output_width(width) } else { width };
        let temporal =
            |name: &str| smooths.then(|| Temporal::new(&(path / "temporal" / name), &arch.temporal, width));
        let fusion = path / "fusion";
        let meeting =
            |name: &str, semantic, spatial| Meeting::new(&(&fusion / name), &arch.fusion, semantic, spatial);
        let widths = arch.encoder.widths();
        let signals = signals::count(arch.backbone.input);
        let at = |(place, tap): &(MeetingPlace, Tap)| {
            let name = match place.placement {
                FusionPlacement::Early => "early",
                FusionPlacement::Middle => "middle",
                FusionPlacement::Late => "late",
            };
            meeting(name, signals * tap.channels, widths[place.stage - 1])
        };
        let late = prior.is_some() && arch.fusion.has(FusionPlacement::Late);
        let semantic = |prior| SemanticPath {
            norm: nn::batch_norm1d(path / "semantic" / "norm", prior, Default::default()),
            linear: linear(path / "semantic" / "projection", prior, width),
            dropout: arch.backbone.dropout,
            temporal: temporal("semantic"),
        };
        Self {
            semantic: prior.map(semantic),
            encoder: SpatialEncoder::new(&(path / "encoder"), &arch.encoder, picture),
            meetings: interface.meetings.iter().map(at).collect(),
            before_temporal: late.then(|| meeting("before_temporal", width, width)),
            spatial_temporal: temporal("spatial"),
            // Without smoothing in between they have met already.
            after_temporal: (late && smooths).then(|| meeting("after_temporal", smoothed, smoothed)),
            heads: TrackHeads::new(&(path / "tracks"), arch, (prior.map(|_| smoothed), smoothed), classes),
        }
    }

    /// The encoder, to be run stage by stage.
    pub(super) fn encoder(&self) -> &SpatialEncoder {
        &self.encoder
    }

    /// Where maps of both paths meet, in the order of [`Interface::meetings`].
    pub(super) fn meetings(&self) -> &[Meeting] {
        &self.meetings
    }

    /// * `spatial`: `[B, T, C]` of the encoder.
    /// * `prior`: `[B, T, P]` of the tagger, already at label-frame rate; unless there is none.
    pub(super) fn finish(&self, spatial: Tensor, prior: Option<&Tensor>, train: bool) -> Output {
        let smooth = |temporal: &Option<Temporal>, x: Tensor| match temporal {
            Some(temporal) => temporal.forward(&x, train),
            None => x,
        };
        let Some((path, prior)) = self.semantic.as_ref().zip(prior) else {
            return self.heads.forward(None, &smooth(&self.spatial_temporal, spatial), train);
        };
        let semantic = path.project(prior, train);
        let (semantic, spatial) = meet(self.before_temporal.as_ref(), semantic, spatial);
        let semantic = smooth(&path.temporal, semantic);
        let spatial = smooth(&self.spatial_temporal, spatial);
        let (semantic, spatial) = meet(self.after_temporal.as_ref(), semantic, spatial);
        self.heads.forward(Some(&semantic), &spatial, train)
    }
}

/// Two sequences on one grid.
fn meet(meeting: Option<&Meeting>, semantic: Tensor, spatial: Tensor) -> (Tensor, Tensor) {
    match meeting {
        None => (semantic, spatial),
        Some(meeting) => (
            meeting.semantic(&semantic, || spatial.shallow_clone()),
            meeting.spatial(&spatial, || semantic.shallow_clone()),
        ),
    }
}

impl SemanticPath {
    /// `[B, T, P]` to `[B, T, C]`.
    fn project(&self, prior: &Tensor, train: bool) -> Tensor {
        let normal = batch_norm(&self.norm, &prior.transpose(1, 2), train).transpose(1, 2);
        self.linear.forward(&normal.dropout(self.dropout, train)).relu()
    }
}

#[cfg(test)]
mod tests {
    use tch::nn::VarStore;
    use tch::{Device, Kind};

    use super::*;

    const PICTURE: Picture = Picture { channels: 7, bands: 64, frames_per_label: 5 };

    #[test]
    fn without_fusion_activity_ignores_the_spatial_path() {
        let mut arch = Architecture::default();
        arch.fusion.placement.clear();
        let vs = VarStore::new(Device::Cpu);
        let interface = Interface { picture: PICTURE, prior: Some(16), meetings: Vec::new(), classes: 4 };
        let network = Network::new(&vs.root(), &arch, &interface);
        let prior = Tensor::randn([1, 4, 16], (Kind::Float, Device::Cpu));
        let said = || {
            let encoder = network.encoder();
            let scene = Tensor::randn([1, 7, 20, 64], (Kind::Float, Device::Cpu));
            let begun = encoder.begin(&scene, false);
            let map = (0..encoder.stages()).fold(begun, |x, stage| encoder.stage(stage, &x, false));
            match network.finish(encoder.finish(&map), Some(&prior), false) {
                Output::Tracks { activity, direction, .. } => (activity, direction),
                Output::Vectors { .. } => panic!("not tracks"),
            }
        };
        let ((activity, direction), (other_activity, other_direction)) = (said(), said());
        assert_eq!(activity.size(), [1, 4, 3, 4]);
        assert_eq!(activity, other_activity);
        assert_ne!(direction, other_direction);
    }
}
