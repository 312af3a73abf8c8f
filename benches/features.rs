//! How long descriptors of one minute of FOA audio (24 kHz) take on one core: divan's items a second are minutes of
//! audio.
//!
//! `cargo bench --bench features`. `tools/features_peers.py` does the same with librosa and PyTorch, and calls this.

use at2seld::features::{Descriptor, FeatureConfig, FrontEnd, Preset, Scale};
use divan::Bencher;
use rustix::time::{ClockId, clock_gettime};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

const RATE: u32 = 24_000;
const SECONDS: i64 = 60;

fn main() {
    // As in the program itself.
    at2seld::torch_ext::keep_freed_memory();
    tch::set_num_threads(1);
    divan::main();
    processor_time();
}

/// Processor time of the baseline's log-mel and intensity, which other programs on the machine disturb less than divan's
/// clock. `tools/features_peers.py` reads this line.
fn processor_time() {
    let config = FeatureConfig { range_db: Some(80.0), ..Preset::Dcase.config() };
    let front_end = FrontEnd::new(&VarStore::new(Device::Cpu).root(), &config, RATE).expect("a front-end");
    let waveform = noise(SECONDS);
    let now = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    };
    let mut runs: Vec<f64> = Vec::new();
    for _ in 0..41 {
        let started = now();
        let _ = divan::black_box(tch::no_grad(|| front_end.describe(&waveform)));
        runs.push(1e3 * (now() - started));
    }
    runs.sort_by(f64::total_cmp);
    println!("processor time per minute of audio: {:.1} ms (least {:.1} ms)", runs[runs.len() / 2], runs[0]);
}

/// A minute of noise as chunks.
fn noise(chunk_s: i64) -> Tensor {
    tch::manual_seed(1);
    Tensor::randn([SECONDS / chunk_s, 4, chunk_s * i64::from(RATE)], (Kind::Float, Device::Cpu)) * 0.1
}

fn describe(bencher: Bencher<'_, '_>, config: &FeatureConfig, chunk_s: i64) {
    let front_end = FrontEnd::new(&VarStore::new(Device::Cpu).root(), config, RATE).expect("a front-end");
    let waveform = noise(chunk_s);
    bencher.bench_local(|| tch::no_grad(|| front_end.describe(&waveform)));
}

/// Log-mel and intensity of the DCASE baselines: one recording.
#[divan::bench(sample_count = 30)]
fn baseline(bencher: Bencher<'_, '_>) {
    describe(bencher, &Preset::Dcase.config(), SECONDS);
}

/// The same as batches of chunks of 5 s.
#[divan::bench(sample_count = 30)]
fn baseline_in_chunks(bencher: Bencher<'_, '_>) {
    describe(bencher, &Preset::Dcase.config(), 5);
}

/// SALSA for FOA: one recording.
#[divan::bench(sample_count = 3)]
fn salsa(bencher: Bencher<'_, '_>) {
    describe(bencher, &Preset::Salsa.config(), SECONDS);
}

/// Every descriptor by itself on the default grid, in chunks of 5 s.
#[divan::bench(args = Descriptor::ALL.map(Descriptor::name), sample_count = 5)]
fn each(bencher: Bencher<'_, '_>, name: &str) {
    let descriptors = Descriptor::ALL.into_iter().filter(|descriptor| descriptor.name() == name).collect();
    describe(bencher, &FeatureConfig { descriptors, ..FeatureConfig::default() }, 5);
}

/// Log power and intensity in single bins.
#[divan::bench(sample_count = 5)]
fn single_bins(bencher: Bencher<'_, '_>) {
    let config = FeatureConfig { scale: Scale::Linear, bands: 513, fmin_hz: 0.0, ..FeatureConfig::default() };
    describe(bencher, &config, 5);
}
