//! Architectures drawn from the whole space: each is built, runs forward and backward, is exported, read back, and says the
//! same.

use at2seld::model::arch::{
    Activation, Architecture, Block, Convolution, FusionDirection, FusionOperator, FusionPlacement, Norm,
    OutputFormat, PoolKind, Reduction, TemporalJoin, TemporalKind, TemporalPlace, TrackKind, TrackSharing,
};
use at2seld::model::detector::Detector;
use at2seld::model::network::Output;
use at2seld::model::prior::{Prior, load_tagger};
use at2seld::torch_ext::measured;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use crate::network::{RATE, check, export_untrained, noise};

fn text<T: serde::Serialize>(values: &[T]) -> BoxedStrategy<Value> {
    select(values.iter().map(|value| serde_json::to_value(value).unwrap()).collect::<Vec<_>>()).boxed()
}

fn encoder() -> impl Strategy<Value = Value> {
    let reduction = || text(&[Reduction::Pool, Reduction::Stride]);
    let shape = (1usize..4, 1i64..3, text(&[Block::Residual, Block::Plain]), 3i64..9);
    let layers = (
        text(&[Convolution::Full, Convolution::Separable]),
        select(vec![[1, 3], [3, 3], [5, 3]]),
        text(&[Norm::Batch, Norm::Group, Norm::None]),
        text(&[Activation::Relu, Activation::LeakyRelu, Activation::Elu, Activation::Gelu, Activation::Silu]),
        select(vec![0i64, 2, 16]),
        text(&[PoolKind::Max, PoolKind::Mean]),
    );
    let factors = (any::<bool>(), 0usize..4, any::<bool>(), reduction(), reduction(), any::<bool>());
    (shape, layers, factors).prop_map(
        |((stages, blocks, block, width), (convolution, kernel, norm, activation, squeeze, pool), factors)| {
            let (given_times, three_at, given_bands, time_by, band_by, drops) = factors;
            // Three descriptor frames in a label frame: in one of the stages, or left to the end.
            let times: Vec<i64> = (0..stages).map(|stage| if stage == three_at { 3 } else { 1 }).collect();
            let bands: Vec<i64> = (0..stages as i64).map(|stage| 1 + (stage + 1) % 3).collect();
            let drops = drops && block == json!("residual");
            json!({
                "stages": stages, "blocks": blocks, "block": block, "width": width, "max_width": 12,
                "convolution": convolution, "kernel": kernel, "norm": norm, "activation": activation,
                "squeeze_excitation": squeeze, "pool": pool, "output": 11, "time_by": time_by, "band_by": band_by,
                "time_factors": if given_times { json!(times) } else { Value::Null },
                "band_factors": if given_bands { json!(bands) } else { Value::Null },
                "stochastic_depth": if drops { 0.3 } else { 0.0 },
            })
        },
    )
}

fn fusion() -> impl Strategy<Value = Value> {
    let all = vec![FusionPlacement::Early, FusionPlacement::Middle, FusionPlacement::Late];
    let operators = [
        FusionOperator::CrossStitch,
        FusionOperator::Concat,
        FusionOperator::Film,
        FusionOperator::Gated,
        FusionOperator::CrossAttention,
    ];
    let directions = [FusionDirection::Both, FusionDirection::ToSpatial, FusionDirection::ToSemantic];
    (subsequence(all, 0..=3), text(&operators), text(&directions), 1i64..4).prop_map(
        |(placement, operator, direction, heads)| {
            json!({"placement": placement, "operator": operator, "direction": direction, "heads": heads})
        },
    )
}

fn temporal() -> impl Strategy<Value = Value> {
    let kinds = [TemporalKind::None, TemporalKind::Gru, TemporalKind::Conformer, TemporalKind::Tcn];
    let places = [TemporalPlace::BeforeTracks, TemporalPlace::PerTrack];
    let joins = [TemporalJoin::Concat, TemporalJoin::Product];
    (text(&kinds), text(&places), any::<bool>(), text(&joins), 1i64..3, select(vec![1i64, 3, 7])).prop_map(
        |(kind, place, both, join, layers, kernel)| {
            let both = both || join == json!("product");
            json!({
                "kind": kind, "place": place, "bidirectional": both, "join": join, "layers": layers,
                "kernel": kernel, "hidden": 9, "heads": 2, "dropout": 0.1,
            })
        },
    )
}

fn tracks_and_output() -> impl Strategy<Value = (Value, Value)> {
    let kinds = [TrackKind::Linear, TrackKind::Conv1d, TrackKind::Attention];
    let formats = [OutputFormat::Tracks, OutputFormat::Accdoa, OutputFormat::MultiAccdoa];
    let sharings = [TrackSharing::Separate, TrackSharing::Shared];
    (text(&kinds), text(&sharings), text(&formats), 1i64..6, 1i64..3, any::<bool>()).prop_map(
        |(kind, sharing, format, count, depth, distance)| {
            let count = if format == json!("accdoa") { 1 } else { count };
            let tracks = json!({
                "kind": kind, "sharing": sharing, "count": count, "depth": depth, "width": 10, "heads": 3,
            });
            (tracks, json!({"format": format, "distance": distance}))
        },
    )
}

