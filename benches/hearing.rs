//! What `infer` costs: recordings heard in overlapping windows by the default network, against its parts and against the
//! network run on the same sound in chunks that do not overlap; and what the search for a decoding takes.
//!
//! `cargo bench --bench hearing` with the tagger aiSFX in the cache. `AT2SELD_BENCH_THREADS`: threads, 1 unless set. Weights
//! are those that training begins with. Times are processor time of the whole program, the least of several, as the clock
//! says more about what else runs; calibration's are by the clock.

use std::time::{Duration, Instant};

use at2seld::model::arch::Architecture;
use at2seld::model::decode::Prediction;
use at2seld::model::detector::Detector;
use at2seld::model::predict::{Layout, Listener, Turns, predict};
use at2seld::model::prior::{Prior, load_tagger};
use at2seld::seld::doa::Direction;
use at2seld::seld::event::FrameEvent;
use at2seld::train::calibrate::{Calibration, Objective};
use rand::RngExt;
use rustix::time::{ClockId, clock_gettime};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

const RATE: u32 = 24_000;
const SECONDS: usize = 60;
const RUNS: usize = 3;
const CLASSES: usize = 13;

fn main() {
    let threads = std::env::var("AT2SELD_BENCH_THREADS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    tch::set_num_threads(threads);
    calibration();
    let arch = Architecture::default();
    let vs = VarStore::new(Device::Cpu);
    let tagger = load_tagger(&arch.backbone, &vs).expect("aiSFX in the cache").expect("a tagger");
    let prior = Prior::new(tagger, &arch, RATE, 2.0, Device::Cpu).expect("rates with a ratio");
    let detector = Detector::new(&vs, &arch, Some(prior), RATE, CLASSES).expect("the default network");
    let waveform = noise();
    let window_s = arch.train.chunk_s;
    println!("\n{SECONDS} s of sound, {threads} thread(s)            processor s  times real time");
    report("predict (windows half over each other)", || {
        predict(&detector, &waveform, window_s, Turns::NONE, Device::Cpu).expect("tracks");
    });
    for hop_s in [1.0, 0.5] {
        report(&format!("the same, a window every {hop_s} s"), || {
            let layout = Layout::new(window_s, Some(hop_s), detector.shortest()).expect("a layout");
            let mut listener = Listener::new(&detector, layout, Turns::NONE, Device::Cpu);
            let samples = waveform.len() / 4;
            let planes = [0, 1, 2, 3].map(|channel| &waveform[channel * samples..][..samples]);
            listener.push(&planes, &mut drop).and_then(|()| listener.finish(&mut drop)).expect("tracks");
        });
    }
    report("the tagger alone, in pieces of 30 s", || {
        let _ = detector.prior().map(|prior| prior.prefix_of(&waveform, Device::Cpu));
    });
    let chunk = (window_s * f64::from(RATE)) as i64;
    let chunks = Tensor::from_slice(&waveform).view([4, -1, chunk]).transpose(0, 1);
    report("descriptors alone, chunks side by side", || {
        tch::no_grad(|| (0..chunks.size()[0]).for_each(|n| drop(detector.describe(&chunks.narrow(0, n, 1)))));
    });
    report("all of it, chunks side by side", || {
        tch::no_grad(|| (0..chunks.size()[0]).for_each(|n| drop(detector.forward(&chunks.narrow(0, n, 1)))));
    });
}

fn noise() -> Vec<f32> {
    let waveform = Tensor::randn([4 * SECONDS as i64 * i64::from(RATE)], (Kind::Float, Device::Cpu)) * 0.05;
    Vec::try_from(waveform).expect("floats")
}

fn report(what: &str, run: impl Fn()) {
    let seconds = |_| {
        let before = processor_time();
        run();
        (processor_time() - before).as_secs_f64()
    };
    let least = (0..RUNS).map(seconds).fold(f64::INFINITY, f64::min);
    println!("{what:<42} {least:>12.2} {:>16.1}", SECONDS as f64 / least);
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Ten minutes of 13 classes on 3 tracks, where a class is there a twelfth of the time and heard well but for noise.
fn calibration() {
    let mut rng = at2seld::rng::stream(1, &["bench"]);
    let names: Vec<String> = (0..CLASSES).map(|class| class.to_string()).collect();
    let (tracks, frames) = (3, 600);
    let mut recordings = Vec::new();
    for _ in 0..10 {
        let mut labels = Vec::new();
        let mut heard = Prediction::empty(tracks, CLASSES, false);
        for frame in 0..frames {
            for track in 0..tracks {
                // Each track has another class every five seconds, or none.
                let class = (frame as usize / 50 * 7 + track * 5) % (2 * CLASSES);
                let azimuth_deg = rng.random_range(-20.0..20.0);
                let direction = Direction { azimuth_deg, elevation_deg: 0.0 };
                if class < CLASSES {
                    let (class, source) = (class as u32, track as u32);
                    labels.push(FrameEvent { frame, class, source, direction, distance_m: None });
                }
                for k in 0..CLASSES {
                    let noise: f32 = rng.random_range(0.0..0.6);
                    heard.activity.push(if k == class { 0.9 - noise } else { noise * noise * 0.5 });
                }
                heard.direction.extend(direction.to_vector().map(|c| c as f32));
            }
        }
        recordings.push((labels, heard));
    }
    for objective in [Objective::F20, Objective::Seld] {
        let started = Instant::now();
        let mut calibration = Calibration::new(CLASSES).for_objective(objective);
        recordings.iter().for_each(|(labels, heard)| calibration.add(labels, frames, heard));
        let decoding = calibration.decoding(&names);
        let seconds = started.elapsed().as_secs_f64();
        println!("calibration for {objective:?}, 10 minutes, {CLASSES} classes: {seconds:.2} s by the clock");
        assert_eq!(decoding.problem(), None);
    }
}
