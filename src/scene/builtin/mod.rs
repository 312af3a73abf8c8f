//! Procedural sound events, so that a dataset can be made from nothing: one function a class, each call of
//! which draws a new instance (pitch, rate, timbre, length, envelope) from a random stream.
//!
//! The classes are those of STARSS23, in its order. They differ in spectrum and in rhythm, and every one has
//! energy over several octaves and onsets, because the direction of a steady narrow tone cannot be told in a
//! room that answers it.

mod dsp;
mod impact;
mod music;
mod outside;
mod steady;
mod voice;

use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::SAMPLE_RATE;

/// Makes one instance of a class: mono samples at [`SAMPLE_RATE`], of any level.
type Generator = fn(&mut ChaCha8Rng) -> Vec<f32>;

/// The classes in the order of their numbers, which are those of STARSS22 and STARSS23.
const CLASSES: [(&str, Generator); 13] = [
    ("female_speech", voice::female_speech),
    ("male_speech", voice::male_speech),
    ("clapping", impact::clapping),
    ("telephone", steady::telephone),
    ("laughter", voice::laughter),
    ("domestic_sounds", steady::domestic_sounds),
    ("footsteps", impact::footsteps),
    ("door", impact::door),
    ("music", music::music),
    ("musical_instrument", music::musical_instrument),
    ("water_tap", steady::water_tap),
    ("bell", impact::bell),
    ("knock", impact::knock),
];

/// Sounds of no class.
const INTERFERERS: [Generator; 2] = [outside::engine, outside::bird];

/// Names of the built-in classes, in the order of their numbers.
pub(super) fn class_names() -> impl Iterator<Item = &'static str> {
    CLASSES.iter().map(|(name, _)| *name)
}

/// A new instance of a class.
pub(super) fn generate(class: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    CLASSES[class].1(rng)
}

/// A new instance of a sound that belongs to no class.
pub(super) fn generate_interferer(rng: &mut ChaCha8Rng) -> Vec<f32> {
    INTERFERERS.choose(rng).map_or_else(Vec::new, |generator| generator(rng))
}

#[cfg(test)]
mod tests;
