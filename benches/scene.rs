//! How many seconds of sound are rendered in a second, on one core: divan's items a second are seconds of audio.
//!
//! `cargo bench --bench scene`. A dataset is rendered at 100 times real time where a recording's rate is 100 items
//! a second or more.

use at2seld::scene::{SynthConfig, Synthesiser};
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

/// One 30 s recording in which three sources sound at all times.
fn three_sources(rt60_s: f64, moving: f64) -> SynthConfig {
    SynthConfig {
        polyphony: 3,
        silence: 0.0,
        moving,
        rt60_s: (rt60_s, rt60_s),
        split: [2.0, 0.0, 1.0],
        ..SynthConfig::new(1.5)
    }
}

fn render(bencher: Bencher<'_, '_>, config: SynthConfig) {
    let synthesiser = Synthesiser::new(config).expect("settings within range");
    let mut number = 0;
    bencher.counter(ItemsCount::new(30_u32)).bench_local(|| {
        number = (number + 1) % synthesiser.len();
        synthesiser.render(number).expect("nothing is read")
    });
}

/// Sources that stand still, by reverberation time in hundredths of a second: events, impulse responses,
/// convolution, noise and labels.
#[divan::bench(args = [15, 40, 60, 100], sample_count = 12)]
fn three_static_sources(bencher: Bencher<'_, '_>, rt60_cs: u32) {
    render(bencher, three_sources(f64::from(rt60_cs) / 100.0, 0.0));
}

/// A quarter of the sources moves, as by default.
#[divan::bench(args = [15, 40, 60, 100], sample_count = 12)]
fn three_sources_by_default(bencher: Bencher<'_, '_>, rt60_cs: u32) {
    render(bencher, three_sources(f64::from(rt60_cs) / 100.0, 0.25));
}

/// All sources move.
#[divan::bench(args = [40], sample_count = 12)]
fn three_moving_sources(bencher: Bencher<'_, '_>, rt60_cs: u32) {
    render(bencher, three_sources(f64::from(rt60_cs) / 100.0, 1.0));
}

/// The default settings of a dataset: two events at most, pauses.
#[divan::bench(sample_count = 12)]
fn default_recording(bencher: Bencher<'_, '_>) {
    render(bencher, SynthConfig { split: [2.0, 0.0, 1.0], ..SynthConfig::new(1.5) });
}

/// A whole folder on one thread: rendering, 16-bit wav and labels written, synced and renamed.
#[divan::bench(sample_count = 5)]
fn folder_of_three_sources(bencher: Bencher<'_, '_>) {
    let synthesiser = Synthesiser::new(three_sources(0.5, 0.25)).expect("settings within range");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    let stop = std::sync::atomic::AtomicBool::new(false);
    bencher.counter(ItemsCount::new(90_u32)).bench_local(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let written = pool.install(|| synthesiser.write(&folder.path().join("set"), &stop, |_, _| ()));
        written.expect("a dataset")
    });
}
