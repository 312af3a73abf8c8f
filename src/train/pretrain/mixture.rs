//! Clips to train on: some events at random levels and times, in noise.

use std::ops::Range;

use rand::RngExt;
use rand::seq::{IndexedRandom, index};
use rand_chacha::ChaCha8Rng;

use super::sounds::{Sound, Sounds};
use crate::backbone::small::{SAMPLE_RATE, SHORTEST};
use crate::{rng, scene};

/// Length of a clip in samples.
pub(super) const CLIP: usize = SHORTEST as usize;
/// How likely a clip has none, one, two or three events.
const COUNTS: [f64; 4] = [0.05, 0.45, 0.3, 0.2];
/// Shortest stretch of an event that is longer, in samples: half a second.
const LEAST: usize = SAMPLE_RATE as usize / 2;
/// A stretch is taken as an event when its peak is at least this part of the whole sound's.
const AUDIBLE: f32 = 0.1;
/// Stretches that are looked at before one around the loudest sample is taken.
const ATTEMPTS: usize = 5;
/// Level of an event beside others, RMS in dB.
const EVENT_DB: Range<f64> = -10.0..0.0;
/// How likely a sound of no class is among them, and its level.
const INTERFERER: f64 = 0.2;
const INTERFERER_DB: Range<f64> = -20.0..-5.0;
/// Level of the noise.
const NOISE_DB: Range<f64> = -45.0..-5.0;
/// Peak of a clip in dB below full scale: at the level that recordings are brought to, and far off.
const PEAK_DB: Range<f64> = -30.0..0.0;
/// Fade at both ends of a stretch, in samples: 5 ms.
const FADE: usize = SAMPLE_RATE as usize / 200;
/// Kinds of noise, from -6 to 0 dB an octave, and the length of each in samples.
const NOISES: usize = 7;
const NOISE: usize = 10 * SAMPLE_RATE as usize;
/// How likely frames, and bands, of the picture are hidden; and how many at most.
const MASKED: f64 = 0.5;
const MASK_FRAMES: usize = 25;
const MASK_BANDS: usize = 12;

/// A clip with what is in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mixture {
    /// [`CLIP`] samples.
    pub(super) samples: Vec<f32>,
    /// Numbers of the classes in it.
    pub(super) classes: Vec<usize>,
    /// Frames and bands of its picture that are hidden (D. S. Park et al., "SpecAugment", arXiv 1904.08779).
    pub(super) hidden: [Range<usize>; 2],
}

/// What clips are drawn from.
#[derive(Debug)]
pub(super) struct Mixer<'a> {
    sounds: &'a Sounds,
    noises: Vec<Sound>,
    /// Frames and bands of the picture.
    size: [usize; 2],
    /// Whether parts of the picture are hidden.
    masks: bool,
}

impl<'a> Mixer<'a> {
    /// For pictures of this size: frames and bands.
    pub(super) fn new(sounds: &'a Sounds, size: [usize; 2], masks: bool, seed: u64) -> Self {
        let noise = |kind: usize| {
            let rng = &mut rng::stream(seed, &["pretrain", "noise", &kind.to_string()]);
            scene::tilted(NOISE, kind as f64 - (NOISES - 1) as f64, rng)
        };
        Self { sounds, noises: (0..NOISES).map(noise).collect(), size, masks }
    }

    /// A new clip.
    pub(super) fn draw(&self, rng: &mut ChaCha8Rng) -> Mixture {
        let mut samples = vec![0.0; CLIP];
        let count = draw_count(rng).min(self.sounds.len());
        let classes = index::sample(rng, self.sounds.len(), count).into_vec();
        for class in &classes {
            add_one_of(&mut samples, &self.sounds.classes[*class].training, EVENT_DB, rng);
        }
        if rng.random_bool(INTERFERER) {
            add_one_of(&mut samples, &self.sounds.interferers, INTERFERER_DB, rng);
        }
        if let Some(noise) = self.noises.choose(rng) {
            let start = rng.random_range(0..=noise.len() - CLIP);
            let gain = from_db(rng.random_range(NOISE_DB));
            samples.iter_mut().zip(&noise[start..]).for_each(|(sum, x)| *sum += gain * x);
        }
        let peak = peak(&samples);
        let gain = from_db(rng.random_range(PEAK_DB)) / peak.max(1e-9);
        samples.iter_mut().for_each(|x| *x *= gain);
        let mut hide = |length: usize, most: usize| {
            if !self.masks || !rng.random_bool(MASKED) {
                return 0..0;
            }
            let width = rng.random_range(1..=most.min(length));
            let start = rng.random_range(0..=length - width);
            start..start + width
        };
        let hidden = [hide(self.size[0], MASK_FRAMES), hide(self.size[1], MASK_BANDS)];
        Mixture { samples, classes, hidden }
    }
}

