//! Whole networks from files in each of the forms that people have them in.

use std::path::Path;

use at2seld::backbone::checkpoint::Checkpoint;
use at2seld::backbone::registry::{self, Network};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::torch_file::{self, Around, Format, Named};

const FORMS: [Around; 4] = [Around::Nothing, Around::Key("model"), Around::Key("state_dict"), Around::Tuple];
/// Input and output channels of YAMNet's layers.
const YAMNET: [i64; 15] = [1, 32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024];

/// A tensor with random values that a network can work with.
fn named(name: &str, shape: &[i64]) -> Named {
    let fan_in: i64 = shape.iter().skip(1).product();
    let random = Tensor::randn(shape, (Kind::Float, Device::Cpu));
    let values = match name {
        name if name.ends_with("running_var") => random.abs() + 0.5,
        _ if shape.len() > 1 => random * (2.0 / fan_in as f64).sqrt(),
        _ => random * 0.1 + 0.5,
    };
    let values = Vec::try_from(values.flatten(0, -1)).unwrap();
    Named { name: name.to_owned(), shape: shape.to_vec(), values }
}

/// Cnn6 as its authors have it, without the tensors that can be computed.
fn cnn6() -> Vec<Named> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/backbones/panns_formula.json");
    let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let described = document["models"]["Cnn6"]["tensors"].as_array().unwrap();
    let of = |tensor: &Value| {
        let name = tensor["name"].as_str().unwrap();
        let shape: Vec<i64> = serde_json::from_value(tensor["shape"].clone()).unwrap();
        let is_needed = !name.contains("_extractor.") && tensor["dtype"] != "int64";
        is_needed.then(|| named(name, &shape))
    };
    described.iter().filter_map(of).collect()
}

/// YAMNet as torch_audioset has it.
fn yamnet() -> Vec<Named> {
    let mut tensors = vec![named("classifier.weight", &[521, 1024]), named("classifier.bias", &[521])];
    let mut convolution = |name: &str, shape: [i64; 4]| {
        tensors.push(named(&format!("{name}.conv.weight"), &shape));
        for part in ["weight", "bias", "running_mean", "running_var"] {
            tensors.push(named(&format!("{name}.bn.{part}"), &shape[..1]));
        }
    };
    convolution("layer1.fused", [YAMNET[1], 1, 3, 3]);
    for layer in 2..YAMNET.len() {
        let [input, output] = [YAMNET[layer - 1], YAMNET[layer]];
        convolution(&format!("layer{layer}.depthwise_conv"), [input, 1, 3, 3]);
        convolution(&format!("layer{layer}.pointwise_conv"), [output, input, 1, 1]);
    }
    tensors
}

fn logits(network: &str, path: &Path, waveform: &Tensor) -> Tensor {
    let tagger = registry::load(network, Some(path), Device::Cpu, None).unwrap_or_else(|e| panic!("{e}"));
    tagger.logits(waveform).unwrap().pop().unwrap().1
}

#[test]
fn a_network_is_the_same_from_every_form_of_file() {
    let folder = tempfile::tempdir().unwrap();
    let waveform = Tensor::randn([1, 16000], (Kind::Float, Device::Cpu)) * 0.1;
    for (network, tensors) in [("cnn6", cnn6()), ("yamnet", yamnet())] {
        let plain = folder.path().join("plain.safetensors");
        let pairs = tensors.iter().map(|t| (&t.name, Tensor::from_slice(&t.values).view(t.shape.as_slice())));
        Tensor::write_safetensors(&pairs.collect::<Vec<_>>(), &plain).unwrap();
        let expected = logits(network, &plain, &waveform);
        assert!(expected.std(false).double_value(&[]) > 1e-3, "{network} says the same of all classes");
        for (format, form) in [Format::Legacy, Format::Zip].into_iter().flat_map(|f| FORMS.map(|g| (f, g))) {
            let path = folder.path().join("weights.pth");
            torch_file::write(&path, &tensors, format, form);
            assert_eq!(logits(network, &path, &waveform), expected, "{network} {format:?} {form:?}");
            let read = Checkpoint::read(&path).unwrap().tensors;
            let networks: Vec<&str> = Network::of(&read).into_iter().map(Network::name).collect();
            assert_eq!(networks, [network], "{format:?} {form:?}");
        }
    }
}

#[test]
fn class_names_beside_a_checkpoint_are_its_classes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.pth");
    torch_file::write(&path, &cnn6(), Format::Zip, Around::Key("model"));
    let classes = || {
        registry::load("cnn6", Some(&path), Device::Cpu, None).map(|tagger| tagger.heads().remove(0).classes)
    };
    assert_eq!(classes().unwrap()[526], "526");
    let rows: String =
        (0..527).rev().map(|class| format!("{class},/m/{class},\"Sound {class}, loud\"\n")).collect();
    std::fs::write(folder.path().join("mine_classes.csv"), format!("index,mid,display_name\n{rows}"))
        .unwrap();
    assert_eq!(classes().unwrap()[526], "Sound 526, loud");
    std::fs::write(folder.path().join("mine_classes.txt"), "Speech\n").unwrap();
    let error = classes().unwrap_err().to_string();
    assert!(error.ends_with("mine_classes.txt names 1 classes, expected 527"), "{error}");
}
