//! One recording: its events at their places, what the array hears of them, and the labels.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::ambience::Ambience;
use super::bank::Bank;
use super::clip::{Clip, FRAME};
use super::convolve::{Foa, silence};
use super::error::SceneError;
use super::measured::MeasuredRooms;
use super::noise::{diffuse, mean_power};
use super::path::Path;
use super::plan::{RecordingPlan, SynthConfig};
use super::room::Room;
use super::schedule::schedule;
use super::source::{Renderer, SimulatedSource, Source};
use crate::rng;
use crate::seld::event::FrameEvent;

/// Shorter events stand still, in seconds.
const LEAST_MOVING_S: f64 = 1.0;

/// A finished recording.
#[derive(Debug, Clone)]
pub struct Recording {
    /// W, Y, Z, X within ±1.
    pub channels: Foa,
    /// Sorted by frame, class and source.
    pub labels: Vec<FrameEvent>,
}

/// The rooms of a dataset.
pub(super) enum Rooms {
    /// By number, from 1.
    Simulated(Vec<Room>),
    /// From a folder.
    Measured(MeasuredRooms),
}

/// A room with the array in it.
enum Place<'a> {
    Simulated { room: &'a Room, array: [f64; 3] },
    Measured(&'a super::measured::MeasuredRoom),
}

impl Rooms {
    fn place(&self, number: usize, rng: &mut ChaCha8Rng) -> Place<'_> {
        match self {
            Self::Simulated(rooms) => {
                let room = &rooms[number - 1];
                Place::Simulated { room, array: room.draw_array(rng) }
            }
            Self::Measured(rooms) => Place::Measured(rooms.room(number)),
        }
    }
}

impl Place<'_> {
    /// A source somewhere, which moves for so many seconds if asked to.
    fn draw_source(
        &self,
        moving_s: Option<f64>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Box<dyn Source + '_>, SceneError> {
        match *self {
            Self::Simulated { room, array } => {
                let path = match moving_s {
                    Some(seconds) => Path::draw_moving(room, array, seconds, rng),
                    None => Path::draw_static(room, array, rng),
                };
                Ok(Box::new(SimulatedSource { room, array, path }))
            }
            Self::Measured(room) => Ok(Box::new(room.draw_source(moving_s, rng)?)),
        }
    }
}

/// What all recordings of a dataset are made from.
pub(super) struct Supplies {
    /// The events.
    pub(super) bank: Bank,
    /// The rooms.
    pub(super) rooms: Rooms,
    /// Recorded ambient noise, where it is not generated.
    pub(super) ambience: Option<Ambience>,
}

/// Makes one recording. The result depends on plan, settings and supplies alone.
///
/// # Errors
/// A file of the supplies that cannot be used.
pub(super) fn record(
    plan: &RecordingPlan,
    config: &SynthConfig,
    supplies: &Supplies,
    renderer: &mut Renderer,
) -> Result<Recording, SceneError> {
    let mut rng = rng::stream(config.seed, &["scene", plan.subset.name(), &plan.index.to_string()]);
    let place = supplies.rooms.place(plan.room, &mut rng);
    let total = plan.frames * FRAME;
    let mut recording = Recording { channels: silence(total), labels: Vec::new() };
    let events = schedule(plan, config, &supplies.bank, &mut rng)?;
    let mut event_power = 0.0;
    for (number, event) in events.iter().enumerate() {
        let seconds = event.clip.seconds();
        let moves = rng.random_bool(config.moving) && seconds > LEAST_MOVING_S;
        let source = place.draw_source(moves.then_some(seconds), &mut rng)?;
        // Half of the loss over distance is made up for: people speak up, and things are placed to be heard.
        let gain = decibels(uniform(config.gain_db, &mut rng)) * source.at(0.0).distance_m.sqrt() as f32;
        let heard = play(&event.clip, gain, source.as_ref(), renderer, &mut rng)?;
        event_power += mean_power(&heard[0][..event.clip.samples.len()]) / events.len() as f64;
        overlay(&mut recording.channels, event.start, &heard);
        let identity = (event.class as u32, number as u32);
        recording.labels.extend(event.clip.label(plan.frames, event.start, source.as_ref(), identity));
    }
    recording.labels.sort_by_key(|row| (row.frame, row.class, row.source));
    let mixture = &mut recording.channels;
    add_interferers(mixture, plan, config, (&supplies.bank, &place), renderer, &mut rng)?;
    let noise = match &supplies.ambience {
        Some(ambience) => ambience.draw(plan.subset, total, &mut rng)?,
        None => diffuse(total, uniform(config.noise_tilt_db, &mut rng), &mut rng),
    };
    let event_power = if events.is_empty() { 0.1 } else { event_power };
    let noise_gain = (event_power / 10f64.powf(uniform(config.snr_db, &mut rng) / 10.0)).sqrt() as f32;
    for (mixed, noise) in mixture.iter_mut().zip(&noise) {
        mixed.iter_mut().zip(noise).for_each(|(x, n)| *x += noise_gain * n);
    }
    normalise(mixture, decibels(rng.random_range(-12.0..-1.0)));
    Ok(recording)
}

