//! Procedural sound events, so that a dataset can be made from nothing: one function a class, each call of
//! which draws a new instance (pitch, rate, timbre, length, envelope) from a random stream.
//!
//! The classes differ in spectrum and in rhythm, and every one has energy over several octaves, because the
//! direction of a narrow tone cannot be told from few bands.

mod dsp;
mod impact;
mod steady;
mod voice;

use rand_chacha::ChaCha8Rng;

use super::SAMPLE_RATE;

/// Makes one instance of a class: mono samples at [`SAMPLE_RATE`], of any level.
type Generator = fn(&mut ChaCha8Rng) -> Vec<f32>;

/// The classes in the order of their numbers.
const CLASSES: [(&str, Generator); 8] = [
    ("bell", impact::bell),
    ("bird", voice::bird),
    ("clapping", impact::clapping),
    ("engine", steady::engine),
    ("footsteps", impact::footsteps),
    ("speech", voice::speech),
    ("telephone", steady::telephone),
    ("water", steady::water),
];

/// Names of the built-in classes, in the order of their numbers.
pub(super) fn class_names() -> Vec<String> {
    CLASSES.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// A new instance of a class.
pub(super) fn generate(class: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    CLASSES[class].1(rng)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_finite_sound_of_sensible_length_and_differ() {
        for (class, name) in class_names().iter().enumerate() {
            let mut previous = Vec::new();
            for instance in ["1", "2", "3", "4"] {
                let clip = generate(class, &mut crate::rng::stream(1, &["test", instance]));
                let seconds = clip.len() as f32 / SAMPLE_RATE as f32;
                assert!((0.4..8.0).contains(&seconds), "{name}: {seconds} s");
                assert!(clip.iter().all(|x| x.is_finite()), "{name}");
                assert!(clip.iter().any(|x| x.abs() > 0.01), "{name}");
                assert_ne!(clip, previous, "{name}");
                previous = clip;
            }
        }
    }
}
