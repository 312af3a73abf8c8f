//! PANNs with weights from a formula against their authors' code, for every `*panns*.safetensors`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use at2seld::backbone::Tagger;
use at2seld::backbone::panns::{CNN6, CNN10, CNN14, EPANNS, MOBILENETV1, Panns, Variant};
use at2seld::features::Scale;
use at2seld::features::filterbank::{BankConfig, Norm};
use rayon::prelude::*;
use safetensors::tensor::{Dtype, View};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::folders;
use super::tensors::Tensors;

const LOG_MEL_TOLERANCE_DB: f64 = 1e-3;
const BLOCK_TOLERANCE: f64 = 1e-4;
const EMBEDDING_TOLERANCE: f64 = 1e-4;
const LOGITS_TOLERANCE: f64 = 5e-4;
const PROBABILITY_TOLERANCE: f64 = 1e-4;
/// Difference of the sum of a tensor's values from the recorded one: orders of summation differ.
const SUM_TOLERANCE: f64 = 1e-6;
/// The same, and that of values, for tensors of the front-end: their authors compute them in other ways.
const FRONTEND_TOLERANCE: f64 = 1e-5;
/// Transform length of the front-end.
const N_FFT: usize = 1024;

const VARIANTS: [(&str, &Variant); 5] = [
    ("Cnn6", &CNN6),
    ("Cnn10", &CNN10),
    ("Cnn14", &CNN14),
    ("MobileNetV1", &MOBILENETV1),
    ("EPANNs", &EPANNS),
];

#[test]
fn panns_equal_their_authors_code() {
    let mut compared = 0;
    for (description, cases) in cases() {
        let models = models(&description);
        let cases: Vec<Tensors> = cases.iter().map(|path| Tensors::read(path)).collect();
        for (name, variant) in VARIANTS {
            let network = built(variant, &models[name]);
            for case in &cases {
                compare(&network, name, &models[name], case);
                compared += 1;
            }
        }
    }
    assert!(compared > 0, "no case found");
}

#[test]
fn a_sequence_survives_tracing_with_other_batches_and_lengths() {
    let network = cnn6();
    let noise = |batch, samples| Tensor::randn([batch, samples], (Kind::Float, Device::Cpu)) * 0.1;
    let mut closure = |inputs: &[Tensor]| vec![network.sequence(&inputs[0])];
    let traced =
        tch::CModule::create_by_tracing("Prior", "forward", &[noise(1, 16000)], &mut closure).unwrap();
    let other = noise(2, 27000);
    let (expected, got) = (network.sequence(&other), traced.forward_ts(&[&other]).unwrap());
    let tap = network.blocks().last();
    assert_eq!(expected.size()[..2], [2, tap.channels]);
    assert_eq!(expected.size(), got.size());
    assert!((expected - got).abs().max().double_value(&[]) < 1e-5);
}

#[test]
fn frames_stand_for_the_middle_of_what_they_see() {
    let network = cnn6();
    let waveform = Tensor::randn([1, 64000], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let outputs = network.block_outputs(&network.log_mel(&waveform));
    for (output, tap) in outputs.iter().zip(&network.blocks().taps()[1..]) {
        let frame = output.size()[2] / 2;
        let gradient =
            Tensor::run_backward(&[output.select(2, frame).sum(Kind::Float)], &[&waveform], true, false);
        let seen = gradient[0].flatten(0, -1).nonzero().flatten(0, -1);
        let (first, last) = (seen.int64_value(&[0]), seen.int64_value(&[seen.size()[0] - 1]));
        let middle = (first + last) as f64 / 2.0;
        let expected = (tap.first_s + frame as f64 * tap.hop_s) * f64::from(network.sample_rate());
        assert_eq!(output.size()[1..], [tap.channels, output.size()[2], tap.bands], "{}", tap.name);
        // The first sample of a window counts nothing.
        assert!((middle - expected).abs() <= 1.0, "{}: {middle} {expected}", tap.name);
    }
}

#[test]
fn short_waveforms_are_tagged_and_one_frame_needs_the_shortest() {
    let network = cnn6();
    let noise = |samples| Tensor::randn([1, samples], (Kind::Float, Device::Cpu)) * 0.1;
    let shortest = network.shortest();
    assert_eq!(network.sequence(&noise(shortest)).size()[2], 1);
    let short = noise(7);
    let continued = short.constant_pad_nd([0, shortest - 7]);
    assert_eq!(network.embed(&short).unwrap(), network.embed(&continued).unwrap());
    assert_eq!(network.logits(&short).unwrap()[0].1.size(), [1, 1, 527]);
    assert!(network.embed(&noise(0)).is_err());
}

#[test]
fn a_checkpoint_may_lack_its_front_end_but_not_have_another() {
    let mut description = models(&described())["Cnn6"].clone();
    let frontend = |tensor: &Value| tensor["name"].as_str().unwrap().contains("_extractor.");
    let with = built(&CNN6, &description);
    description["tensors"].as_array_mut().unwrap().retain(|tensor| !frontend(tensor));
    let without = built(&CNN6, &description);
    let noise = Tensor::randn([1, 8000], (Kind::Float, Device::Cpu));
    assert_eq!(with.log_mel(&noise), without.log_mel(&noise));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let mel = Tensor::zeros([257, 64], (Kind::Float, Device::Cpu));
    Tensor::write_safetensors(&[("logmel_extractor.melW", mel)], &path).unwrap();
    let error = Panns::load(&CNN14, &path, Device::Cpu, None).unwrap_err().to_string();
    assert!(error.contains("logmel_extractor.melW has shape [257, 64], expected [513, 64]"), "{error}");
}

/// The description of the weights for each case: that beside it, else our own.
fn cases() -> BTreeMap<PathBuf, Vec<PathBuf>> {
    let is_panns =
        |path: &PathBuf| path.file_stem().is_some_and(|stem| stem.to_string_lossy().contains("panns"));
    let described: Vec<PathBuf> = folders::cases("backbones", "json").into_iter().filter(is_panns).collect();
    let mut cases = BTreeMap::<_, Vec<PathBuf>>::new();
    for case in folders::cases("backbones", "safetensors").into_iter().filter(is_panns) {
        let beside = described.iter().find(|path| path.parent() == case.parent());
        cases.entry(beside.cloned().unwrap_or_else(self::described)).or_default().push(case);
    }
    cases
}

fn described() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/backbones/panns_formula.json")
}

