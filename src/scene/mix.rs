//! One recording: which events when and where, what the array hears, and the labels.

use std::ops::Range;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::SAMPLE_RATE;
use super::bank::Bank;
use super::convolve::{Convolver, Foa};
use super::error::SceneError;
use super::noise::{diffuse, mean_power};
use super::path::Path;
use super::plan::{RecordingPlan, SynthConfig};
use super::room::Room;
use crate::rng;
use crate::seld::event::{FRAMES_PER_SECOND, FrameEvent};

/// Samples of a label frame.
const FRAME: usize = SAMPLE_RATE as usize / FRAMES_PER_SECOND;
/// Share of a recording in which nothing sounds.
const SILENCE: f64 = 0.2;
/// Window of the level measurement, in samples: 10 ms.
const WINDOW: usize = SAMPLE_RATE as usize / 100;
/// Power relative to an event's loudest window below which it counts as silent: 24 dB down, where noise and
/// reverberation begin to hide it.
const SILENT_POWER: f64 = 4e-3;
/// Pauses shorter than this belong to the event (steps, words), in samples: 0.6 s.
const PAUSE: usize = SAMPLE_RATE as usize * 6 / 10;
/// Fade at both ends of an event, in samples: 5 ms.
const FADE: usize = SAMPLE_RATE as usize / 200;
/// Events shorter than this are not cut at a recording's end but left out, in samples: 0.5 s.
const LEAST_CUT: usize = SAMPLE_RATE as usize / 2;

/// A finished recording.
#[derive(Debug, Clone)]
pub(super) struct Recording {
    /// W, Y, Z, X within ±1.
    pub(super) channels: Foa,
    /// Sorted by frame, class and source.
    pub(super) labels: Vec<FrameEvent>,
}

/// A dry event: trimmed, at unit power while it sounds.
struct Clip {
    samples: Vec<f32>,
    active: Vec<Range<usize>>,
}

/// The room of that number, the same for every recording made in it.
pub(super) fn room(seed: u64, number: usize) -> Room {
    Room::draw(&mut rng::stream(seed, &["scene", "room", &number.to_string()]))
}

/// Makes one recording. The result depends on the arguments alone.
pub(super) fn record(
    plan: &RecordingPlan,
    config: &SynthConfig,
    bank: &Bank,
) -> Result<Recording, SceneError> {
    let index = plan.index.to_string();
    let mut rng = rng::stream(config.seed, &["scene", plan.subset.name(), &index]);
    let room = room(config.seed, plan.room);
    let array = room.draw_array(&mut rng);
    let total = plan.frames * FRAME;
    let mut mixture: Foa = std::array::from_fn(|_| vec![0.0; total]);
    let mut convolver = Convolver::default();
    let mut labels = Vec::new();
    let mut event_powers = Vec::new();
    let events = schedule(plan, config, bank, &mut rng)?;
    for (source, (class, start, clip)) in events.iter().enumerate() {
        let seconds = clip.samples.len() as f64 / f64::from(SAMPLE_RATE);
        let path = if rng.random_bool(config.moving) && seconds > 1.0 {
            Path::draw_moving(&room, array, seconds, &mut rng)
        } else {
            Path::draw_static(&room, array, &mut rng)
        };
        // Half of the loss over distance is made up for: people speak up, and things are placed to be heard.
        let gain = decibels(rng.random_range(-5.0..5.0)) * path.distance_m.sqrt() as f32;
        let dry: Vec<f32> = clip.samples.iter().map(|x| x * gain).collect();
        let heard = path.render(&dry, &room, array, &mut convolver, &mut rng);
        let sounding = &heard[0][..clip.samples.len()];
        event_powers.push(mean_power(sounding));
        overlay(&mut mixture, *start, &heard);
        label(&mut labels, plan.frames, *start, clip, &path, (*class as u32, source as u32));
    }
    let event_power = match event_powers.len() {
        0 => 0.1,
        count => event_powers.iter().sum::<f64>() / count as f64,
    };
    add_interferers(&mut mixture, plan, bank, (&room, array), &mut convolver, &mut rng)?;
    let snr_db = rng.random_range(config.snr_db.0..=config.snr_db.1);
    let noise_gain = (event_power / 10f64.powf(snr_db / 10.0)).sqrt() as f32;
    for (mixed, noise) in mixture.iter_mut().zip(diffuse(total, &mut rng)) {
        mixed.iter_mut().zip(noise).for_each(|(x, n)| *x += noise_gain * n);
    }
    normalise(&mut mixture, decibels(rng.random_range(-12.0..-1.0)));
    labels.sort_by_key(|row| (row.frame, row.class, row.source));
    Ok(Recording { channels: mixture, labels })
}

