//! Recorded ambient noise.

use std::path::{Path, PathBuf};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::SAMPLE_RATE;
use super::bank::{is_sound, sorted_entries};
use super::convolve::Foa;
use super::error::SceneError;
use super::foa::DIFFUSE_DIPOLE;
use super::noise::mean_power;
use super::subset::{Divided, Subset};
use crate::audio;

/// Cross-fade where a recording is too short and begins again, in samples: 50 ms.
const SEAM: usize = SAMPLE_RATE as usize / 20;

/// Recordings of ambient noise, divided between the subsets.
#[derive(Debug, Clone)]
pub(super) struct Ambience {
    recordings: Divided<Vec<PathBuf>>,
}

impl Ambience {
    /// A folder of wav, flac or ogg files. A sub-folder is one place, whose recordings stay in one subset; a file
    /// that lies in no sub-folder is a place of its own.
    ///
    /// # Errors
    /// A folder that cannot be read, or that has fewer places than there are subsets.
    pub(super) fn open(folder: &Path, subsets: &[Subset], seed: u64) -> Result<Self, SceneError> {
        let mut places = Vec::new();
        for entry in sorted_entries(folder)? {
            if entry.is_dir() {
                let files: Vec<PathBuf> =
                    sorted_entries(&entry)?.into_iter().filter(|path| is_sound(path)).collect();
                places.extend((!files.is_empty()).then_some(files));
            } else if is_sound(&entry) {
                places.push(vec![entry]);
            }
        }
        if places.len() < subsets.len() {
            let expected = match subsets.contains(&Subset::Validation) {
                true => {
                    "at least three recordings (or sub-folders) of ambient noise, for train, val and test"
                }
                false => "at least two recordings (or sub-folders) of ambient noise, for train and test",
            };
            let got = places.len().to_string();
            return Err(SceneError::Bank { path: folder.to_owned(), expected, got });
        }
        Ok(Self { recordings: Divided::new(places, subsets, "ambience", seed) })
    }

    /// A random stretch of `length` samples with unit mean power in W. A recording of four channels is taken as
    /// FOA (W, Y, Z, X); of any other, four different stretches of its mean are the channels of a diffuse field.
    ///
    /// # Errors
    /// A recording that cannot be read, or a silent one.
    pub(super) fn draw(
        &self,
        subset: Subset,
        length: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Foa, SceneError> {
        let Some(path) = self.recordings.pick(subset, rng) else { return Ok(Foa::default()) };
        let sound = audio::read(path)?;
        let rate = sound.sample_rate;
        let needed = (length as u64 * u64::from(rate)).div_ceil(u64::from(SAMPLE_RATE)) as usize + 1;
        let mut foa = if let [w, y, z, x] = &sound.channels[..] {
            let start = rng.random_range(0..w.len());
            [w, y, z, x].map(|channel| stretch(channel, start, needed, rate, length))
        } else {
            let mono = sound.mono();
            std::array::from_fn(|channel| {
                let level = if channel == 0 { 1.0 } else { DIFFUSE_DIPOLE };
                let start = rng.random_range(0..mono.len());
                let mut samples = stretch(&mono, start, needed, rate, length);
                samples.iter_mut().for_each(|x| *x *= level);
                samples
            })
        };
        let power = mean_power(&foa[0]);
        if power <= 0.0 {
            let expected = "ambient noise";
            return Err(SceneError::Bank { path: path.clone(), expected, got: "silence".into() });
        }
        let scale = power.sqrt().recip() as f32;
        foa.iter_mut().flatten().for_each(|x| *x *= scale);
        Ok(foa)
    }
}

/// `needed` samples from `start` on, which begin again at the end, resampled to `length`.
fn stretch(samples: &[f32], start: usize, needed: usize, rate: u32, length: usize) -> Vec<f32> {
    let mut output = audio::resample(&looped(samples, start, needed), rate, SAMPLE_RATE);
    output.resize(length, 0.0);
    output
}

/// `needed` samples of an endless repetition, with a cross-fade at each seam.
fn looped(samples: &[f32], start: usize, needed: usize) -> Vec<f32> {
    let seam = SEAM.min(samples.len() / 2);
    let period = samples.len() - seam;
    (0..needed)
        .map(|n| {
            let place = (start + n) % period;
            if place >= seam {
                return samples[place];
            }
            // The end of one round and the beginning of the next, which are uncorrelated: sine and cosine.
            let share = 0.5 * std::f32::consts::PI * place as f32 / seam as f32;
            share.sin() * samples[place] + share.cos() * samples[period + place]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(folder: &Path, name: &str, channels: usize, rate: u32, length: usize) {
        let mut rng = crate::rng::stream(1, &[name]);
        let noise = |_| (0..length).map(|_| rng.random_range(-0.5..0.5)).collect::<Vec<f32>>();
        let samples: Vec<Vec<f32>> = (0..channels).map(noise).collect();
        audio::write_wav(&folder.join(name), rate, &samples).unwrap();
    }

    #[test]
    fn stretches_of_any_recording_have_the_length_and_level_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        record(folder.path(), "hall/a.wav", 4, 24_000, 30_000);
        record(folder.path(), "street.wav", 1, 16_000, 9_000);
        let ambience = Ambience::open(folder.path(), &Subset::TRAIN_TEST, 1).unwrap();
        for subset in [Subset::Train, Subset::Test] {
            let foa = ambience.draw(subset, 50_000, &mut crate::rng::stream(2, &[])).unwrap();
            assert!(foa.iter().all(|channel| channel.len() == 50_000));
            assert!((mean_power(&foa[0]) - 1.0).abs() < 1e-3);
            let correlation: f32 = foa[0].iter().zip(&foa[1]).map(|(w, y)| w * y).sum::<f32>() / 50_000.0;
            assert!(correlation.abs() < 0.1, "{correlation}");
        }
    }

    #[test]
    fn a_seam_is_not_heard() {
        let ramp: Vec<f32> = (0..10_000).map(|n| (n as f32 * 0.01).sin()).collect();
        let long = looped(&ramp, 3, 40_000);
        assert!(long.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.02));
    }

    #[test]
    fn one_place_is_too_few() {
        let folder = tempfile::tempdir().unwrap();
        record(folder.path(), "hall/a.wav", 1, 24_000, 100);
        record(folder.path(), "hall/b.wav", 1, 24_000, 100);
        assert!(
            Ambience::open(folder.path(), &Subset::TRAIN_TEST, 1)
                .unwrap_err()
                .to_string()
                .contains("at least two")
        );
    }
}
