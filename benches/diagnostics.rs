//! What each diagnostic of `eval` takes for a recording of a minute with 13 classes and 3 tracks, beside scoring it
//! once (`score`, the peer), which every evaluation does. On one thread.
//!
//! `cargo bench --bench diagnostics`.

use at2seld::seld::doa::Direction;
use at2seld::seld::event::FrameEvent;
use at2seld::seld::metric::{Average, Metric, Options, Tally};
use at2seld::train::evaluate::{Asked, Diagnostics, Grouping, Heard, Truth};
use divan::Bencher;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const METRIC: Metric = Metric::Dcase2023;
const CLASSES: u32 = 13;
const TRACKS: u32 = 3;
const FRAMES: u32 = 600;

fn main() {
    #[expect(clippy::unwrap_used, reason = "a bench that cannot go on says so by a panic")]
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    divan::main();
}

/// A recording as labelled and as heard, with the activity of each event that may be heard.
struct Recording {
    labels: Vec<FrameEvent>,
    heard: Vec<(f64, FrameEvent)>,
    strongest: Vec<f32>,
}

/// Three sources that change their class every three seconds. Each track hears one of them by and large; the activity
/// of all other classes is the square of a uniform number, so that many are above the low thresholds.
fn recording() -> Recording {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut labels, mut heard) = (Vec::new(), Vec::new());
    let mut strongest = vec![0.0_f32; (FRAMES * CLASSES) as usize];
    for frame in 0..FRAMES {
        for track in 0..TRACKS {
            let class = (frame / 30 * TRACKS + track) * 7 % CLASSES;
            let azimuth_deg = f64::from((frame + 120 * track) % 360) - 180.0;
            let event = |class, azimuth_deg| FrameEvent {
                frame,
                class,
                source: track,
                direction: Direction { azimuth_deg, elevation_deg: 10.0 },
                distance_m: None,
            };
            labels.push(event(class, azimuth_deg));
            let off_deg = rng.random_range(-30.0..30.0);
            for other in 0..CLASSES {
                let uniform: f64 = rng.random();
                let activity = if other == class { 0.3 + 0.7 * uniform } else { 0.6 * uniform * uniform };
                heard.push((activity, event(other, azimuth_deg + off_deg)));
                let cell = &mut strongest[(frame * CLASSES + other) as usize];
                *cell = cell.max(activity as f32);
            }
        }
    }
    Recording { labels, heard, strongest }
}

impl Recording {
    fn events_at(&self, threshold: f64) -> Vec<FrameEvent> {
        self.heard.iter().filter(|heard| heard.0 > threshold).map(|heard| heard.1).collect()
    }
}

#[divan::bench]
fn score(bencher: Bencher) {
    let recording = recording();
    let events = recording.events_at(0.5);
    bencher.bench_local(|| {
        let mut tally = Tally::new(METRIC, CLASSES as usize, Options::official(METRIC));
        tally.add_recording(&recording.labels, &events, FRAMES as usize);
        tally
    });
}

#[divan::bench]
fn angles(bencher: Bencher) {
    diagnose(bencher, &Asked { angles: true, ..Asked::default() });
}

#[divan::bench]
fn by_all_groups(bencher: Bencher) {
    diagnose(bencher, &Asked { by: Grouping::ALL.to_vec(), ..Asked::default() });
}

#[divan::bench]
fn reliability(bencher: Bencher) {
    diagnose(bencher, &Asked { reliability: true, ..Asked::default() });
}

#[divan::bench]
fn sweep_of_19_thresholds(bencher: Bencher) {
    diagnose(bencher, &Asked { sweep: true, ..Asked::default() });
}

#[divan::bench]
fn errors(bencher: Bencher) {
    diagnose(bencher, &Asked { errors: true, ..Asked::default() });
}

fn diagnose(bencher: Bencher, asked: &Asked) {
    let recording = recording();
    let events = recording.events_at(0.5);
    let truth = Truth::new(&recording.labels, FRAMES, None);
    let classes: Vec<String> = (0..CLASSES).map(|class| class.to_string()).collect();
    let events_at = |threshold: f64| recording.events_at(threshold);
    bencher.bench_local(|| {
        let options = Options::official(METRIC);
        let mut diagnostics = Diagnostics::new(asked, &classes, METRIC, options, Average::Macro);
        diagnostics.add(&Heard {
            room: "room",
            frames: FRAMES,
            truth: &truth,
            events: &events,
            scored: &events,
            strongest: &recording.strongest,
            events_at: &events_at,
        });
        diagnostics
    });
}