fn models(description: &Path) -> Value {
    let document: Value = serde_json::from_slice(&std::fs::read(description).unwrap()).unwrap();
    document["models"].clone()
}

fn cnn6() -> Panns {
    built(&CNN6, &models(&described())["Cnn6"])
}

/// The network with the weights of the formula, by way of a file.
fn built(variant: &Variant, model: &Value) -> Panns {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let tensors = model["tensors"].as_array().unwrap().iter().map(Formula::new);
    let named = tensors.map(|tensor| (tensor.name.clone(), tensor));
    safetensors::serialize_to_file(named, None, &path).unwrap();
    Panns::load(variant, &path, Device::Cpu, None).unwrap_or_else(|e| panic!("{e}"))
}

fn compare(network: &Panns, name: &str, model: &Value, expected: &Tensors) {
    let waveform = expected.get("waveform").unsqueeze(0);
    let log_mel = network.log_mel(&waveform);
    expected.assert_close("log_mel", &log_mel.squeeze_dim(0), LOG_MEL_TOLERANCE_DB);
    // bn0 is a norm over bands: the authors have them as channels, [64, T, 1].
    let normalised = network.normalised(&log_mel).squeeze_dim(0);
    let outputs = network.block_outputs(&log_mel).into_iter().map(|output| output.squeeze_dim(0));
    let outputs: Vec<Tensor> = outputs.chain([normalised]).collect();
    let names: Vec<&str> =
        model["block_order"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(&names[..names.len() - 1], network.variant().blocks);
    for (block, output) in names.iter().zip(&outputs) {
        let slice = format!("{name}.{block}.slice");
        let mut corner = output.shallow_clone();
        for (axis, length) in expected.get(&slice).size().into_iter().enumerate() {
            corner = corner.narrow(axis as i64, 0, length);
        }
        expected.assert_close(&slice, &corner, BLOCK_TOLERANCE);
    }
    let means: Vec<Tensor> = outputs.iter().map(|output| output.mean(Kind::Double)).collect();
    expected.assert_close(&format!("{name}.block_mean"), &Tensor::stack(&means, 0), BLOCK_TOLERANCE);
    let deviations: Vec<Tensor> =
        outputs.iter().map(|output| output.to_kind(Kind::Double).std(false)).collect();
    expected.assert_close(&format!("{name}.block_std"), &Tensor::stack(&deviations, 0), BLOCK_TOLERANCE);
    let embedding = network.embed(&waveform).unwrap().flatten(0, -1);
    expected.assert_close(&format!("{name}.embedding"), &embedding, EMBEDDING_TOLERANCE);
    let (head, logits) = network.logits(&waveform).unwrap().pop().unwrap();
    let logits = logits.flatten(0, -1);
    assert_eq!(head.classes.len() as i64, logits.size()[0]);
    expected.assert_close(&format!("{name}.logits"), &logits, LOGITS_TOLERANCE);
    let probabilities = head.activation.apply(&logits);
    expected.assert_close(&format!("{name}.clipwise_output"), &probabilities, PROBABILITY_TOLERANCE);
    let last = &outputs[outputs.len() - 2];
    let sequence = network.sequence(&waveform).squeeze_dim(0);
    assert!(
        (last.mean_dim([2].as_slice(), false, Kind::Float) - sequence).abs().max().double_value(&[]) < 1e-5
    );
}

/// A tensor whose values are computed when they are written.
struct Formula {
    name: String,
    shape: Vec<usize>,
    seed: u32,
    counter: bool,
    first: Vec<f64>,
    sum: f64,
}

impl Formula {
    fn new(tensor: &Value) -> Self {
        let number = |value: &Value| value.as_u64().unwrap();
        Self {
            name: tensor["name"].as_str().unwrap().to_owned(),
            shape: tensor["shape"].as_array().unwrap().iter().map(|n| number(n) as usize).collect(),
            seed: number(&tensor["seed"]) as u32,
            counter: tensor["dtype"] == "int64",
            first: tensor["first4"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect(),
            sum: tensor["sum"].as_f64().unwrap(),
        }
    }

    fn is_frontend(&self) -> bool {
        self.name.starts_with("spectrogram_extractor.") || self.name.starts_with("logmel_extractor.")
    }

    fn values(&self) -> Vec<f32> {
        if self.name == "logmel_extractor.melW" {
            return mel_matrix();
        }
        let count: usize = self.shape.iter().product();
        let fan_in: usize = self.shape.iter().skip(1).product();
        let value: Box<dyn Fn(f64) -> f64 + Sync> = match self.name.as_str() {
            "spectrogram_extractor.stft.conv_real.weight" => return transform(f64::cos),
            "spectrogram_extractor.stft.conv_imag.weight" => return transform(|phase| -phase.sin()),
            "bn0.running_mean" => Box::new(|u| -22.0 + 4.0 * u),
            "bn0.running_var" => Box::new(|u| 150.0 * (1.0 + 0.3 * u)),
            name if name.ends_with("running_mean") => Box::new(|u| 0.1 * u),
            name if name.ends_with("running_var") => Box::new(|u| 1.0 + 0.3 * u),
            _ if self.shape.len() >= 2 => {
                let width = (6.0 / fan_in as f64).sqrt();
                Box::new(move |u| u * width)
            }
            name if name.ends_with(".weight") => Box::new(|u| 1.0 + 0.2 * u),
            _ => Box::new(|u| 0.1 * u),
        };
        (0..count as u32).into_par_iter().map(|i| value(uniform(i, self.seed)) as f32).collect()
    }

    /// Asserts that the values are those that the authors' code was given.
    fn check(&self, values: &[f32]) {
        let (each, all) = match self.is_frontend() {
            true => (FRONTEND_TOLERANCE, FRONTEND_TOLERANCE),
            false => (0.0, SUM_TOLERANCE),
        };
        for (got, expected) in values.iter().zip(&self.first) {
            assert!((f64::from(*got) - expected).abs() <= each, "{}: {got} {expected}", self.name);
        }
        let sum: f64 = values.par_iter().map(|value| f64::from(*value)).sum();
        assert!((sum - self.sum).abs() <= all, "{}: {sum} {}", self.name, self.sum);
    }
}

impl View for Formula {
    fn dtype(&self) -> Dtype {
        if self.counter { Dtype::I64 } else { Dtype::F32 }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        if self.counter {
            return Cow::Owned(vec![0; self.data_len()]);
        }
        let values = self.values();
        self.check(&values);
        let mut bytes = vec![0; self.data_len()];
        bytes
            .par_chunks_exact_mut(4)
            .zip(values)
            .for_each(|(place, v)| place.copy_from_slice(&v.to_le_bytes()));
        Cow::Owned(bytes)
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * if self.counter { 8 } else { 4 }
    }
}

/// In [-1, 1), from a hash of the place and the seed.
fn uniform(i: u32, seed: u32) -> f64 {
    f64::from(hash(i, seed)) / 4_294_967_296.0 * 2.0 - 1.0
}

fn hash(i: u32, seed: u32) -> u32 {
    let mut x =
        i.wrapping_mul(0x9E37_79B1).wrapping_add(seed.wrapping_mul(0x85EB_CA77)).wrapping_add(0x1656_67B1);
    x ^= x >> 15;
    x = x.wrapping_mul(0x2C1B_3C6D);
    x ^= x >> 12;
    x = x.wrapping_mul(0x297A_2D39);
    x ^ (x >> 15)
}

/// The windowed Fourier transform as kernels of a convolution, `[513, 1, 1024]`.
fn transform(wave: impl Fn(f64) -> f64 + Sync) -> Vec<f32> {
    let turn = 2.0 * std::f64::consts::PI / N_FFT as f64;
    let value = |index: usize| {
        let (bin, n) = (index / N_FFT, index % N_FFT);
        let window = 0.5 - 0.5 * (turn * n as f64).cos();
        (window * wave(turn * (bin * n % N_FFT) as f64)) as f32
    };
    (0..(N_FFT / 2 + 1) * N_FFT).into_par_iter().map(value).collect()
}

/// `[513, 64]`
fn mel_matrix() -> Vec<f32> {
    let bank = BankConfig {
        sample_rate: 32000,
        n_fft: N_FFT as i64,
        bands: 64,
        fmin_hz: 50.0,
        fmax_hz: 14000.0,
        scale: Scale::Mel,
        linear_below_hz: 0.0,
        norm: Norm::Area,
    };
    Vec::try_from(bank.matrix(Device::Cpu).unwrap().flatten(0, -1)).unwrap()
}

#[test]
fn the_formula_is_that_of_the_references() {
    let known = [
        (0, 1, 3_786_603_423),
        (1, 1, 2_460_750_781),
        (12345, 7, 2_800_861_067),
        (20_000_000, 84, 3_921_291_757),
    ];
    for (i, seed, x) in known {
        assert_eq!(hash(i, seed), x);
    }
}
