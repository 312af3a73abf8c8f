//! YAMNet against a float64 run of its network, for every `*yamnet*.safetensors`; and on real recordings.

use std::path::{Path, PathBuf};

use at2seld::audio;
use at2seld::backbone::checkpoint::Checkpoint;
use at2seld::backbone::yamnet::Yamnet;
use at2seld::backbone::{Resampler, Tagger, registry};
use tch::{Device, Kind, Tensor};

use super::folders;
use super::tensors::Tensors;

const LAYER_TOLERANCE: f64 = 1e-4;
/// From log-mel frames as stored.
const NETWORK: Tolerances = Tolerances { embedding: 1e-4, logits: 5e-4, scores: 2e-5 };
/// From the waveform: in a tone's quiet bands the logarithm sees the transform's rounding.
const END_TO_END: Tolerances = Tolerances { embedding: 2e-3, logits: 1e-2, scores: 2e-4 };
const LOG_MEL_TOLERANCE: f64 = 1e-2;
/// The mel matrix of the TFLite graph is rounded to 8 bits.
const TFLITE_TOLERANCE: f64 = 1e-2;
/// Part of the clips of a bank that must have their class among the five most probable.
const RECOGNISED: f64 = 0.6;
/// One clip in so many is heard.
const EVERY: usize = 4;

/// Folders of the bank of events, and the AudioSet classes that say the same.
const COVERED: [(&str, &[&str]); 13] = [
    ("female_speech", &["Speech"]),
    ("male_speech", &["Speech"]),
    ("clapping", &["Clapping", "Applause"]),
    ("bird", &["Bird", "Bird vocalization, bird call, bird song", "Chirp, tweet", "Fowl"]),
    ("laughter", &["Laughter", "Baby laughter", "Giggle", "Snicker", "Belly laugh", "Chuckle, chortle"]),
    (
        "animal",
        &["Animal", "Domestic animals, pets", "Livestock, farm animals, working animals", "Wild animals"],
    ),
    ("footsteps", &["Walk, footsteps", "Run"]),
    ("door", &["Door", "Sliding door", "Slam", "Knock", "Cupboard open or close"]),
    ("music", &["Music"]),
    ("musical_instrument", &["Musical instrument", "Music"]),
    ("water", &["Water", "Liquid", "Stream", "Rain", "Waterfall", "Ocean", "Splash, splatter", "Gurgling"]),
    ("bell", &["Bell", "Church bell", "Doorbell", "Jingle bell", "Bicycle bell", "Cowbell", "Chime"]),
    ("drum", &["Drum", "Drum kit", "Snare drum", "Bass drum", "Drum roll", "Percussion"]),
];

struct Tolerances {
    embedding: f64,
    logits: f64,
    scores: f64,
}

