//! Recordings that are heard piece by piece: the tagger and the tracks are those of the whole.

use at2seld::model::arch::{Freeze, TaggerInput};
use at2seld::model::decode::Prediction;
use at2seld::model::detector::Detector;
use at2seld::model::predict::{Layout, Listener, Turns, predict};
use at2seld::model::prior::{Prior, PriorStream, load_tagger};
use at2seld::train::device;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use crate::site::{RATE, architecture, largest_difference};

/// Rounding of convolutions of other lengths.
const TOLERANCE: f64 = 1e-4;

/// Noise that swells and falls, W after Y after Z after X.
fn scene(samples: i64) -> Tensor {
    let index = Tensor::arange(4 * samples, (Kind::Double, Device::Cpu));
    let noise = ((&index * 78.233).sin() * 12543.123).frac();
    let swell = (index * (0.7 / f64::from(RATE))).sin();
    (noise * swell * 0.1).to_kind(Kind::Float).view([4, samples])
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.flatten(0, -1)).unwrap()
}

fn planes(waveform: &[f32], samples: std::ops::Range<usize>) -> [&[f32]; 4] {
    let length = waveform.len() / 4;
    [0, 1, 2, 3].map(|channel| &waveform[channel * length..][samples.clone()])
}

fn prior(vs: &VarStore, input: TaggerInput, freeze: Freeze) -> Prior {
    let mut arch = architecture();
    (arch.backbone.input, arch.backbone.freeze) = (input, freeze);
    let tagger = load_tagger(&arch.backbone, vs).unwrap().unwrap();
    Prior::new(tagger, &arch, RATE, 2.0, vs.device()).unwrap()
}

#[test]
fn the_tagger_says_of_a_stream_what_it_says_of_the_whole() {
    let _guard = tch::no_grad_guard();
    for (input, freeze, samples) in [
        (TaggerInput::Omni, Freeze::All, 10 * i64::from(RATE) + 777),
        (TaggerInput::Beams, Freeze::Blocks(2), 6 * i64::from(RATE)),
        (TaggerInput::Omni, Freeze::All, 100),
    ] {
        let vs = VarStore::new(Device::Cpu);
        let prior = prior(&vs, input, freeze);
        let waveform = floats(&scene(samples));
        let whole = prior.prefix_of(&waveform, Device::Cpu);
        let seconds = (samples / 2400 + 1) as f64 * 0.1;
        let expected = prior.window(&whole, 0.0, seconds).frames;

        let mut stream = PriorStream::new(&prior, Device::Cpu);
        let (mut pushed, mut frames) = (0, 3);
        while pushed < samples as usize {
            let next = (pushed + 5_003).min(samples as usize);
            stream.push(&planes(&waveform, pushed..next));
            pushed = next;
            while stream.samples_for(frames) <= pushed as i64 {
                stream.advance(frames);
                frames += 11;
            }
        }
        stream.finish();
        let found = stream.window(0.0, seconds).frames;
        assert_eq!(found.size(), expected.size());
        let difference = largest_difference(&found, &expected);
        assert!(difference < TOLERANCE, "{input:?} {freeze:?}: {difference:e}");
    }
}

/// An untrained network of all parts.
fn detector(vs: &VarStore) -> (Detector, f64) {
    let arch = architecture();
    let prior = prior(vs, arch.backbone.input, arch.backbone.freeze);
    (Detector::new(vs, &arch, Some(prior), RATE, 5).unwrap(), arch.train.chunk_s)
}

fn heard(detector: &Detector, layout: Layout, waveform: &[f32], step: usize) -> Prediction {
    let mut listener = Listener::new(detector, layout, Turns::NONE, Device::Cpu);
    let mut whole = Prediction::empty(3, 5, false);
    let samples = waveform.len() / 4;
    for begin in (0..samples).step_by(step) {
        let piece = planes(waveform, begin..(begin + step).min(samples));
        listener.push(&piece, &mut |found| whole.append(&found)).unwrap();
    }
    listener.finish(&mut |found| whole.append(&found)).unwrap();
    whole
}

#[test]
fn tracks_do_not_depend_on_the_pieces_that_a_recording_comes_in() {
    let vs = VarStore::new(Device::Cpu);
    let (detector, window_s) = detector(&vs);
    for samples in [50, 3 * 24_000 + 1, 11 * 24_000 - 100] {
        let waveform = floats(&scene(samples));
        let whole = predict(&detector, &waveform, window_s, Turns::NONE, Device::Cpu).unwrap();
        assert_eq!(whole.frames() as i64, (samples + 2399) / 2400);
        for step in [1_111, 30_000, 1_000_000] {
            assert_eq!(
                heard(&detector, Layout::halves(window_s), &waveform, step),
                whole,
                "{samples} by {step}"
            );
        }
    }
}