fn uniform((low, high): (f64, f64), rng: &mut ChaCha8Rng) -> f64 {
    rng.random_range(low..=high)
}

fn decibels(level: f64) -> f32 {
    10f64.powf(level / 20.0) as f32
}

/// What the array hears of a clip at `gain`.
fn play(
    clip: &Clip,
    gain: f32,
    source: &dyn Source,
    renderer: &mut Renderer,
    rng: &mut ChaCha8Rng,
) -> Result<Foa, SceneError> {
    let dry: Vec<f32> = clip.samples.iter().map(|x| x * gain).collect();
    source.render(&dry, renderer, rng)
}

/// Adds the part of `heard` that falls into the recording.
fn overlay(mixture: &mut Foa, start: usize, heard: &Foa) {
    for (mixed, heard) in mixture.iter_mut().zip(heard) {
        mixed[start..].iter_mut().zip(heard).for_each(|(x, y)| *x += y);
    }
}

/// Unlabelled sounds, well below the events.
fn add_interferers(
    mixture: &mut Foa,
    plan: &RecordingPlan,
    config: &SynthConfig,
    (bank, place): (&Bank, &Place<'_>),
    renderer: &mut Renderer,
    rng: &mut ChaCha8Rng,
) -> Result<(), SceneError> {
    let most = config.interferers.unwrap_or(if bank.has_interferers() { 2 } else { 0 });
    let total = plan.frames * FRAME;
    for _ in 0..rng.random_range(0..=most) {
        let start = rng.random_range(0..total);
        let clip = Clip::new(bank.draw_interferer(plan.subset, rng)?, total - start);
        let gain = decibels(rng.random_range(-18.0..-8.0));
        let source = place.draw_source(None, rng)?;
        overlay(mixture, start, &play(&clip, gain, source.as_ref(), renderer, rng)?);
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
    use crate::scene::{Subset, Synthesiser};
    use crate::seld::doa::Direction;

    fn make(config: &SynthConfig, number: usize) -> Recording {
        Synthesiser::new(config.clone()).unwrap().render(number).unwrap()
    }

    /// Power of W, and direction of the active intensity, in a frame. First differences give every octave a say.
    fn hear(channels: &Foa, frame: usize) -> (f64, Direction) {
        let along = |channel: usize| -> f64 {
            let (w, v) = (&channels[0], &channels[channel]);
            let span = (frame * FRAME).max(1)..(frame + 1) * FRAME;
            span.map(|n| f64::from((w[n] - w[n - 1]) * (v[n] - v[n - 1]))).sum()
        };
        (along(0), Direction::from_vector([along(3), along(1), along(2)]))
    }

    #[test]
    fn recordings_hold_to_their_settings() {
        let config = SynthConfig { polyphony: 3, silence: 0.2, ..SynthConfig::new(2.0) };
        let recording = make(&config, 0);
        assert!(recording.channels.iter().all(|channel| channel.len() == 300 * FRAME));
        let peak = recording.channels.iter().flatten().fold(0.0_f32, |peak, x| peak.max(x.abs()));
        assert!((decibels(-12.01)..decibels(-0.99)).contains(&peak), "{peak}");
        let mut active = [0; 300];
        for row in &recording.labels {
            active[row.frame as usize] += 1;
            assert!(row.class < 13);
            assert!(row.direction.elevation_deg.abs() <= 80.0);
            assert!((0.79..4.01).contains(&row.distance_m.unwrap()));
        }
        assert!(active.iter().all(|count| *count <= 4));
        assert!(active.iter().filter(|count| **count > 3).count() <= 6);
        assert!(active.iter().any(|count| *count > 1), "no overlap");
    }

    #[test]
    fn silence_is_the_share_that_was_asked_for() {
        for silence in [0.0, 0.15, 0.5] {
            let config = SynthConfig { silence, ..SynthConfig::new(6.0) };
            let synthesiser = Synthesiser::new(config).unwrap();
            let (mut empty, mut all) = (0, 0);
            for number in 0..synthesiser.len() {
                let recording = synthesiser.render(number).unwrap();
                let frames = recording.channels[0].len() / FRAME;
                let sounding: std::collections::BTreeSet<u32> =
                    recording.labels.iter().map(|row| row.frame).collect();
                empty += frames - sounding.len();
                all += frames;
            }
            let share = empty as f64 / all as f64;
            assert!((share - silence).abs() < 0.08, "asked {silence}, got {share}");
        }
    }

    /// The loudest third of a class's frames must say where it is; between knocks or words there is only the room.
    #[test]
    fn every_class_can_be_heard_from_somewhere_in_a_reverberant_room() {
        for class in 0..Bank::builtin().len() {
            let name = Bank::builtin().class_names().nth(class).unwrap().to_owned();
            let config = SynthConfig {
                classes: vec![name.clone()],
                polyphony: 1,
                snr_db: (25.0, 25.0),
                rt60_s: (0.4, 0.4),
                moving: 0.3,
                ..SynthConfig::new(2.0)
            };
            let synthesiser = Synthesiser::new(config).unwrap();
            let mut frames: Vec<(f64, f64)> = Vec::new();
            for number in 0..synthesiser.len() {
                let Recording { channels, labels } = synthesiser.render(number).unwrap();
                frames.extend(labels.iter().map(|row| {
                    let (power, heard) = hear(&channels, row.frame as usize);
                    (power, heard.angle_to(row.direction))
                }));
            }
            frames.sort_by(|a, b| b.0.total_cmp(&a.0));
            let mut errors: Vec<f64> = frames[..frames.len() / 3].iter().map(|frame| frame.1).collect();
            errors.sort_by(f64::total_cmp);
            let (median, most) = (errors[errors.len() / 2], errors[errors.len() * 9 / 10]);
            println!("{name}: {} frames, median {median:.1}, 90% {most:.1} degrees", frames.len());
            assert!(frames.len() > 300 && median < 12.0, "{name}: median {median} degrees");
            assert!(most < 40.0, "{name}: a tenth of the frames is off by {most} degrees");
        }
    }

    #[test]
    fn train_and_test_differ_in_rooms_and_instances() {
        let config = SynthConfig::new(4.0);
        let plans = config.recordings(config.room_counts());
        let test = plans.iter().find(|plan| plan.subset == Subset::Test).unwrap();
        assert_ne!(plans[0].room, test.room);
        let bank = Bank::builtin();
        let instance = |plan: &RecordingPlan| {
            let mut rng = rng::stream(config.seed, &["scene", plan.subset.name(), "0"]);
            bank.draw(plan.subset, 0, &mut rng).unwrap()
        };
        assert_ne!(instance(&plans[0]), instance(test));
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

    #[test]
    fn the_noise_is_as_far_below_the_events_as_was_asked() {
        let power = |snr_db: f64| {
            let config =
                SynthConfig { snr_db: (snr_db, snr_db), silence: 0.5, polyphony: 1, ..SynthConfig::new(1.0) };
            let Recording { channels, labels } = make(&config, 0);
            let quiet = |frame: usize| labels.iter().all(|row| (row.frame as usize).abs_diff(frame) > 8);
            let frames: Vec<usize> = (0..channels[0].len() / FRAME).collect();
            let mean = |chosen: Vec<usize>| {
                let of = |frame: usize| mean_power(&channels[0][frame * FRAME..(frame + 1) * FRAME]);
                chosen.iter().map(|frame| of(*frame)).sum::<f64>() / chosen.len() as f64
            };
            let sounding = |frame: &usize| labels.iter().any(|row| row.frame as usize == *frame);
            let events = mean(frames.iter().copied().filter(sounding).collect());
            let noise = mean(frames.iter().copied().filter(|frame| quiet(*frame)).collect());
            10.0 * (events / noise).log10()
        };
        assert!((power(20.0) - 20.0).abs() < 3.0, "{}", power(20.0));
        assert!((power(10.0) - 10.0).abs() < 3.0, "{}", power(10.0));
    }
}
