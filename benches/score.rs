//! Reading and scoring a dataset of the size of STARSS22: 121 recordings, about 225,000 label rows and 190,000
//! predicted rows, dcase2023 with macro average. On one thread, so that time is processor time where nothing else
//! runs.
//!
//! `cargo bench --bench score`. With `AT2SELD_SHARED` set (or `../shared` beside the checkout), the same with
//! the labels of STARSS22 itself, and the ratio to the official evaluator. That one is in Python and not run here:
//! its 9.3 seconds of processor time are a measurement that came with the case.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on says so by a panic")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use at2seld::seld::csv::{self, DistanceUnit};
use at2seld::seld::evaluation::{Evaluation, Pairs};
use at2seld::seld::event::FrameEvent;
use at2seld::seld::metric::{Average, Metric, Options, Scores, Tally, jackknife};
use divan::Bencher;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;

const CLASSES: usize = 13;
const RECORDINGS: usize = 121;
const FRAMES: u32 = 1400;

/// Processor time of the official evaluator for the labels of STARSS22, its reading included.
const OFFICIAL_S: f64 = 9.3;

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    divan::main();
    compare_with_official();
}

/// Processor time, which other programs on the machine disturb less than divan's clock.
fn compare_with_official() {
    let Some((files, _)) = real() else { return };
    let processor_s = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    };
    let mut runs: Vec<f64> = Vec::new();
    for _ in 0..21 {
        let started = processor_s();
        divan::black_box(read_and_score(files));
        runs.push(processor_s() - started);
    }
    runs.sort_by(f64::total_cmp);
    let median = runs[runs.len() / 2];
    println!(
        "starss22, processor time: {:.1} ms (median of {}, least {:.1} ms), {:.0} times less than {OFFICIAL_S} s",
        median * 1e3,
        runs.len(),
        runs[0] * 1e3,
        OFFICIAL_S / median
    );
}

/// A folder of label and prediction files, kept for the run.
struct Files {
    _folder: tempfile::TempDir,
    pairs: Vec<(PathBuf, PathBuf)>,
}

impl Files {
    /// From the text of each label file and its predictions.
    fn write(texts: impl Iterator<Item = [String; 2]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sides = ["reference", "prediction"].map(|side| folder.path().join(side));
        sides.iter().for_each(|side| std::fs::create_dir(side).unwrap());
        for (index, texts) in texts.enumerate() {
            for (side, text) in sides.iter().zip(texts) {
                std::fs::write(side.join(format!("mix{index:03}.csv")), text).unwrap();
            }
        }
        let pairs = Pairs::find(&sides[0], &sides[1]).unwrap().matched;
        Self { _folder: folder, pairs }
    }

    fn events(&self) -> Vec<[Vec<FrameEvent>; 2]> {
        let read = |path: &Path| csv::read(path, Some(CLASSES)).unwrap();
        self.pairs.iter().map(|(reference, prediction)| [read(reference), read(prediction)]).collect()
    }
}

/// Sources that move and pause, up to four at once; predictions are up to 15 degrees off, some are missing, some
/// false.
fn generated() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut rng: ChaCha8Rng = rand::SeedableRng::seed_from_u64(1);
        Files::write((0..RECORDINGS).map(|_| {
            let mut texts = [String::new(), String::new()];
            let mut sources: Vec<(bool, u32, i32, i32)> = (0..4)
                .map(|_| {
                    (
                        false,
                        rng.random_range(0..CLASSES as u32),
                        rng.random_range(-180..180),
                        rng.random_range(-40..40),
                    )
                })
                .collect();
            for frame in 0..FRAMES {
                for (source, (active, class, azimuth, elevation)) in sources.iter_mut().enumerate() {
                    let toggles = rng.random_bool(if *active { 0.02 } else { 0.01 });
                    *active ^= toggles;
                    if !*active {
                        continue;
                    }
                    *azimuth = (*azimuth + rng.random_range(-1..=1) + 180).rem_euclid(360) - 180;
                    writeln!(texts[0], "{frame},{class},{source},{azimuth},{elevation},{}", 150 + source)
                        .unwrap();
                    if rng.random_bool(0.8) {
                        let azimuth = f64::from(*azimuth) + rng.random_range(-15.0..15.0);
                        let elevation = f64::from(*elevation) + rng.random_range(-15.0..15.0);
                        writeln!(texts[1], "{frame},{class},{source},{azimuth:.1},{elevation:.1}").unwrap();
                    }
                    if rng.random_bool(0.03) {
                        let azimuth = rng.random_range(-180..180);
                        writeln!(texts[1], "{frame},{},9,{azimuth},0", rng.random_range(0..CLASSES)).unwrap();
                    }
                }
            }
            texts
        }))
    })
}

