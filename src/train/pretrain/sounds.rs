//! The sounds of a bank, decoded once and kept in memory.

use std::path::{Path, PathBuf};

use rand::RngExt;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::Error;
use crate::audio;
use crate::backbone::small::SAMPLE_RATE;
use crate::rng;
use crate::scene::{Bank, Subset};

/// Memory for all sounds, in bytes. Classes share it equally; a quarter of each share is for what is held out.
const MEMORY: usize = 1 << 30;
/// Longest stretch of a recording that is kept, in seconds.
const LONGEST_S: f64 = 10.0;
/// Instances of a class that is generated: for training, and held out.
const GENERATED: [usize; 2] = [96, 24];

/// A mono sound at the tagger's sample rate.
pub type Sound = Vec<f32>;

/// One class.
#[derive(Debug, Clone)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// For training, by source: what was recorded together.
    pub training: Vec<Vec<Sound>>,
    /// Sounds of other sources, for the scores.
    pub held_out: Vec<Sound>,
}

/// All that is trained and scored on.
#[derive(Debug, Clone)]
pub struct Sounds {
    /// By number.
    pub classes: Vec<Class>,
    /// Sounds of no class, by source; for training.
    pub interferers: Vec<Vec<Sound>>,
}

impl Sounds {
    /// Reads or generates the sounds of a bank. Which recordings are held out is up to the bank: a quarter of each class's
    /// sources.
    ///
    /// Of the recordings of a class as many are kept as its share of 1 GiB holds, at most 10 s of each: one of each source
    /// in turn, in random order. A warning names classes of which some were left out.
    ///
    /// # Errors
    /// A recording that cannot be read.
    pub fn read(bank: &Bank, seed: u64) -> Result<Self, Error> {
        let names: Vec<&str> = bank.class_names().collect();
        let share = MEMORY / size_of::<f32>() / (names.len() + 1);
        let class = |(number, name): (usize, &&str)| {
            let side = |subset: Subset, samples: usize| -> Result<Vec<Vec<Sound>>, Error> {
                let recordings = bank.recordings(subset, number);
                match recordings.is_empty() {
                    true => generate(subset, name, seed, &|rng| Ok(bank.draw(subset, number, rng)?)),
                    false => keep(recordings, name, samples, seed),
                }
            };
            Ok(Class {
                name: (*name).to_owned(),
                training: side(Subset::Train, share / 4 * 3)?,
                held_out: side(Subset::Test, share / 4)?.into_iter().flatten().collect(),
            })
        };
        // Classes draw from streams of their own, so the order in which they are made does not matter.
        let classes: Result<Vec<Class>, Error> = names.par_iter().enumerate().map(class).collect();
        let recorded = bank.interferer_recordings(Subset::Train);
        let interferers = match recorded.is_empty() {
            true => generate(Subset::Train, "interferer", seed, &|rng| {
                Ok(bank.draw_interferer(Subset::Train, rng)?)
            }),
            false => keep(recorded, "interferer", share, seed),
        };
        Ok(Self { classes: classes?, interferers: interferers? })
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }
}

/// Draws one sound.
type Draw<'a> = &'a dyn Fn(&mut rand_chacha::ChaCha8Rng) -> Result<Sound, Error>;

/// New instances, each a source of its own.
fn generate(subset: Subset, name: &str, seed: u64, draw: Draw) -> Result<Vec<Vec<Sound>>, Error> {
    let [training, held_out] = GENERATED;
    let (side, count) = match subset {
        Subset::Train => ("training", training),
        Subset::Validation | Subset::Test => ("held out", held_out),
    };
    let instance = |number: usize| {
        let path = ["pretrain", "instance", name, side, &number.to_string()];
        Ok(vec![draw(&mut rng::stream(seed, &path))?])
    };
    (0..count).map(instance).collect()
}

/// Reads recordings, one of each source in turn, until there are so many samples.
fn keep(sources: &[Vec<PathBuf>], name: &str, samples: usize, seed: u64) -> Result<Vec<Vec<Sound>>, Error> {
    let mut rng = rng::stream(seed, &["pretrain", "keep", name]);
    let mut order = Vec::new();
    for (source, files) in sources.iter().enumerate() {
        let mut files: Vec<&PathBuf> = files.iter().collect();
        files.shuffle(&mut rng);
        order.extend(
            files.into_iter().enumerate().map(|(turn, file)| (turn, rng.random::<u32>(), source, file)),
        );
    }
    order.sort();
    let mut kept: Vec<Vec<Sound>> = vec![Vec::new(); sources.len()];
    let mut room = samples;
    let total = order.len();
    for (index, (_, _, source, file)) in order.into_iter().enumerate() {
        if room == 0 {
            tracing::warn!("{name}: {index} of {total} recordings are used, which is what the memory is for");
            break;
        }
        let sound = excerpt(file, &mut rng)?;
        room = room.saturating_sub(sound.len());
        kept[source].push(sound);
    }
    kept.retain(|source| !source.is_empty());
    Ok(kept)
}

/// A recording, or a random stretch of one that is long.
fn excerpt(path: &Path, rng: &mut rand_chacha::ChaCha8Rng) -> Result<Sound, Error> {
    let sound = audio::read(path)?;
    let longest = (LONGEST_S * f64::from(sound.sample_rate)) as usize;
    let mono = sound.mono();
    let start = rng.random_range(0..=mono.len().saturating_sub(longest));
    let end = mono.len().min(start + longest);
    Ok(audio::resample(&mono[start..end], sound.sample_rate, SAMPLE_RATE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_recordings_each_source_is_heard_first() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            let tone: Vec<f32> = (0..8_000).map(|n| (n as f32 * 0.3).sin() * 0.5).collect();
            audio::write_wav(&path, 16_000, &[tone]).unwrap();
            path
        };
        let many = (0..6).map(|n| file(&format!("a{n}.wav"))).collect();
        let sources = [many, vec![file("b.wav")], vec![file("c.wav")]];
        let lengths = |samples: usize| -> Vec<usize> {
            keep(&sources, "tone", samples, 1).unwrap().iter().map(Vec::len).collect()
        };
        assert_eq!(lengths(usize::MAX), [6, 1, 1]);
        // The next one is read as long as there is room at all.
        assert_eq!(lengths(36_000), [1, 1, 1]);
        assert_eq!(lengths(36_001), [2, 1, 1]);
        assert_eq!(keep(&sources, "tone", 1, 1).unwrap()[0][0].len(), 12_000);
    }

    #[test]
    fn what_is_held_out_is_not_trained_on_and_the_seed_decides_all() {
        let bank = Bank::builtin().select(&["bell", "knock"].map(str::to_owned)).unwrap();
        let sounds = Sounds::read(&bank, 1).unwrap();
        assert_eq!(sounds.len(), 2);
        for class in &sounds.classes {
            assert_eq!([class.training.len(), class.held_out.len()], GENERATED);
            assert!(class.training.iter().flatten().all(|sound| !class.held_out.contains(sound)));
        }
        let again = Sounds::read(&bank, 1).unwrap();
        assert!(again.classes[1].training == sounds.classes[1].training);
        assert!(again.interferers == sounds.interferers);
        assert!(Sounds::read(&bank, 2).unwrap().classes[1].held_out != sounds.classes[1].held_out);
    }
}
