//! `model.pt` loaded by libtorch alone, against the network in Rust, for every kind of network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use at2seld::export;
use at2seld::model::arch::{Architecture, FusionPlacement, OutputFormat, TemporalKind};
use at2seld::model::decode::Decoding;
use at2seld::model::detector::{Detection, Detector};
use at2seld::model::prior::{Prior, load_tagger};
use at2seld::model::saved::{Origin, SavedModel};
use tch::nn::VarStore;
use tch::{CModule, Device, IValue, Kind, Tensor};

pub(crate) const RATE: u32 = 24000;
/// Samples between descriptor frames: three of them in a label frame.
const HOP: i64 = 800;
/// Rounding between two runs of the same operations.
const TOLERANCE: f64 = 1e-5;

/// The smallest network that has all its parts.
pub(crate) fn architecture(placement: &[FusionPlacement], kind: TemporalKind) -> Architecture {
    let mut arch = Architecture::default();
    arch.features.hop = HOP;
    (arch.encoder.width, arch.encoder.stages, arch.encoder.output) = (8, 2, 16);
    (arch.temporal.kind, arch.temporal.hidden) = (kind, 8);
    arch.fusion.placement = placement.to_vec();
    (arch.train.chunk_s, arch.train.batch) = (2.0, 4);
    arch
}

/// A network with the weights it begins with, exported to a folder below `folder`.
pub(crate) fn export_untrained(folder: &Path, architecture: Architecture) -> PathBuf {
    let classes = ["bell", "dog", "speech"].map(String::from).to_vec();
    let vs = VarStore::new(Device::Cpu);
    let tagger = load_tagger(&architecture.backbone, &vs).unwrap();
    let backbone_sha256 = tagger.as_ref().map_or_else(String::new, |tagger| tagger.weights_sha256().into());
    let prior = tagger.map(|tagger| Prior::new(tagger, &architecture, RATE, 2.0, Device::Cpu).unwrap());
    Detector::new(&vs, &architecture, prior, RATE, classes.len()).unwrap();
    let model = SavedModel {
        decoding: Decoding::uniform(&classes, 0.5),
        origin: Origin {
            sample_rate: RATE,
            prior_gain: 2.0,
            backbone_sha256,
            seed: 0,
            epoch: 0,
            data_fingerprint: "none".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            validation: BTreeMap::new(),
            warm_start: None,
        },
        variables: vs.variables().into_iter().collect(),
        architecture,
        classes,
    };
    let (saved, exported) = (folder.join("saved"), folder.join("exported"));
    std::fs::create_dir_all(&saved).unwrap();
    model.save(&saved).unwrap();
    export::export(&saved, &exported).unwrap();
    exported
}

pub(crate) fn noise(batch: i64, samples: i64) -> Tensor {
    let index = Tensor::arange(batch * 4 * samples, (Kind::Double, Device::Cpu));
    let noise: Tensor = (index * 78.233).sin() * 12543.123;
    noise.frac().to_kind(Kind::Float).view([batch, 4, samples]) * 0.2
}

/// Usual, odd and shortest inputs, and silence. A label frame has 2400 samples.
fn inputs() -> Vec<Tensor> {
    let shapes = [(1, 2400), (2, 2399), (1, 2401), (1, 3200), (3, 24_001), (5, 31_237), (1, 7 * 24_000 - 1)];
    let mut inputs: Vec<Tensor> = shapes.map(|(batch, samples)| noise(batch, samples)).into();
    inputs.push(Tensor::zeros([2, 4, 12_000], (Kind::Float, Device::Cpu)));
    inputs
}

pub(crate) fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

/// The outputs of a module that returns a tuple of two tensors.
fn run(module: &CModule, input: &Tensor) -> [Tensor; 2] {
    let IValue::Tuple(outputs) = module.forward_is(&[IValue::Tensor(input.shallow_clone())]).unwrap() else {
        panic!("model.pt returns no tuple")
    };
    let [IValue::Tensor(sed), IValue::Tensor(doa), rest @ ..] = &outputs[..] else {
        panic!("not two tensors")
    };
    assert!(rest.len() <= 1);
    [sed.shallow_clone(), doa.shallow_clone()]
}

/// Compares `model.pt` of an export folder with the network its other files describe.
pub(crate) fn check(exported: &Path) {
    let _guard = tch::no_grad_guard();
    let model = SavedModel::load(exported).unwrap();
    let (_variables, detector) = model.detector(Device::Cpu).unwrap();
    let module = CModule::load(exported.join(export::TORCHSCRIPT)).unwrap();
    let classes = model.classes.len() as i64;
    let tracks = match model.architecture.output.format {
        OutputFormat::Tracks => model.architecture.tracks.count,
        // One for each class.
        OutputFormat::Accdoa | OutputFormat::MultiAccdoa => model.architecture.tracks.count * classes,
    };
    for input in inputs() {
        let [sed, doa] = run(&module, &input);
        let (batch, samples) = (input.size()[0], input.size()[2]);
        let frames = (samples / HOP + 2) / 3;
        assert_eq!(sed.size(), [batch, frames, tracks, classes], "{samples} samples");
        assert_eq!(doa.size(), [batch, frames, tracks, 3], "{samples} samples");
        let Detection { activity, direction, .. } = detector.forward(&input);
        for (got, expected) in [(&sed, &activity), (&doa, &direction)] {
            let difference = largest_difference(got, expected);
            assert!(difference < TOLERANCE, "{samples} samples: {difference:e}");
        }
        assert!(sed.min().double_value(&[]) >= 0.0 && sed.max().double_value(&[]) <= 1.0);
        let length = doa.square().sum_dim_intlist(-1, false, Kind::Float).sqrt();
        assert!(largest_difference(&length, &length.ones_like()) < 1e-4, "{samples} samples");
    }
}

fn check_untrained(placement: &[FusionPlacement], kind: TemporalKind) {
    let folder = tempfile::tempdir().unwrap();
    check(&export_untrained(folder.path(), architecture(placement, kind)));
}

#[test]
fn neither_fusion_nor_smoothing() {
    check_untrained(&[], TemporalKind::None);
}

#[test]
fn smoothing_without_fusion() {
    check_untrained(&[], TemporalKind::Gru);
}

#[test]
fn fusion_without_smoothing() {
    check_untrained(&[FusionPlacement::Late], TemporalKind::None);
}