fn shared() -> PathBuf {
    std::env::var_os("AT2SELD_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from)
}

/// The weights: those of the shared data, or those in the user's cache.
fn weights() -> Option<PathBuf> {
    let places =
        [shared().join("data/backbones/yamnet.safetensors"), registry::weights_of("yamnet", None).unwrap()];
    let found = places.iter().find(|path| path.exists()).cloned();
    if found.is_none() {
        eprintln!("skipped: no weights of YAMNet at {} or {}", places[0].display(), places[1].display());
    }
    found
}

fn yamnet() -> Option<Yamnet> {
    weights().map(|path| Yamnet::load(&path, Device::Cpu, None).unwrap())
}

#[test]
fn yamnet_equals_its_float64_run() {
    let Some(network) = yamnet() else { return };
    let mut compared = 0;
    for path in folders::cases("backbones", "safetensors") {
        if !path.file_stem().is_some_and(|stem| stem.to_string_lossy().contains("yamnet")) {
            continue;
        }
        let (case, keys) = (Tensors::read(&path), Checkpoint::read(&path).unwrap().tensors);
        for key in keys.keys() {
            if let Some(sound) = key.strip_suffix(".log_mel") {
                compare_network(&network, &case, sound);
                compare_end_to_end(&network, &case, sound);
                compared += 1;
            } else if let Some(sound) = key.strip_suffix(".log_mel_frames") {
                compare_patches(&network, &case, sound);
                compared += 1;
            }
        }
    }
    assert!(compared > 0, "no case found");
}

/// Every layer and the output, from the one patch of log-mel frames that is stored.
fn compare_network(network: &Yamnet, case: &Tensors, sound: &str) {
    let log_mel = case.get(&format!("{sound}.log_mel")).unsqueeze(0);
    let outputs: Vec<Tensor> =
        network.layer_outputs(&log_mel).into_iter().map(|output| output.squeeze_dim(0)).collect();
    for (output, number) in outputs.iter().zip(1..) {
        let key = format!("{sound}.layer{number}.slice");
        let size = case.get(&key).size();
        let corner = (0..).zip(size).fold(output.copy(), |x, (axis, length)| x.narrow(axis, 0, length));
        case.assert_close(&key, &corner, LAYER_TOLERANCE);
    }
    let all = |of: fn(&Tensor) -> Tensor| Tensor::stack(&outputs.iter().map(of).collect::<Vec<_>>(), 0);
    case.assert_close(&format!("{sound}.block_mean"), &all(|x| x.mean(Kind::Float)), LAYER_TOLERANCE);
    case.assert_close(&format!("{sound}.block_std"), &all(|x| x.std(false)), LAYER_TOLERANCE);
    let embedding = network.embed_patches(&log_mel);
    let logits = network.classify(&embedding);
    compare_output(case, sound, [&embedding, &logits], &NETWORK);
}

fn compare_end_to_end(network: &Yamnet, case: &Tensors, sound: &str) {
    let waveform = case.get(&format!("{sound}.waveform")).unsqueeze(0);
    let log_mel = network.log_mel(&waveform).squeeze_dim(0);
    case.assert_close(&format!("{sound}.log_mel"), &log_mel, LOG_MEL_TOLERANCE);
    let embedding = network.embed(&waveform).unwrap().squeeze_dim(0);
    let (head, logits) = network.logits(&waveform).unwrap().remove(0);
    let logits = logits.squeeze_dim(0);
    compare_output(case, sound, [&embedding, &logits], &END_TO_END);
    let scores = head.activation.apply(&logits).squeeze_dim(0);
    case.assert_close(&format!("{sound}.scores_tflite_float"), &scores, TFLITE_TOLERANCE);
}

fn compare_output(case: &Tensors, sound: &str, [embedding, logits]: [&Tensor; 2], allowed: &Tolerances) {
    case.assert_close(&format!("{sound}.embedding"), &embedding.squeeze_dim(0), allowed.embedding);
    case.assert_close(&format!("{sound}.logits"), &logits.squeeze_dim(0), allowed.logits);
    case.assert_close(&format!("{sound}.scores"), &logits.sigmoid().squeeze_dim(0), allowed.scores);
}

/// A recording of several patches: those of the stored frames, and the same from the waveform.
fn compare_patches(network: &Yamnet, case: &Tensors, sound: &str) {
    let [frames, embeddings, scores] =
        ["log_mel_frames", "embeddings", "scores"].map(|part| format!("{sound}.{part}"));
    let patches = network.patches(&case.get(&frames).unsqueeze(0)).unwrap().squeeze_dim(0);
    let embedding = network.embed_patches(&patches);
    case.assert_close(&embeddings, &embedding, NETWORK.embedding);
    case.assert_close(&scores, &network.classify(&embedding).sigmoid(), NETWORK.scores);
    let waveform = case.get(&format!("{sound}.waveform")).unsqueeze(0);
    case.assert_close(&frames, &network.log_mel(&waveform).squeeze_dim(0), LOG_MEL_TOLERANCE);
    case.assert_close(&embeddings, &network.embed(&waveform).unwrap().squeeze_dim(0), END_TO_END.embedding);
    let (_, logits) = network.logits(&waveform).unwrap().remove(0);
    case.assert_close(&scores, &logits.sigmoid().squeeze_dim(0), END_TO_END.scores);
}

#[test]
fn weights_with_batch_norms_apart_are_the_same_network() {
    let Some(path) = weights() else { return };
    let (scale, mean, variance) = (0.5, 0.1, 2.0);
    let gain: f64 = scale / f64::sqrt(variance + 1e-4);
    let mut apart = Vec::new();
    for (name, tensor) in Checkpoint::read(&path).unwrap().tensors {
        let name = name.replace("layer1.conv.", "layer1.fused.");
        match name.rsplit_once('.').unwrap() {
            (layer, "weight") if layer.starts_with("layer") => {
                apart.push((format!("{layer}.conv.weight"), tensor / gain));
            }
            (layer, "bias") if layer.starts_with("layer") => {
                let constant = |value: f64| tensor.full_like(value);
                apart.extend([
                    (format!("{layer}.bn.weight"), constant(scale)),
                    (format!("{layer}.bn.running_mean"), constant(mean)),
                    (format!("{layer}.bn.running_var"), constant(variance)),
                    (format!("{layer}.bn.num_batches_tracked"), Tensor::from(1i64)),
                    (format!("{layer}.bn.bias"), tensor + mean * gain),
                ]);
            }
            ("classifier", _) => apart.push((name, tensor)),
            // torch_audioset's file has no constants of the front-end.
            _ => {}
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("yamnet.safetensors");
    Tensor::write_safetensors(&apart, &file).unwrap();
    let (folded, apart) =
        (Yamnet::load(&path, Device::Cpu, None).unwrap(), Yamnet::load(&file, Device::Cpu, None).unwrap());
    let waveform = Tensor::randn([2, 20000], (Kind::Float, Device::Cpu)) * 0.1;
    let far = folded.embed(&waveform).unwrap() - apart.embed(&waveform).unwrap();
    assert!(far.abs().max().double_value(&[]) < 1e-4);
}

#[test]
fn mel_bank_is_that_of_the_weights_file() {
    let Some(path) = weights() else { return };
    let tensors = Checkpoint::read(&path).unwrap().tensors;
    let (Some(mel), Some(window)) = (tensors.get("frontend.mel_weight"), tensors.get("frontend.window"))
    else {
        eprintln!("skipped: {} has no constants of the front-end", path.display());
        return;
    };
    let network = Yamnet::load(&path, Device::Cpu, None).unwrap();
    let waveform = Tensor::randn([1, 4000], (Kind::Double, Device::Cpu));
    let frames = waveform.unfold(1, 400, 160) * window.to_kind(Kind::Double);
    let mel = frames.fft_rfft(512, -1, "backward").abs().matmul(&mel.to_kind(Kind::Double));
    let far = ((mel + 1e-3).log() - network.log_mel(&waveform)).abs().max().double_value(&[]);
    assert!(far < 1e-5, "{far}");
}

#[test]
fn yamnet_sequence_survives_tracing_with_other_batches_and_lengths() {
    let Some(network) = yamnet() else { return };
    let resampler = Resampler::new(24000, network.sample_rate(), Device::Cpu).unwrap();
    let forward = |waveform: &Tensor| network.sequence(&resampler.forward(waveform));
    let noise = |batch, samples| Tensor::randn([batch, samples], (Kind::Float, Device::Cpu)) * 0.1;
    let mut closure = |inputs: &[Tensor]| vec![forward(&inputs[0])];
    let traced =
        tch::CModule::create_by_tracing("Prior", "forward", &[noise(1, 24000)], &mut closure).unwrap();
    let tap = network.blocks().last();
    // Odd numbers of frames at each of the five strides among them.
    for samples in [12000, 30000, 47_777, 63_123, 100_000] {
        let other = noise(2, samples);
        let (expected, got) = (forward(&other), traced.forward_ts(&[&other]).unwrap());
        assert_eq!(expected.size()[..2], [2, tap.channels]);
        assert_eq!(expected.size(), got.size());
        assert!((expected - got).abs().max().double_value(&[]) < 1e-5, "{samples}");
    }
    let shortest = network.shortest();
    let frames = |samples| network.sequence(&noise(1, samples)).size()[2];
    assert_eq!([shortest, shortest + 5119, shortest + 5120].map(frames), [1, 1, 2]);
}

#[test]
fn yamnet_sequence_of_a_patch_is_the_last_layer_of_that_patch() {
    let Some(network) = yamnet() else { return };
    let waveform = Tensor::randn([2, 15600], (Kind::Float, Device::Cpu)) * 0.1;
    let sequence = network.sequence(&waveform);
    assert_eq!(sequence.size(), [2, 1024, 3]);
    let embedding = network.embed(&waveform).unwrap().select(1, 0);
    let far = sequence.mean_dim([2].as_slice(), false, Kind::Float) - embedding;
    assert!(far.abs().max().double_value(&[]) < 1e-5);
}

#[test]
fn yamnet_frames_are_where_their_tap_says() {
    let Some(network) = yamnet() else { return };
    let tap = network.blocks().last();
    let quiet = Tensor::randn([1, 16 * 16000], (Kind::Float, Device::Cpu)) * 0.01;
    // A short burst at different places within a frame: what it changes is centred on it, on average.
    let mut errors = Vec::new();
    for step in 0..16 {
        let time_s = 8.0 + 0.02 * f64::from(step);
        let burst = Tensor::randn([1, 320], (Kind::Float, Device::Cpu)) * 0.3;
        let loud = quiet.copy();
        let _ = loud.narrow(1, (time_s * 16000.0) as i64 - 160, 320).g_add_(&burst);
        let change = (network.sequence(&loud) - network.sequence(&quiet)).square();
        let change = change.sum_dim_intlist([0, 1].as_slice(), false, Kind::Double);
        let frames = Tensor::arange(change.size()[0], (Kind::Double, Device::Cpu)) * tap.hop_s + tap.first_s;
        let centre = (&change * frames).sum(Kind::Double) / change.sum(Kind::Double);
        errors.push(centre.double_value(&[]) - time_s);
    }
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    eprintln!("centre of the change minus time of the burst: {mean:.3} s on average, {errors:.2?}");
    assert!(mean.abs() < tap.hop_s / 2.0, "{mean}");
}

#[test]
fn yamnet_hears_what_real_recordings_are_of() {
    let bank = shared().join("data/events");
    let Some(network) = yamnet() else { return };
    if !bank.is_dir() {
        eprintln!("skipped: no bank of real recordings in {}", bank.display());
        return;
    }
    let classes = network.heads().remove(0).classes;
    if classes[0] == "0" {
        eprintln!("skipped: no class names beside the weights of YAMNet");
        return;
    }
    let (mut heard, mut right) = (0, 0);
    for (folder, names) in COVERED {
        for name in names {
            assert!(classes.iter().any(|class| class == name), "AudioSet has no {name}");
        }
        let entries = std::fs::read_dir(bank.join(folder)).unwrap();
        let mut clips: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        clips.sort();
        let top: Vec<Vec<String>> =
            clips.iter().step_by(EVERY).map(|clip| most_probable(&network, clip, 5)).collect();
        let agree = top.iter().filter(|top| top.iter().any(|class| names.contains(&class.as_str()))).count();
        eprintln!("{folder}: {agree} of {}", top.len());
        (heard, right) = (heard + top.len(), right + agree);
    }
    eprintln!("all: {right} of {heard}");
    assert!(heard > 0 && right as f64 >= RECOGNISED * heard as f64, "{right} of {heard}");
}

/// Classes of the highest mean probability over the patches of a clip.
fn most_probable(network: &Yamnet, clip: &Path, count: usize) -> Vec<String> {
    let sound = audio::read(clip).unwrap();
    let resampler = Resampler::new(sound.sample_rate, network.sample_rate(), Device::Cpu).unwrap();
    let waveform = resampler.forward(&Tensor::from_slice(&sound.mono()).unsqueeze(0));
    let (head, logits) = network.logits(&waveform).unwrap().remove(0);
    let mean = head.activation.apply(&logits).mean_dim([0, 1].as_slice(), false, Kind::Float);
    let (_, best) = mean.topk(count as i64, 0, true, true);
    Vec::<i64>::try_from(best)
        .unwrap()
        .into_iter()
        .map(|class| head.classes[class as usize].clone())
        .collect()
}
