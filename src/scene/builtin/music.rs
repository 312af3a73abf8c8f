//! Music by a band, and a single instrument that plays a melody.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::dsp::{
    BandPass, LowPass, Mode, Oscillator, Wave, add_at, click, harmonics, hump, log_uniform, noise, samples,
};

/// Steps of the major scale, in semitones.
const SCALE: [i32; 8] = [0, 2, 4, 5, 7, 9, 11, 12];
/// Roots of the chords that a progression is made of, as steps of the scale.
const ROOTS: [usize; 5] = [0, 3, 4, 5, 1];

fn semitones(steps: i32) -> f32 {
    (steps as f32 / 12.0).exp2()
}

/// A band: a chord and a bass note on every second beat, a drum on each, a cymbal between.
pub(super) fn music(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let beat_s = 60.0 / rng.random_range(95.0..160.0);
    let beats = rng.random_range(6..12);
    let tonic_hz = log_uniform(rng, 180.0, 330.0);
    let keys = Wave::new(&harmonics(tonic_hz, rng.random_range(0.7..1.2), 24, rng));
    let decay_s = rng.random_range(0.3..0.9);
    let drum_hz = log_uniform(rng, 50.0, 80.0);
    let cymbal_level = rng.random_range(0.2..0.5);
    let mut clip = vec![0.0; samples(beats as f32 * beat_s)];
    for beat in 0..beats {
        let start = samples(beat as f32 * beat_s);
        if beat % 2 == 0 {
            let root = *ROOTS.choose(rng).unwrap_or(&0);
            let length = samples(2.0 * beat_s);
            let bass_hz = 0.5 * tonic_hz * semitones(SCALE[root]);
            let voices = [0, 2, 4].map(|third| tonic_hz * semitones(scale_step(root + third)));
            for hz in voices.into_iter().chain([bass_hz]) {
                add_at(&mut clip, start, &struck_key(&keys, hz, length, decay_s));
            }
        }
        add_at(&mut clip, start, &drum(beat % 2 == 1, drum_hz, rng));
        for part in [0.0, 0.5] {
            let cymbal = click(samples(0.08), 0.02, cymbal_level, rng);
            add_at(&mut clip, samples((beat as f32 + part) * beat_s), &cymbal);
        }
    }
    let (length, fade) = (clip.len(), samples(0.04));
    for (n, x) in clip[length - fade..].iter_mut().enumerate() {
        *x *= 1.0 - n as f32 / fade as f32;
    }
    clip
}

/// Semitones of a step of the scale that may go beyond the octave.
fn scale_step(step: usize) -> i32 {
    SCALE[step % 7] + 12 * (step / 7) as i32
}

fn struck_key(keys: &Wave, hz: f32, length: usize, decay_s: f32) -> Vec<f32> {
    let mut tone = Oscillator::default();
    let decay = (-1.0 / (decay_s * samples(1.0) as f32)).exp();
    let mut level = 0.3;
    (0..length)
        .map(|n| {
            level *= decay;
            (n as f32 / 60.0).min(1.0) * level * keys.at(tone.advance(hz))
        })
        .collect()
}

/// A bass drum, or a snare.
fn drum(snare: bool, hz: f32, rng: &mut ChaCha8Rng) -> Vec<f32> {
    if snare {
        let mut body = Mode::new(3.2 * hz, 0.05, 0.5);
        let mut wires = BandPass::new(3_000.0, 5_000.0);
        let burst = click(samples(0.2), 0.05, 1.2, rng);
        return burst.into_iter().map(|x| wires.next(x) + body.next()).collect();
    }
    let mut body = Mode::new(hz, 0.1, 1.0);
    let beater = click(samples(0.3), 0.004, 0.5, rng);
    beater.into_iter().map(|x| x + body.next()).collect()
}

/// How an instrument sounds.
#[derive(Clone, Copy)]
enum Timbre {
    Plucked,
    Bowed,
    Blown,
}

/// One plucked, bowed or blown instrument that plays three to nine notes of a scale, one after another.
pub(super) fn musical_instrument(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let tonic_hz = log_uniform(rng, 190.0, 480.0);
    let timbre = *[Timbre::Plucked, Timbre::Bowed, Timbre::Blown].choose(rng).unwrap_or(&Timbre::Plucked);
    let mut gains = harmonics(tonic_hz, rng.random_range(0.5..1.0), 24, rng);
    if matches!(timbre, Timbre::Blown) {
        // A cylindrical tube closed at one end: the even harmonics are weak.
        gains.iter_mut().skip(1).step_by(2).for_each(|gain| *gain *= 0.15);
    }
    let wave = Wave::new(&gains);
    let note_s = rng.random_range(0.2..0.5);
    let mut step: usize = rng.random_range(0..8);
    let mut clip = Vec::new();
    for _ in 0..rng.random_range(4..10) {
        let hz = tonic_hz * semitones(SCALE[step]);
        let length = samples(note_s * [1.0, 1.0, 1.5, 2.0].choose(rng).unwrap_or(&1.0));
        let level = rng.random_range(0.7..1.0);
        let note = match timbre {
            Timbre::Plucked => pluck(hz, length, rng),
            Timbre::Bowed | Timbre::Blown => sustained(&wave, hz, length, rng),
        };
        clip.extend(note.into_iter().map(|x| level * x));
        // Melodies move by small steps.
        step = (step + rng.random_range(0..5)).saturating_sub(2).min(SCALE.len() - 1);
    }
    clip
}

/// A plucked string (K. Karplus, A. Strong, Computer Music Journal 7, 1983).
fn pluck(hz: f32, length: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let period = ((samples(1.0) as f32 / hz) as usize).max(2);
    let mut string: Vec<f32> = (0..period).map(|_| noise(rng)).collect();
    let fade = samples(0.01);
    (0..length)
        .map(|n| {
            let (here, next) = (n % period, (n + 1) % period);
            let x = string[here];
            string[here] = 0.4985 * (x + string[next]);
            x * ((length - n) as f32 / fade as f32).min(1.0)
        })
        .collect()
}

/// A note with vibrato and the noise of bow or breath, which is loudest at its beginning.
fn sustained(wave: &Wave, hz: f32, length: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let (mut tone, mut vibrato, mut breath) =
        (Oscillator::default(), Oscillator::default(), LowPass::new(6_000.0));
    let rate_hz = rng.random_range(4.5..6.5);
    let depth = rng.random_range(0.002..0.01);
    let mut bent = 1.0;
    (0..length)
        .map(|n| {
            if n % 32 == 0 {
                // The vibrato's oscillator is asked every 32nd sample.
                bent = 1.0 + depth * vibrato.sine(32.0 * rate_hz);
            }
            let position = n as f32 / length as f32;
            let onset = (-(n as f32) / 600.0).exp();
            let rush = (0.08 + 0.6 * onset) * breath.next(noise(rng));
            hump(position, 0.06, 0.12) * wave.at(tone.advance(hz * bent)) + hump(position, 0.01, 0.12) * rush
        })
        .collect()
}
