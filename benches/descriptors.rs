//! What the descriptors of a training batch cost on one core, computed from wav files or read from the cache: 16 chunks of
//! 5 s at 24 kHz. Divan's items a second are seconds of sound.
//!
//! `cargo bench --bench descriptors`. Files are in the memory of the system, as they are from the second epoch on when
//! there is enough of it.

use std::path::Path;
use std::sync::OnceLock;

use at2seld::dataset::Dataset;
use at2seld::features::{Descriptor, FeatureConfig, FrontEnd, Preset};
use at2seld::model::arch::{Architecture, Source};
use at2seld::train::descriptors::{Descriptors, Subject};
use divan::Bencher;
use divan::counter::ItemsCount;
use tch::nn::VarStore;
use tch::{Device, Tensor};

const RATE: u32 = 24_000;
const RECORDINGS: usize = 8;
const SECONDS: usize = 60;
const CHUNKS: usize = 16;
const CHUNK_S: usize = 5;

/// What is searched most, by name.
const CANDIDATES: [&str; 4] = ["logmel+iv", "dcase", "salsa", "covariance"];

fn main() {
    tch::set_num_threads(1);
    divan::main();
}

fn features(name: &str) -> FeatureConfig {
    match name {
        "dcase" => Preset::Dcase.config(),
        "salsa" => Preset::Salsa.config(),
        "covariance" => FeatureConfig {
            descriptors: vec![Descriptor::Logmel, Descriptor::Covariance],
            ..FeatureConfig::default()
        },
        _ => FeatureConfig::default(),
    }
}

/// A dataset of noise that is quieter and louder, made once.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |kind: &str| folder.path().join(kind).join("dev-train-noise");
        let (audio, labels) = (at("foa_dev"), at("metadata_dev"));
        std::fs::create_dir_all(&labels).expect("a folder");
        std::fs::write(folder.path().join("classes.txt"), "noise\n").expect("a file");
        let mut state = 1_u32;
        for number in 1..=RECORDINGS {
            let mut channel = |_| -> Vec<f32> {
                let sample = |n: usize| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let loud = if (n / 20_000).is_multiple_of(2) { 0.01 } else { 0.3 };
                    loud * (f64::from(state) / f64::from(u32::MAX) - 0.5) as f32
                };
                (0..SECONDS * RATE as usize).map(sample).collect()
            };
            let channels = [0, 1, 2, 3].map(&mut channel);
            let name = format!("fold3_room{number}_mix001");
            std::fs::create_dir_all(&audio).expect("a folder");
            at2seld::audio::write_wav(&audio.join(format!("{name}.wav")), RATE, &channels)
                .expect("a wav file");
            std::fs::write(labels.join(format!("{name}.csv")), "0,0,0,10,0,100\n").expect("a file");
        }
        folder
    });
    folder.path()
}

/// First label frames of the chunks of a batch, by recording.
fn places() -> Vec<(usize, u32)> {
    (0..CHUNKS).map(|n| (n * 5 % RECORDINGS, (n as u32 * 137) % 540)).collect()
}

#[divan::bench(args = CANDIDATES, sample_count = 10, sample_size = 1)]
fn computed(bencher: Bencher<'_, '_>, name: &str) {
    let dataset = Dataset::open(folder()).expect("a dataset");
    let recordings = dataset.training();
    let variables = VarStore::new(Device::Cpu);
    let front_end = FrontEnd::new(&variables.root(), &features(name), RATE).expect("a valid configuration");
    let samples = CHUNK_S * RATE as usize;
    bencher.counter(ItemsCount::new(CHUNKS * CHUNK_S)).bench_local(|| {
        let mut sound = vec![0.0; CHUNKS * 4 * samples];
        for (&(recording, first), chunk) in places().iter().zip(sound.chunks_exact_mut(4 * samples)) {
            let start = u64::from(first) * u64::from(RATE) / 10;
            recordings[recording].read_into(start, chunk).expect("a recording");
        }
        let sound = Tensor::from_slice(&sound).view([CHUNKS as i64, 4, samples as i64]);
        tch::no_grad(|| front_end.describe(&sound))
    });
}

#[divan::bench(args = CANDIDATES, sample_count = 100, sample_size = 1)]
fn cached(bencher: Bencher<'_, '_>, name: &str) {
    let dataset = Dataset::open(folder()).expect("a dataset");
    let recordings = dataset.training();
    let mut architecture = Architecture { features: features(name), ..Architecture::default() };
    architecture.train.descriptors = Source::Cached;
    let cache = folder().join("cache");
    let (device, threads) = (Device::Cpu, 1);
    let subject = Subject { recordings: &recordings, sample_rate: RATE, fingerprint: name, device, threads };
    let descriptors = Descriptors::open(&cache, &architecture, subject).expect("a cache");
    let Descriptors::Cached(descriptors) = descriptors else { return };
    bencher
        .counter(ItemsCount::new(CHUNKS * CHUNK_S))
        .bench_local(|| descriptors.read(&places(), 10 * CHUNK_S as u32, Device::Cpu));
}