#[test]
fn heard_in_all_turns_a_scene_and_the_same_turned_are_as_active() {
    let vs = VarStore::new(Device::Cpu);
    let (detector, window_s) = detector(&vs);
    let turns = Turns::new(16, &architecture().backbone).unwrap();
    let scene = scene(4 * i64::from(RATE));
    // A quarter turn: X becomes Y, Y becomes -X.
    let turned = Tensor::stack(&[scene.get(0), scene.get(3), scene.get(2), -scene.get(1)], 0);
    let totals = |scene: &Tensor, turns: Turns| -> Vec<f32> {
        let found = predict(&detector, &floats(scene), window_s, turns, Device::Cpu).unwrap();
        found.rows().map(|row| row.activity.iter().sum()).collect()
    };
    let differ = |turns: Turns| {
        let pairs = totals(&scene, turns).into_iter().zip(totals(&turned, turns));
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    assert!(differ(turns) < 1e-4, "{}", differ(turns));
    assert!(differ(Turns::NONE) > 1e-3, "{}", differ(Turns::NONE));
}

#[test]
fn one_window_is_what_the_network_says_of_it() {
    let vs = VarStore::new(Device::Cpu);
    let (detector, _) = detector(&vs);
    let scene = scene(4 * i64::from(RATE));
    // Longer than the recording: it is shortened to it.
    let found = predict(&detector, &floats(&scene), 20.0, Turns::NONE, Device::Cpu).unwrap();
    let expected = tch::no_grad(|| detector.forward(&scene.unsqueeze(0)));
    for (found, expected) in [(&found.activity, &expected.activity), (&found.direction, &expected.direction)]
    {
        let found = Tensor::from_slice(found).view_as(expected);
        assert!(largest_difference(&found, expected) < TOLERANCE);
    }
}

#[test]
fn a_gpu_says_what_the_processor_says() {
    let gpu = match device::parse("cuda:0") {
        Ok(gpu) => gpu,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    let (vs, mut copied) = (VarStore::new(Device::Cpu), VarStore::new(gpu));
    let ((detector, window_s), (on_gpu, _)) = (detector(&vs), detector(&copied));
    copied.copy(&vs).unwrap();
    let waveform = floats(&scene(11 * i64::from(RATE)));
    for turns in [1, 8] {
        let turns = Turns::new(turns, &architecture().backbone).unwrap();
        let expected = predict(&detector, &waveform, window_s, turns, Device::Cpu).unwrap();
        let found = predict(&on_gpu, &waveform, window_s, turns, gpu).unwrap();
        assert_eq!(found.frames(), expected.frames());
        for (found, expected) in
            [(&found.activity, &expected.activity), (&found.direction, &expected.direction)]
        {
            let difference = largest_difference(&Tensor::from_slice(found), &Tensor::from_slice(expected));
            // Convolutions on a GPU may round inputs to ten bits (TF32).
            assert!(difference < 1e-2, "{difference:e}");
        }
    }
}

#[test]
fn a_label_frame_is_judged_no_later_than_is_said() {
    let vs = VarStore::new(Device::Cpu);
    let (detector, window_s) = detector(&vs);
    let samples = 12 * RATE as usize;
    let waveform = floats(&scene(samples as i64));
    for hop_s in [0.4, 1.0, 2.0] {
        let layout = Layout::new(window_s, Some(hop_s), detector.shortest()).unwrap();
        let mut listener = Listener::new(&detector, layout, Turns::NONE, Device::Cpu);
        let (window, tagger) = listener.latency_s();
        let fill = layout.margin() as f64 * 0.1;
        let mut frames = 0;
        for begin in (0..samples).step_by(240) {
            let heard_s = (begin + 240) as f64 / f64::from(RATE);
            let mut found = 0;
            listener
                .push(&planes(&waveform, begin..begin + 240), &mut |part| found += part.frames())
                .unwrap();
            frames += found;
            // The first frame that is not judged yet, after ten milliseconds more.
            let late_s = heard_s - frames as f64 * 0.1;
            let most_s = window + tagger + if frames == 0 { fill } else { 0.0 };
            assert!(late_s <= most_s + 0.011, "{late_s} of {window} + {tagger}");
        }
        assert!(frames > 60);
    }
}
