//! What the cache of frozen prefixes saves: trials with a frozen Cnn14 that compute what it says for every batch, against
//! trials that read it. Weights are random: they cost the same.
//!
//! `cargo bench --bench prefix`. Prints seconds of a trial, from opening the dataset to the exported model, and of its
//! epochs; the first cached trial fills the cache.

use std::path::{Path, PathBuf};
use std::time::Instant;

use at2seld::backbone::panns::CNN14;
use at2seld::model::arch::{Architecture, Source};
use at2seld::model::cost::Cost;
use at2seld::train;
use at2seld::train::trial::{EpochReport, Instruction, Keep, Progress, TrialSpec};
use tch::{Device, Kind, Tensor};

mod random_weights;

const RATE: u32 = 24_000;
const RECORDINGS: usize = 6;
const SECONDS: usize = 60;
const EPOCHS: u32 = 3;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    dataset(&folder.path().join("data"));
    let weights = folder.path().join("cnn14.safetensors");
    random_weights::write(&CNN14.network(), Some("bn0"), &[("fc1", 2048), ("fc_audioset", 527)], &weights);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{RECORDINGS} recordings of {SECONDS} s, {EPOCHS} epochs, {threads} threads\n");
    println!("{:<24} {:>8} {:>12}", "trial", "whole, s", "an epoch, s");
    let trial = |name: &str, source: Source| {
        let mut architecture = Architecture::default();
        (architecture.backbone.name, architecture.backbone.weights) = ("cnn14".into(), Some(weights.clone()));
        architecture.train.prefix = source;
        let spec = TrialSpec {
            architecture,
            seed: 1,
            epochs: EPOCHS,
            data: folder.path().join("data"),
            layout: None,
            validation: 0.25,
            device: "cpu".into(),
            threads,
            folder: folder.path().join(name.replace(' ', "-")),
            resume_from: None,
            init_from: None,
            keep: Keep::Best,
            cache: folder.path().join("cache"),
        };
        let mut record = Record::default();
        let started = Instant::now();
        train::run(&spec, &mut record).expect("a trial");
        let whole = started.elapsed().as_secs_f64();
        let epoch = record.seconds.iter().copied().fold(f64::INFINITY, f64::min);
        println!("{name:<24} {whole:>8.1} {epoch:>12.2}");
        (whole, epoch)
    };
    let computed = trial("computed", Source::Computed);
    trial("cached, the first", Source::Cached);
    let cached = trial("cached, the second", Source::Cached);
    let (whole, epoch) = (computed.0 / cached.0, computed.1 / cached.1);
    println!("\ncomputed / cached: {whole:.1} for the trial, {epoch:.1} for an epoch");
}

#[derive(Default)]
struct Record {
    seconds: Vec<f64>,
}

impl Progress for Record {
    fn started(&mut self, _: &Cost) {}

    fn epoch(&mut self, report: EpochReport) -> Instruction {
        self.seconds.push(report.seconds);
        Instruction::Continue
    }
}

/// Noise, with an event in every recording.
fn dataset(folder: &Path) {
    let at = |kind: &str| -> PathBuf {
        let folder = folder.join(kind).join("dev-train-noise");
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    };
    let (audio, labels) = (at("foa_dev"), at("metadata_dev"));
    std::fs::write(folder.join("classes.txt"), "noise\n").expect("a file");
    tch::manual_seed(1);
    for number in 1..=RECORDINGS {
        let samples = (SECONDS * RATE as usize) as i64;
        let channels = [0; 4].map(|_| {
            let noise = Tensor::randn([samples], (Kind::Float, Device::Cpu)) * 0.1;
            Vec::<f32>::try_from(noise).expect("a vector")
        });
        let name = format!("fold3_room{number}_mix001");
        at2seld::audio::write_wav(&audio.join(format!("{name}.wav")), RATE, &channels).expect("a wav file");
        let rows: String = (0..SECONDS * 5).map(|frame| format!("{frame},0,0,10,0,100\n")).collect();
        std::fs::write(labels.join(format!("{name}.csv")), rows).expect("a file");
    }
}
