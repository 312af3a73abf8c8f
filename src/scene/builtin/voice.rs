//! Voices: human syllables by source and formants, bird song by sweeps.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::dsp::{BandPass, LowPass, Oscillator, add_at, hump, log_uniform, noise, samples};

/// First three formants of ten American English vowels, in Hz (Peterson and Barney, 1952, men).
const VOWELS: [[f32; 3]; 10] = [
    [270.0, 2290.0, 3010.0],
    [390.0, 1990.0, 2550.0],
    [530.0, 1840.0, 2480.0],
    [660.0, 1720.0, 2410.0],
    [730.0, 1090.0, 2440.0],
    [570.0, 840.0, 2410.0],
    [440.0, 1020.0, 2240.0],
    [300.0, 870.0, 2240.0],
    [640.0, 1190.0, 2390.0],
    [490.0, 1350.0, 1690.0],
];

/// Speech-like syllables of one voice: a pulse train with gliding pitch through moving formants, with bursts
/// of noise for consonants.
pub(super) fn speech(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let pitch_hz = log_uniform(rng, 85.0, 240.0);
    // Higher voices come from shorter vocal tracts.
    let tract = (pitch_hz / 120.0).powf(0.25) * rng.random_range(0.95..1.05);
    let rate = rng.random_range(3.2..5.5);
    let breath = rng.random_range(0.02..0.12);
    let mut clip = Vec::new();
    for _ in 0..rng.random_range(5..14) {
        let mut fricative = BandPass::new(log_uniform(rng, 2_500.0, 7_000.0), 2_500.0);
        let consonant = samples(rng.random_range(0.02..0.09));
        let level = rng.random_range(0.1..0.45);
        clip.extend(
            (0..consonant).map(|n| {
                level * hump(n as f32 / consonant as f32, 0.2, 0.4) * 2.0 * fricative.next(noise(rng))
            }),
        );
        let length = samples(rng.random_range(0.7..1.2) / rate);
        let pitch = pitch_hz * rng.random_range(0.85..1.2);
        clip.extend(syllable(length, pitch, tract, breath, rng));
        if rng.random_bool(0.15) {
            clip.extend(vec![0.0; samples(rng.random_range(0.05..0.2))]);
        }
    }
    clip
}

fn syllable(length: usize, pitch_hz: f32, tract: f32, breath: f32, rng: &mut ChaCha8Rng) -> Vec<f32> {
    const BANDWIDTHS: [f32; 3] = [80.0, 110.0, 160.0];
    const GAINS: [f32; 3] = [1.0, 0.6, 0.35];
    let from = VOWELS[rng.random_range(0..VOWELS.len())];
    let to = VOWELS[rng.random_range(0..VOWELS.len())];
    let glide: f32 = rng.random_range(0.8..1.1);
    let (mut glottis, mut tilt) = (Oscillator::default(), LowPass::new(1_500.0));
    let mut formants: [BandPass; 3] = Default::default();
    let mut bright = BandPass::new(4_200.0 * tract, 1_500.0);
    (0..length)
        .map(|n| {
            let position = n as f32 / length as f32;
            if n % 64 == 0 {
                for (i, formant) in formants.iter_mut().enumerate() {
                    let hz = from[i] + (to[i] - from[i]) * position;
                    formant.tune(hz * tract, BANDWIDTHS[i]);
                }
            }
            let phase = glottis.advance(pitch_hz * glide.powf(position));
            // A saw that opens slowly and closes at once, softened by the tilt of the glottal spectrum.
            let pulse = tilt.next(2.0 * phase - 1.0) + breath * noise(rng);
            let vowel: f32 = formants.iter_mut().zip(GAINS).map(|(f, gain)| gain * f.next(pulse)).sum();
            hump(position, 0.15, 0.35) * (4.0 * vowel + 0.8 * bright.next(pulse))
        })
        .collect()
}

/// Bird song: a phrase of one kind of chirp, swept over 2 to 8 kHz with a harmonic and a trill.
pub(super) fn bird(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let chirps = rng.random_range(3..12);
    let base_hz = log_uniform(rng, 1_900.0, 3_600.0);
    let span = rng.random_range(1.2..2.0_f32);
    let upward = rng.random_bool(0.5);
    let trill_hz = rng.random_range(15.0..45.0);
    let trill_depth = rng.random_range(0.0..0.25);
    let chirp_s = rng.random_range(0.06..0.22);
    let pause_s = rng.random_range(0.04..0.2);
    let mut clip = Vec::new();
    for _ in 0..chirps {
        let length = samples(chirp_s * rng.random_range(0.8..1.25));
        let start = base_hz * rng.random_range(0.92..1.08);
        let (mut voice, mut trill) = (Oscillator::default(), Oscillator::default());
        clip.extend((0..length).map(|n| {
            let position = n as f32 / length as f32;
            let along = if upward { position } else { 1.0 - position };
            let hz = start * span.powf(along) * (1.0 + trill_depth * trill.sine(trill_hz));
            let phase = std::f32::consts::TAU * voice.advance(hz.min(5_500.0));
            hump(position, 0.25, 0.4) * (phase.sin() + 0.25 * (2.0 * phase).sin() + 0.05 * noise(rng))
        }));
        clip.extend(vec![0.0; samples(pause_s * rng.random_range(0.7..1.4))]);
    }
    let mut whole = vec![0.0; clip.len().max(samples(0.5))];
    add_at(&mut whole, 0, &clip);
    whole
}
