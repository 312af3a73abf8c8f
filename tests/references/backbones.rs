//! Pretrained taggers against their authors' code, for every `*aisfx*.safetensors`.

use at2seld::backbone::aisfx::Aisfx;
use at2seld::backbone::{Resampler, Tagger, registry};
use tch::{Device, Kind, Tensor};

use super::folders;
use super::tensors::Tensors;

const SPECTROGRAM_TOLERANCE: f64 = 1e-5;
const BLOCK_TOLERANCE: f64 = 1e-4;
const EMBEDDING_TOLERANCE: f64 = 1e-4;
const LOGITS_TOLERANCE: f64 = 1e-3;

/// The network, when its weights are there.
fn aisfx() -> Option<Aisfx> {
    let weights = registry::weights_of("aisfx", None).unwrap();
    if !weights.exists() {
        eprintln!("skipped: no weights at {}; `make setup` puts them there", weights.display());
        return None;
    }
    Some(Aisfx::load(&weights, Device::Cpu, None).unwrap())
}

#[test]
fn aisfx_equals_its_authors_code() {
    let Some(network) = aisfx() else { return };
    let mut compared = 0;
    for path in folders::cases("backbones", "safetensors") {
        if path.file_stem().is_some_and(|stem| stem.to_string_lossy().contains("aisfx")) {
            compare(&network, &Tensors::read(&path));
            compared += 1;
        }
    }
    assert!(compared > 0, "no case found");
}

#[test]
fn aisfx_sequence_survives_tracing_with_other_batches_and_lengths() {
    let Some(network) = aisfx() else { return };
    let resampler = Resampler::new(24000, network.sample_rate(), Device::Cpu).unwrap();
    let forward = |waveform: &Tensor| network.sequence(&resampler.forward(waveform));
    let noise = |batch, samples| Tensor::randn([batch, samples], (Kind::Float, Device::Cpu)) * 0.1;
    let mut closure = |inputs: &[Tensor]| vec![forward(&inputs[0])];
    let traced =
        tch::CModule::create_by_tracing("Prior", "forward", &[noise(1, 12000)], &mut closure).unwrap();
    let other = noise(2, 20000);
    let (expected, got) = (forward(&other), traced.forward_ts(&[&other]).unwrap());
    let tap = network.blocks().last();
    assert_eq!(expected.size()[..2], [2, tap.channels]);
    assert_eq!(expected.size(), got.size());
    assert!((expected - got).abs().max().double_value(&[]) < 1e-5);
    let shortest = |samples| network.sequence(&noise(1, samples)).size()[2];
    assert_eq!(shortest(network.shortest()), 1);
}

fn compare(network: &Aisfx, expected: &Tensors) {
    let waveform = expected.get("waveform").unsqueeze(0);
    let loudest = waveform.abs().max().double_value(&[]);
    let level = if loudest > 0.0 { 1.0 / loudest } else { 1.0 };
    let spectrogram = network.spectrogram(&(waveform.to_kind(Kind::Double) * level)).squeeze_dim(0);
    expected.assert_close("spectrogram", &spectrogram, SPECTROGRAM_TOLERANCE);
    expected.assert_close(
        "embedding",
        &network.embed(&waveform).unwrap().squeeze_dim(0),
        EMBEDDING_TOLERANCE,
    );
    for (head, logits) in network.logits(&waveform).unwrap() {
        expected.assert_close(&format!("logits.{}", head.name), &logits.squeeze_dim(0), LOGITS_TOLERANCE);
    }
    let first = network.patches(&waveform).unwrap().select(1, 0);
    for (output, block) in network.block_outputs(&first).iter().zip(1..) {
        let output = output.squeeze_dim(0);
        let slice = format!("conv_block{block}.slice");
        let mut corner = output.shallow_clone();
        for (axis, length) in expected.get(&slice).size().into_iter().enumerate() {
            corner = corner.narrow(axis as i64, 0, length);
        }
        expected.assert_close(&slice, &corner, BLOCK_TOLERANCE);
        let moments = Tensor::stack(&[output.mean(Kind::Float), output.std(false)], 0);
        expected.assert_close(&format!("conv_block{block}.mean_std"), &moments, BLOCK_TOLERANCE);
    }
}
