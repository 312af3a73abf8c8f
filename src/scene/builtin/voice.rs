//! Human voices: syllables by source and formants, laughter.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::dsp::{BandPass, LowPass, Oscillator, hump, log_uniform, noise, samples};

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
/// The open ones, of which laughter is made.
const OPEN_VOWELS: [[f32; 3]; 3] = [VOWELS[3], VOWELS[4], VOWELS[8]];

/// One speaker.
struct Speaker {
    pitch_hz: f32,
    /// Formants relative to a man's: shorter vocal tracts have higher ones.
    tract: f32,
    /// Noise in the voice.
    breath: f32,
}

/// A woman speaking.
pub(super) fn female_speech(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let speaker = Speaker {
        pitch_hz: log_uniform(rng, 175.0, 270.0),
        tract: rng.random_range(1.12..1.24),
        breath: rng.random_range(0.05..0.15),
    };
    speech(&speaker, rng)
}

/// A man speaking.
pub(super) fn male_speech(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let speaker = Speaker {
        pitch_hz: log_uniform(rng, 82.0, 140.0),
        tract: rng.random_range(0.93..1.03),
        breath: rng.random_range(0.02..0.08),
    };
    speech(&speaker, rng)
}

/// Speech-like syllables of one voice: a pulse train with gliding pitch through moving formants, with bursts
/// of noise for consonants.
fn speech(speaker: &Speaker, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let rate = rng.random_range(3.2..5.5);
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
        let pitch_hz = speaker.pitch_hz * rng.random_range(0.85..1.2);
        let vowels = [0, 1].map(|_| VOWELS[rng.random_range(0..VOWELS.len())]);
        clip.extend(syllable(length, &Speaker { pitch_hz, ..*speaker }, vowels, rng));
        if rng.random_bool(0.15) {
            clip.extend(vec![0.0; samples(rng.random_range(0.05..0.2))]);
        }
    }
    clip
}

/// A vowel that glides into another.
fn syllable(length: usize, speaker: &Speaker, [from, to]: [[f32; 3]; 2], rng: &mut ChaCha8Rng) -> Vec<f32> {
    const BANDWIDTHS: [f32; 3] = [80.0, 110.0, 160.0];
    const GAINS: [f32; 3] = [1.0, 0.6, 0.35];
    let glide: f32 = rng.random_range(0.8..1.1);
    let (mut glottis, mut tilt) = (Oscillator::default(), LowPass::new(1_500.0));
    let mut formants: [BandPass; 3] = Default::default();
    let mut bright = BandPass::new(4_200.0 * speaker.tract, 1_500.0);
    let mut pitch_hz = speaker.pitch_hz;
    (0..length)
        .map(|n| {
            let position = n as f32 / length as f32;
            if n % 64 == 0 {
                pitch_hz = speaker.pitch_hz * glide.powf(position);
                for (i, formant) in formants.iter_mut().enumerate() {
                    let hz = from[i] + (to[i] - from[i]) * position;
                    formant.tune(hz * speaker.tract, BANDWIDTHS[i]);
                }
            }
            // A saw that opens slowly and closes at once, softened by the tilt of the glottal spectrum.
            let pulse = tilt.next(2.0 * glottis.advance(pitch_hz) - 1.0) + speaker.breath * noise(rng);
            let vowel: f32 = formants.iter_mut().zip(GAINS).map(|(f, gain)| gain * f.next(pulse)).sum();
            hump(position, 0.15, 0.35) * (4.0 * vowel + 0.8 * bright.next(pulse))
        })
        .collect()
}

/// Laughter: bouts of "ha", four to six a second, each a puff of breath and an open vowel, falling in pitch.
pub(super) fn laughter(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut voice = Speaker {
        pitch_hz: log_uniform(rng, 150.0, 420.0),
        tract: rng.random_range(0.95..1.25),
        breath: rng.random_range(0.15..0.4),
    };
    let vowel = OPEN_VOWELS[rng.random_range(0..OPEN_VOWELS.len())];
    let interval_s = 1.0 / rng.random_range(4.2..6.2);
    let voiced_share = rng.random_range(0.4..0.6);
    let mut clip = Vec::new();
    for _ in 0..rng.random_range(1..=2) {
        for _ in 0..rng.random_range(4..9) {
            let puff = samples(interval_s * (1.0 - voiced_share) * rng.random_range(0.9..1.1));
            let mut formants = vowel.map(|hz| BandPass::new(hz * voice.tract, 400.0));
            clip.extend((0..puff).map(|n| {
                let x = noise(rng);
                let breath: f32 = formants.iter_mut().map(|formant| formant.next(x)).sum();
                hump(n as f32 / puff as f32, 0.5, 0.1) * (0.9 * breath + 0.15 * x)
            }));
            let length = samples(interval_s * voiced_share * rng.random_range(0.9..1.1));
            clip.extend(syllable(length, &voice, [vowel; 2], rng));
            voice.pitch_hz *= rng.random_range(0.93..1.0);
        }
        clip.extend(vec![0.0; samples(rng.random_range(0.1..0.4))]);
        voice.pitch_hz *= rng.random_range(1.1..1.35);
    }
    clip
}