/// An architecture of the whole space, small.
pub(crate) fn architecture() -> impl Strategy<Value = Architecture> {
    let features =
        select(vec![json!(["logmel", "iv"]), json!(["logmel"]), json!(["magnitude", "eigenvector"])]);
    let hears = select(vec![("omni", "side_by_side"), ("beams", "side_by_side"), ("beams", "mean_max")]);
    let tagger = (text(&["aisfx", "none"]), hears, 1i64..5, select(vec![json!("all"), json!(1)]));
    (encoder(), fusion(), temporal(), tracks_and_output(), features, tagger).prop_map(
        |(encoder, mut fusion, temporal, (tracks, output), descriptors, (name, (input, signals), bands, freeze))| {
            if name == json!("none") {
                fusion["placement"] = json!([]);
            }
            let document = json!({
                "features": {"hop": 800, "bands": 20, "descriptors": descriptors},
                "encoder": encoder, "fusion": fusion, "temporal": temporal, "tracks": tracks, "output": output,
                "backbone": {
                    "name": name, "input": input, "signals": signals, "bands": bands, "freeze": freeze,
                },
                "train": {"chunk_s": 2.0},
            });
            let architecture = Architecture::from_value(document).unwrap();
            assert_eq!(architecture.validate(), []);
            architecture
        },
    )
}

/// Mean of all that an output says.
fn mean(output: &Output) -> Tensor {
    let parts = match output {
        Output::Tracks { activity, direction, distance } => (vec![activity, direction], distance),
        Output::Vectors { vectors, distance } => (vec![vectors], distance),
    };
    let all: Vec<Tensor> = parts.0.into_iter().chain(parts.1).map(|part| part.mean(Kind::Float)).collect();
    Tensor::stack(&all, 0).sum(Kind::Float)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_architecture_learns_from_any_batch(arch in architecture()) {
        tch::manual_seed(1);
        let vs = VarStore::new(Device::Cpu);
        let tagger = load_tagger(&arch.backbone, &vs).unwrap();
        let prior = tagger.map(|tagger| Prior::new(tagger, &arch, RATE, 2.0, Device::Cpu).unwrap());
        let detector = Detector::new(&vs, &arch, prior, RATE, 3).unwrap();
        let parameters: i64 = vs.trainable_variables().iter().map(|variable| variable.numel() as i64).sum();
        prop_assert_eq!(detector.cost(&arch).parameters as i64, parameters);
        // Two odd lengths, one frame of one recording, and silence.
        let silence = Tensor::zeros([2, 4, 12_000], (Kind::Float, Device::Cpu));
        for (sound, frames) in [(noise(2, 24_001), 10), (noise(1, 9_500), 4), (noise(1, 2400), 1), (silence, 5)] {
            let output = {
                let descriptors = detector.front_end().forward(&sound);
                let heard = detector.prior().map(|prior| tch::no_grad(|| prior.hear(&sound)));
                detector.run(&descriptors, heard.as_ref(), true)
            };
            let found = detector.detection(&output);
            prop_assert_eq!(found.activity.size()[..2].to_vec(), vec![sound.size()[0], frames]);
            prop_assert_eq!(found.distance.is_some(), arch.output.distance);
            mean(&output).backward();
        }
        for (name, variable) in vs.variables() {
            let gradient = variable.grad();
            if gradient.defined() {
                prop_assert!(bool::try_from(gradient.isfinite().all()).unwrap(), "gradient of {name}");
            }
        }
        // A path that nothing is read from learns nothing; all others do.
        let reached = vs.trainable_variables().iter().filter(|variable| variable.grad().defined()).count();
        prop_assert!(reached > vs.trainable_variables().len() / 3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn every_architecture_is_exported_and_says_the_same(arch in architecture()) {
        let folder = tempfile::tempdir().unwrap();
        check(&export_untrained(folder.path(), arch));
    }
}

/// Sound that a run is measured on.
const SECONDS: i64 = 2;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn cost_is_what_a_run_takes(arch in architecture()) {
        tch::manual_seed(1);
        let vs = VarStore::new(Device::Cpu);
        let tagger = load_tagger(&arch.backbone, &vs).unwrap();
        let prior = tagger.map(|tagger| Prior::new(tagger, &arch, RATE, 2.0, Device::Cpu).unwrap());
        let detector = Detector::new(&vs, &arch, prior, RATE, 3).unwrap();
        let sound = noise(1, SECONDS * i64::from(RATE));
        let (descriptors, heard) = tch::no_grad(|| {
            (detector.front_end().forward(&sound), detector.prior().map(|prior| prior.hear(&sound)))
        });
        let (_, of_tagger) = measured(|| {
            tch::no_grad(|| detector.prior().map(|prior| prior.hear(&sound)))
        });
        let (output, taken) = measured(|| detector.run(&descriptors, heard.as_ref(), true));
        drop(output);
        let cost = detector.cost(&arch);
        let macs = (taken.macs + of_tagger.macs) as f64 / SECONDS as f64;
        // The tagger is also given silence after the sound, so that short sounds are heard.
        let most = if arch.backbone.is_none() { 1.001 } else { 1.1 };
        let ratio = macs / cost.macs_per_second as f64;
        prop_assert!((0.999..most).contains(&ratio), "multiply-adds: {ratio} of what was computed");
        let ratio = taken.bytes as f64 / cost.activation_bytes as f64;
        prop_assert!((0.6..1.7).contains(&ratio), "memory: {ratio} of what was computed");
    }
}
