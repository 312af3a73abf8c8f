use rand::RngExt;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::*;
use crate::backbone::registry;
use crate::rng;

fn noise(batch: i64, samples: i64) -> Tensor {
    let mut rng = rng::stream(7, &["noise", &samples.to_string()]);
    let values: Vec<f32> = (0..batch * samples).map(|_| rng.random_range(-0.5..0.5)).collect();
    Tensor::from_slice(&values).view([batch, samples])
}

/// A file of random weights, with the statistics of some noise.
fn file(folder: &Path, classes: i64) -> PathBuf {
    let vs = VarStore::new(Device::Cpu);
    let front_end = LogMel::new(Device::Cpu).unwrap().normalised_to(&noise(1, 48_000)).unwrap();
    let trunk = Trunk::initial(&vs.root(), front_end, &mut rng::stream(1, &[])).unwrap();
    for _ in 0..3 {
        let _ = tch::no_grad(|| trunk.embedding(&trunk.picture(&noise(4, 24_000)), true));
    }
    let mut tensors: Vec<(String, Tensor)> = vs.variables().into_iter().collect();
    tensors.extend(trunk.front_end().constants());
    let mut rng = rng::stream(2, &[]);
    tensors.push((HEAD_WEIGHT.to_owned(), initial::normal(&[classes, EMBEDDING], 0.1, &mut rng)));
    tensors.push((HEAD_BIAS.to_owned(), initial::normal(&[classes], 0.1, &mut rng)));
    let path = folder.join("mine.safetensors");
    Tensor::write_safetensors(&tensors, &path).unwrap();
    path
}

fn load(path: &Path) -> Box<dyn Tagger> {
    registry::load("small", Some(path), Device::Cpu, None).unwrap()
}

fn difference(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

#[test]
fn it_is_small_and_its_frames_are_fine_enough() {
    let network = network();
    // With the head of as many classes as AudioSet has.
    assert!(network.parameters() + 527 * (EMBEDDING + 1) < 1_000_000, "{}", network.parameters());
    assert!(network.macs_per_second() < 50e6, "{}", network.macs_per_second());
    let last = network.taps()[10];
    assert!((last.hop_s - 0.16).abs() < 1e-12 && (last.first_s - 0.14).abs() < 1e-12);
}

#[test]
fn every_block_gives_what_its_tap_says() {
    let folder = tempfile::tempdir().unwrap();
    let tagger = load(&file(folder.path(), 3));
    let picture = tagger.picture(&noise(2, 48_000));
    assert_eq!(picture.size(), [2, 1, 101, 64]);
    let mut names = std::collections::BTreeSet::new();
    for (output, tap) in tagger.blocks().outputs(&picture).iter().zip(&tagger.blocks().taps()[1..]) {
        assert_eq!(output.size(), [2, tap.channels, 101 / tap.stride, tap.bands], "{}", tap.name);
        assert!(names.insert(tap.name));
    }
    assert_eq!(names.len(), 10);
    assert_eq!(tagger.sequence(&noise(2, 48_000)).size(), [2, EMBEDDING, 12]);
    assert_eq!(tagger.sequence(&noise(1, tagger.shortest())).size()[2], 1);
}

#[test]
fn the_file_decides_the_classes_and_a_file_beside_it_their_names() {
    let folder = tempfile::tempdir().unwrap();
    for classes in [1, 7] {
        let path = file(folder.path(), classes);
        let _ = std::fs::remove_file(classes_file(&path));
        let numbers: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
        assert_eq!(load(&path).heads()[0].classes, numbers);
        let names: Vec<String> = (0..classes).map(|class| format!("sound {class}")).collect();
        std::fs::write(classes_file(&path), names.join("\n") + "\n").unwrap();
        let logits = load(&path).logits(&noise(2, 60_000)).unwrap();
        assert_eq!((&logits[0].0.classes, logits[0].1.size()), (&names, vec![2, 1, classes]));
    }
    std::fs::write(folder.path().join("mine_classes.txt"), "one\n").unwrap();
    let error = Small::load(&folder.path().join("mine.safetensors"), Device::Cpu, None).unwrap_err();
    assert!(error.to_string().contains("mine_classes.txt names 1 classes, expected 7"), "{error}");
}

#[test]
fn frozen_and_trained_blocks_give_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), 3);
    let (frozen, input) = (load(&path), noise(2, 30_000));
    for count in [0, 4, 10] {
        let vs = VarStore::new(Device::Cpu);
        let thaw = Thaw { path: vs.root(), frozen: count };
        let trained = Small::load(&path, Device::Cpu, Some(&thaw)).unwrap();
        assert_eq!(vs.trainable_variables().is_empty(), count == 10);
        let (a, b) = (frozen.sequence(&input), tch::no_grad(|| trained.sequence(&input)));
        assert!(difference(&a, &b) < 1e-4 * a.abs().max().double_value(&[]), "{count} frozen");
    }
}

#[test]
fn other_tensors_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    Tensor::write_safetensors(&[(HEAD_BIAS, Tensor::zeros([4], (Kind::Float, Device::Cpu)))], &path).unwrap();
    let error = Small::load(&path, Device::Cpu, None).unwrap_err();
    assert!(error.is_input());
    assert!(error.to_string().contains("block1.conv1.norm.bias"), "{error}");
}

#[test]
fn silence_short_sounds_and_signs() {
    let folder = tempfile::tempdir().unwrap();
    let tagger = load(&file(folder.path(), 3));
    for samples in [1, 100, 512, 48_001] {
        for sound in [noise(1, samples), noise(1, samples) * 0.0, noise(1, samples) * 1e4] {
            let logits = &tagger.logits(&sound).unwrap()[0].1;
            assert!(bool::try_from(logits.isfinite().all()).unwrap(), "{samples}");
        }
    }
    assert!(tagger.logits(&noise(1, 0)).is_err());
    let sound = noise(1, 20_000);
    assert_eq!(tagger.picture(&sound), tagger.picture(&-&sound));
    // A sample that is no number is not heard as something, and does not reach the other sounds of a batch.
    let pair = noise(2, 60_000);
    let _ = pair.get(0).narrow(0, 30_000, 1).fill_(f64::NAN);
    let logits = &tagger.logits(&pair).unwrap()[0].1;
    assert!(bool::try_from(logits.get(0).isnan().all()).unwrap());
    let alone = &tagger.logits(&pair.narrow(0, 1, 1)).unwrap()[0].1;
    assert!(difference(&logits.get(1), &alone.get(0)) < 1e-4);
}

#[test]
fn a_trace_serves_other_batches_and_lengths() {
    let folder = tempfile::tempdir().unwrap();
    let tagger = load(&file(folder.path(), 3));
    let mut closure = |inputs: &[Tensor]| vec![tagger.sequence(&inputs[0])];
    let traced =
        tch::CModule::create_by_tracing("Prior", "forward", &[noise(1, 12_000)], &mut closure).unwrap();
    let other = noise(2, 20_000);
    let (expected, got) = (tagger.sequence(&other), traced.forward_ts(&[&other]).unwrap());
    assert_eq!(expected.size(), got.size());
    assert!(difference(&expected, &got) < 1e-5);
}