/// The labels of STARSS22, where they are.
fn real() -> Option<&'static (Files, Value)> {
    static FILES: OnceLock<Option<(Files, Value)>> = OnceLock::new();
    let read = || {
        let shared = std::env::var_os("AT2SELD_SHARED")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
        let path = shared.join("data/metrics_real/starss22_full_2023_macro.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("skipped: no {}", path.display());
            return None;
        };
        let case: Value = serde_json::from_str(&text).unwrap();
        let rows = |rows: &Value| {
            let cells =
                |row: &Value| row.as_array().unwrap().iter().map(Value::to_string).collect::<Vec<_>>();
            rows.as_array().unwrap().iter().map(|row| cells(row).join(",") + "\n").collect::<String>()
        };
        let files = case["files"].as_array().unwrap().iter();
        let files = Files::write(files.map(|file| [rows(&file["reference"]), rows(&file["prediction"])]));
        Some((files, case["expected"].clone()))
    };
    FILES.get_or_init(read).as_ref()
}

fn read_and_score(files: &Files) -> Scores {
    let evaluation = Evaluation {
        metric: Metric::Dcase2023,
        options: Options::official(Metric::Dcase2023),
        classes: Some(CLASSES),
        frames: None,
        prediction_unit: DistanceUnit::Centimetres,
    };
    let recorded = evaluation.tallies(&files.pairs).unwrap();
    let tallies: Vec<Tally> = recorded.into_iter().map(|recorded| recorded.tally).collect();
    jackknife::merged(&tallies).unwrap().scores(Average::Macro)
}

fn tallies(metric: Metric, recordings: &[[Vec<FrameEvent>; 2]]) -> Vec<Tally> {
    let one = |[reference, prediction]: &[Vec<FrameEvent>; 2]| {
        let mut tally = Tally::new(metric, CLASSES, Options::official(metric));
        tally.add_recording(reference, prediction, metric.scored_frames(reference, FRAMES as usize));
        tally
    };
    recordings.iter().map(one).collect()
}

/// All of `score` but the start of the process.
#[divan::bench]
fn generated_read_and_score(bencher: Bencher) {
    let files = generated();
    bencher.bench_local(|| read_and_score(files));
}

#[divan::bench]
fn generated_read(bencher: Bencher) {
    let files = generated();
    bencher.bench_local(|| files.events());
}

#[divan::bench(args = Metric::ALL.map(Metric::name))]
fn generated_score(bencher: Bencher, name: &str) {
    let recordings = generated().events();
    bencher.bench_local(|| tallies(name.parse().unwrap(), &recordings));
}

#[divan::bench]
fn generated_jackknife(bencher: Bencher) {
    let tallies = tallies(Metric::Dcase2023, &generated().events());
    bencher.bench_local(|| jackknife::intervals(&tallies, Average::Macro));
}

/// The case of the official evaluator's 9.3 s.
#[divan::bench]
fn starss22_read_and_score(bencher: Bencher) {
    let Some((files, expected)) = real() else { return };
    let scores = read_and_score(files);
    let seld = expected["SELD"].as_f64().unwrap();
    assert!((scores.overall.seld - seld).abs() < 1e-7, "{} is not the official {seld}", scores.overall.seld);
    bencher.bench_local(|| read_and_score(files));
}

#[divan::bench]
fn starss22_read(bencher: Bencher) {
    let Some((files, _)) = real() else { return };
    bencher.bench_local(|| files.events());
}