fn draw_count(rng: &mut ChaCha8Rng) -> usize {
    let mut left = rng.random::<f64>();
    let below = |share: &f64| {
        left -= share;
        left < 0.0
    };
    COUNTS.iter().position(below).unwrap_or(1)
}

/// Adds a stretch of a random sound of a random source.
fn add_one_of(samples: &mut [f32], sources: &[Vec<Sound>], level_db: Range<f64>, rng: &mut ChaCha8Rng) {
    let Some(sound) = sources.choose(rng).and_then(|source| source.choose(rng)) else { return };
    let stretch = &sound[audible_stretch(sound, samples.len(), rng)];
    let power = stretch.iter().map(|x| f64::from(x * x)).sum::<f64>() / stretch.len().max(1) as f64;
    let gain = from_db(rng.random_range(level_db)) / power.sqrt().max(1e-9) as f32;
    let start = rng.random_range(0..=samples.len() - stretch.len());
    for (n, (sum, x)) in samples[start..].iter_mut().zip(stretch).enumerate() {
        let edge = n.min(stretch.len() - 1 - n);
        let fade = (edge as f32 / FADE as f32).min(1.0);
        *sum += gain * fade * x;
    }
}

/// Where to cut a stretch of at most `most` samples that is not a pause of the sound.
fn audible_stretch(sound: &[f32], most: usize, rng: &mut ChaCha8Rng) -> Range<usize> {
    let loudest = peak(sound);
    let longest = sound.len().min(most);
    let length = if longest > LEAST { rng.random_range(LEAST..=longest) } else { longest };
    for _ in 0..ATTEMPTS {
        let start = rng.random_range(0..=sound.len() - length);
        let stretch = start..start + length;
        if peak(&sound[stretch.clone()]) >= AUDIBLE * loudest {
            return stretch;
        }
    }
    // Mostly pauses: around the loudest sample.
    let place = sound.iter().position(|x| x.abs() == loudest).unwrap_or_default();
    let first = (place + 1).saturating_sub(length);
    let start = rng.random_range(first..=place.min(sound.len() - length));
    start..start + length
}

fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |peak, x| x.abs().max(peak))
}

fn from_db(level: f64) -> f32 {
    10f64.powf(level / 20.0) as f32
}

#[cfg(test)]
mod tests {
    use super::super::sounds::Class;
    use super::*;

    /// Class 0 sounds at once and then pauses for long, class 1 is a short click, class 2 is silent.
    fn sounds() -> Sounds {
        let mut long = vec![0.0; 5 * CLIP];
        long[..CLIP / 2].fill(0.5);
        let class = |name: &str, sound: Sound| Class {
            name: name.into(),
            training: vec![vec![sound]],
            held_out: Vec::new(),
        };
        let classes =
            vec![class("long", long), class("click", vec![1.0; 100]), class("none", vec![0.0; 500])];
        Sounds { classes, interferers: Vec::new() }
    }

    #[test]
    fn clips_are_finite_of_one_length_and_at_most_at_full_scale() {
        let sounds = sounds();
        let mixer = Mixer::new(&sounds, [101, 64], true, 1);
        let mut counts = [0; 4];
        for n in 0..200 {
            let mixture = mixer.draw(&mut rng::stream(1, &[&n.to_string()]));
            assert_eq!(mixture, mixer.draw(&mut rng::stream(1, &[&n.to_string()])));
            assert_eq!(mixture.samples.len(), CLIP);
            assert!((0.03..1.0001).contains(&peak(&mixture.samples)));
            assert!(mixture.samples.iter().all(|x| x.is_finite()));
            assert!(mixture.hidden[0].end <= 101 && mixture.hidden[1].end <= 64);
            counts[mixture.classes.len()] += 1;
        }
        assert!(counts.iter().all(|count| *count > 2), "{counts:?}");
    }

    #[test]
    fn pauses_of_a_sound_are_not_taken_for_it() {
        let sounds = sounds();
        let mut rng = rng::stream(1, &[]);
        let mut starts = std::collections::BTreeSet::new();
        // About one in ten stretches at random would be audible.
        for _ in 0..200 {
            let sound = &sounds.classes[0].training[0][0];
            let stretch = audible_stretch(sound, CLIP, &mut rng);
            assert_eq!(peak(&sound[stretch.clone()]), 0.5);
            assert!((LEAST..=CLIP).contains(&stretch.len()));
            starts.insert(stretch.start);
        }
        assert!(starts.len() > 20, "{starts:?}");
        for class in [1, 2] {
            let sound = &sounds.classes[class].training[0][0];
            assert_eq!(audible_stretch(sound, CLIP, &mut rng), 0..sound.len());
        }
        assert_eq!(audible_stretch(&[], CLIP, &mut rng), 0..0);
    }
}