fn decibels(level: f64) -> f32 {
    10f64.powf(level / 20.0) as f32
}

/// Class, start sample and clip of every event. Each of `polyphony` layers holds one event at a time; their
/// pauses are such that all are silent together for [`SILENCE`] of the time.
fn schedule(
    plan: &RecordingPlan,
    config: &SynthConfig,
    bank: &Bank,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<(usize, usize, Clip)>, SceneError> {
    let total = plan.frames * FRAME;
    let pause_share = SILENCE.powf(1.0 / config.polyphony as f64);
    let pause_per_sound = pause_share / (1.0 - pause_share);
    let mut deck: Vec<usize> = Vec::new();
    let mut events = Vec::new();
    for _ in 0..config.polyphony {
        let mut time = (rng.random_range(0.0..2.0) * f64::from(SAMPLE_RATE)) as usize;
        while time + LEAST_CUT < total {
            if deck.is_empty() {
                // All classes in turn, so that none is rare.
                deck = (0..bank.class_names().len()).collect();
                deck.shuffle(rng);
            }
            let Some(class) = deck.pop() else { break };
            let clip = prepare(bank.draw(plan.subset, class, rng)?, total - time);
            let length = clip.samples.len();
            let pause = length as f64 * pause_per_sound * rng.random_range(0.3..1.7);
            events.push((class, time, clip));
            // At least a frame, so that a bank of nearly empty files comes to an end.
            time += (length + pause as usize).max(FRAME);
        }
    }
    Ok(events)
}

/// Trims silence, cuts to `limit` samples, fades the ends and brings the sounding part to unit power.
fn prepare(mut samples: Vec<f32>, limit: usize) -> Clip {
    let active = active_spans(&samples);
    if let (Some(first), Some(last)) = (active.first(), active.last()) {
        samples = samples[first.start..last.end].to_vec();
    }
    samples.truncate(limit);
    let fade = FADE.min(samples.len() / 2);
    for n in 0..fade {
        let weight = n as f32 / fade as f32;
        samples[n] *= weight;
        let end = samples.len() - 1 - n;
        samples[end] *= weight;
    }
    let active = active_spans(&samples);
    let (energy, length) = active.iter().fold((0.0, 0), |(energy, length), span| {
        (energy + mean_power(&samples[span.clone()]) * span.len() as f64, length + span.len())
    });
    let scale = if energy > 0.0 { (length as f64 / energy).sqrt() as f32 } else { 0.0 };
    samples.iter_mut().for_each(|x| *x *= scale);
    Clip { samples, active }
}

/// Where a sound is not silent, with short pauses filled.
fn active_spans(samples: &[f32]) -> Vec<Range<usize>> {
    let powers: Vec<f64> = samples.chunks(WINDOW).map(mean_power).collect();
    let threshold = powers.iter().copied().fold(0.0, f64::max) * SILENT_POWER;
    let mut spans: Vec<Range<usize>> = Vec::new();
    for (i, power) in powers.iter().enumerate() {
        if *power <= threshold {
            continue;
        }
        let window = i * WINDOW..((i + 1) * WINDOW).min(samples.len());
        match spans.last_mut() {
            Some(last) if window.start - last.end < PAUSE => last.end = window.end,
            _ => spans.push(window),
        }
    }
    spans
}

/// Adds the part of `heard` that falls into the recording.
fn overlay(mixture: &mut Foa, start: usize, heard: &Foa) {
    for (mixed, heard) in mixture.iter_mut().zip(heard) {
        mixed[start..].iter_mut().zip(heard).for_each(|(x, y)| *x += y);
    }
}

/// Label rows of one event: the frames that its sound, as it arrives at the array, covers by at least half (or
/// the one it covers most, if it is that short), with the direction at the middle of the frame.
fn label(
    labels: &mut Vec<FrameEvent>,
    frames: usize,
    start: usize,
    clip: &Clip,
    path: &Path,
    (class, source): (u32, u32),
) {
    let arrival = start + path.delay_samples();
    let mut covered = vec![0; frames];
    for span in &clip.active {
        let span = arrival + span.start..arrival + span.end;
        let touched = covered.iter_mut().enumerate().take(span.end.div_ceil(FRAME)).skip(span.start / FRAME);
        for (frame, samples) in touched {
            *samples += span.end.min((frame + 1) * FRAME) - span.start.max(frame * FRAME);
        }
    }
    let most = covered.iter().copied().max().unwrap_or(0);
    for (frame, covered) in covered.into_iter().enumerate() {
        if covered == 0 || covered < most.min(FRAME / 2) {
            continue;
        }
        let centre = frame * FRAME + FRAME / 2;
        let seconds = centre.saturating_sub(arrival) as f64 / f64::from(SAMPLE_RATE);
        let direction = path.at(seconds);
        labels.push(FrameEvent {
            frame: frame as u32,
            class,
            source,
            direction,
            distance_m: Some(path.distance_m),
        });
    }
}

/// Up to two unlabelled sounds, well below the events.
fn add_interferers(
    mixture: &mut Foa,
    plan: &RecordingPlan,
    bank: &Bank,
    (room, array): (&Room, [f64; 3]),
    convolver: &mut Convolver,
    rng: &mut ChaCha8Rng,
) -> Result<(), SceneError> {
    let total = plan.frames * FRAME;
    for _ in 0..rng.random_range(0..=2) {
        let start = rng.random_range(0..total);
        let Some(samples) = bank.draw_interferer(plan.subset, rng)? else { continue };
        let clip = prepare(samples, total - start);
        let gain = decibels(rng.random_range(-18.0..-8.0));
        let quiet: Vec<f32> = clip.samples.iter().map(|x| x * gain).collect();
        let path = Path::draw_static(room, array, rng);
        overlay(mixture, start, &path.render(&quiet, room, array, convolver, rng));
    }
    Ok(())
}

/// Scales so that the largest sample of all channels is `peak`.
fn normalise(mixture: &mut Foa, peak: f32) {
    let largest = mixture.iter().flatten().fold(0.0_f32, |peak, x| peak.max(x.abs()));
    if largest > 0.0 {
        let scale = peak / largest;
        mixture.iter_mut().flatten().for_each(|x| *x *= scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(config: &SynthConfig, number: usize) -> Recording {
        record(&config.recordings()[number], config, &Bank::builtin()).unwrap()
    }

    #[test]
    fn recordings_hold_to_their_settings() {
        let config = SynthConfig { polyphony: 3, ..SynthConfig::new(2.0) };
        let recording = make(&config, 0);
        assert!(recording.channels.iter().all(|channel| channel.len() == 300 * FRAME));
        let peak = recording.channels.iter().flatten().fold(0.0_f32, |peak, x| peak.max(x.abs()));
        assert!((decibels(-12.01)..decibels(-0.99)).contains(&peak), "{peak}");
        let mut active = [0; 300];
        for row in &recording.labels {
            active[row.frame as usize] += 1;
            assert!(row.class < 8);
            assert!(row.direction.elevation_deg.abs() <= 80.0);
        }
        assert!(active.iter().all(|count| *count <= 3));
        let silent = active.iter().filter(|count| **count == 0).count();
        assert!((10..130).contains(&silent), "{silent} silent frames");
        assert!(active.iter().any(|count| *count > 1), "no overlap");
    }

    #[test]
    fn labels_follow_the_sound() {
        let steady = vec![0.5; 6_000];
        let clip = prepare([vec![0.0; 4_800], steady, vec![0.0; 9_600]].concat(), 48_000);
        assert_eq!((clip.samples.len(), clip.active.len(), clip.active[0].clone()), (6_000, 1, 0..6_000));
        let start = crate::seld::doa::Direction { azimuth_deg: 170.0, elevation_deg: 0.0 };
        let path = Path { start, azimuth_speed: 40.0, elevation_speed: 0.0, distance_m: 1.0 };
        let mut labels = Vec::new();
        // Arrives 70 samples later, at 2400: frames 1 and 2 whole, and half of 3.
        label(&mut labels, 10, 2_330, &clip, &path, (5, 2));
        assert_eq!(labels.iter().map(|row| row.frame).collect::<Vec<_>>(), [1, 2, 3]);
        assert!((labels[0].direction.azimuth_deg - 172.0).abs() < 1e-9);
        assert!((labels[2].direction.azimuth_deg - 180.0).abs() < 1e-9);
    }

    #[test]
    fn directions_of_single_events_can_be_heard() {
        let config = SynthConfig { snr_db: (30.0, 30.0), moving: 0.5, ..SynthConfig::new(4.0) };
        let mut errors = Vec::new();
        for number in 0..4 {
            let Recording { channels, labels } = make(&config, number);
            for row in &labels {
                let frame = row.frame as usize;
                if labels
                    .iter()
                    .filter(|other| other.frame.abs_diff(row.frame) <= 2)
                    .any(|o| o.source != row.source)
                {
                    continue;
                }
                let along = |channel: usize| -> f64 {
                    let span = frame * FRAME..(frame + 1) * FRAME;
                    let (w, v) = (&channels[0][span.clone()], &channels[channel][span]);
                    w.iter().zip(v).map(|(w, v)| f64::from(*w) * f64::from(*v)).sum()
                };
                let heard = crate::seld::doa::Direction::from_vector([along(3), along(1), along(2)]);
                errors.push(heard.angle_to(row.direction));
            }
        }
        errors.sort_by(f64::total_cmp);
        let median = errors[errors.len() / 2];
        assert!(errors.len() > 50 && median < 25.0, "{} frames, median {median} degrees", errors.len());
    }

    #[test]
    fn train_and_test_differ_in_rooms_and_instances() {
        let config = SynthConfig::new(4.0);
        let plans = config.recordings();
        let test = plans.iter().position(|plan| plan.subset == crate::scene::Subset::Test).unwrap();
        assert_ne!(room(config.seed, plans[0].room), room(config.seed, plans[test].room));
        let bank = Bank::builtin();
        let instance = |plan: &RecordingPlan| {
            let mut rng = rng::stream(config.seed, &["scene", plan.subset.name(), "0"]);
            bank.draw(plan.subset, 0, &mut rng).unwrap()
        };
        assert_ne!(instance(&plans[0]), instance(&plans[test]));
    }

    #[test]
    fn no_more_than_one_event_at_a_time_when_asked() {
        let config = SynthConfig { polyphony: 1, moving: 1.0, ..SynthConfig::new(1.0) };
        let frames: Vec<u32> = make(&config, 0).labels.iter().map(|row| row.frame).collect();
        let distinct: std::collections::BTreeSet<u32> = frames.iter().copied().collect();
        // Arrival times differ by distance, so that neighbours may share a frame now and then.
        assert!(frames.len() - distinct.len() <= 2);
        assert!(!frames.is_empty());
    }
}
