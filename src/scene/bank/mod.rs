//! Where sound events come from: the built-in generators, a folder of recordings, or both.

mod folder;

use std::path::{Path, PathBuf};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

pub(super) use folder::{is_sound, sorted_entries};

use super::error::SceneError;
use super::subset::{Divided, Subset};
use super::{SAMPLE_RATE, builtin};
use crate::audio;

/// Name of the sub-folder of a bank that holds unlabelled background material.
pub const INTERFERER: &str = "interferer";
/// Longest stretch of a recording that is used as one event, in seconds.
const MAX_EVENT_S: f64 = 8.0;

#[derive(Debug, Clone)]
struct Class {
    name: String,
    /// Number of the built-in generator.
    generator: Option<usize>,
    recordings: Divided<Vec<PathBuf>>,
}

/// A supply of events of several classes.
#[derive(Debug, Clone, Default)]
pub struct Bank {
    classes: Vec<Class>,
    interferers: Divided<Vec<PathBuf>>,
}

impl Bank {
    /// The built-in procedural events: thirteen classes, those of STARSS23.
    pub fn builtin() -> Self {
        let class = |(generator, name): (usize, &str)| Class {
            name: name.to_owned(),
            generator: Some(generator),
            recordings: Divided::default(),
        };
        Self { classes: builtin::class_names().enumerate().map(class).collect(), ..Self::default() }
    }

    /// A folder with one sub-folder a class, holding wav, flac or ogg files. Class numbers follow the sorted
    /// names; [`INTERFERER`] is no class. With a `manifest.csv` (columns `file`, `class`, `source_group`; others
    /// are ignored) the files it lists are used, and files of one source group stay together; without one every
    /// file is a group of its own. `seed` decides which of a class's groups are for which of the `subsets`: a quarter
    /// for testing, and a quarter of the rest for validation.
    ///
    /// # Errors
    /// No classes, a class of fewer groups than subsets, a manifest that names missing files or lacks a column.
    pub fn open(folder: &Path, subsets: &[Subset], seed: u64) -> Result<Self, SceneError> {
        let mut groups = folder::read(folder)?;
        let interferers = groups.remove(INTERFERER).unwrap_or_default();
        if groups.is_empty() {
            let expected = "one sub-folder a class with wav, flac or ogg files";
            return Err(SceneError::Bank { path: folder.to_owned(), expected, got: "none".into() });
        }
        let mut classes = Vec::new();
        for (name, groups) in groups {
            if groups.len() < subsets.len() {
                let expected = match subsets.contains(&Subset::Validation) {
                    true => "at least three recordings (or source groups) a class, for train, val and test",
                    false => "at least two recordings (or source groups) a class, for train and test",
                };
                let path = folder.join(&name);
                return Err(SceneError::Bank { path, expected, got: groups.len().to_string() });
            }
            let recordings = Divided::new(groups, subsets, &name, seed);
            classes.push(Class { name, generator: None, recordings });
        }
        Ok(Self { classes, interferers: Divided::new(interferers, subsets, INTERFERER, seed) })
    }

    /// This bank and another: the classes of this one first, then what only the other has. A class of both takes
    /// its events from either.
    pub fn with(mut self, other: Self) -> Self {
        for class in other.classes {
            match self.classes.iter_mut().find(|mine| mine.name == class.name) {
                Some(mine) => {
                    mine.generator = mine.generator.or(class.generator);
                    if mine.recordings.is_empty() {
                        mine.recordings = class.recordings;
                    }
                }
                None => self.classes.push(class),
            }
        }
        if self.interferers.is_empty() {
            self.interferers = other.interferers;
        }
        self
    }

    /// Only the named classes, numbered in this order.
    ///
    /// # Errors
    /// A name that the bank has no class of, or one that is there twice.
    pub fn select(self, names: &[String]) -> Result<Self, SceneError> {
        let mut classes: Vec<Class> = Vec::new();
        for name in names {
            if classes.iter().any(|class| class.name == *name) {
                return Err(SceneError::ClassTwice { name: name.clone() });
            }
            let class = self.classes.iter().find(|class| class.name == *name);
            classes.push(class.ok_or_else(|| self.unknown(name))?.clone());
        }
        Ok(Self { classes, ..self })
    }

    fn unknown(&self, name: &str) -> SceneError {
        let likeness = |other: &&str| (1e6 * strsim::jaro_winkler(name, other)) as u64;
        let nearest = self.class_names().max_by_key(likeness).unwrap_or_default().to_owned();
        let known = self.class_names().collect::<Vec<_>>().join(", ");
        SceneError::UnknownClass { name: name.to_owned(), nearest, known }
    }

    /// Names of the classes, in the order of their numbers.
    pub fn class_names(&self) -> impl Iterator<Item = &str> {
        self.classes.iter().map(|class| class.name.as_str())
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// Whether there is recorded background material.
    pub fn has_interferers(&self) -> bool {
        !self.interferers.is_empty()
    }

    /// The recordings of a class that a subset may use, by source group; none where events are generated.
    pub fn recordings(&self, subset: Subset, class: usize) -> &[Vec<PathBuf>] {
        self.classes[class].recordings.of(subset)
    }

    /// The recordings of background material that a subset may use, by source group; none where it is generated.
    pub fn interferer_recordings(&self, subset: Subset) -> &[Vec<PathBuf>] {
        self.interferers.of(subset)
    }

    /// A random event of a class: mono samples at [`SAMPLE_RATE`], of any level, at most 8 s.
    ///
    /// # Errors
    /// A recording that cannot be read.
    pub fn draw(&self, subset: Subset, class: usize, rng: &mut ChaCha8Rng) -> Result<Vec<f32>, SceneError> {
        let Class { generator, recordings, .. } = &self.classes[class];
        let generated = generator.filter(|_| recordings.is_empty() || rng.random_bool(0.5));
        match (generated, recordings.pick(subset, rng)) {
            (Some(generator), _) => Ok(builtin::generate(generator, rng)),
            (None, Some(clip)) => read_excerpt(clip, rng),
            (None, None) => Ok(Vec::new()),
        }
    }

    /// Random background material of the same form as events: recorded where the bank has some, or else built-in.
    ///
    /// # Errors
    /// A recording that cannot be read.
    pub fn draw_interferer(&self, subset: Subset, rng: &mut ChaCha8Rng) -> Result<Vec<f32>, SceneError> {
        match self.interferers.pick(subset, rng) {
            Some(clip) => read_excerpt(clip, rng),
            None => Ok(builtin::generate_interferer(rng)),
        }
    }
}

fn read_excerpt(path: &Path, rng: &mut ChaCha8Rng) -> Result<Vec<f32>, SceneError> {
    let sound = audio::read(path)?;
    let limit = (MAX_EVENT_S * f64::from(sound.sample_rate)) as usize;
    let mono = sound.mono();
    let start = rng.random_range(0..=mono.len().saturating_sub(limit));
    let excerpt = &mono[start..mono.len().min(start + limit)];
    Ok(audio::resample(excerpt, sound.sample_rate, SAMPLE_RATE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    fn clip(folder: &Path, name: &str) {
        let samples: Vec<f32> = (0..8_000).map(|n| (n as f32 * 0.3).sin() * 0.5).collect();
        audio::write_wav(&folder.join(name), 16_000, &[samples]).unwrap();
    }

    fn names(bank: &Bank) -> Vec<&str> {
        bank.class_names().collect()
    }

    #[test]
    fn source_groups_stay_whole_and_classes_are_sorted() {
        let folder = tempfile::tempdir().unwrap();
        let mut manifest = String::from("file,class,source_group\n");
        for class in ["drum", "bird", INTERFERER] {
            for i in 0..12 {
                clip(folder.path(), &format!("{class}/{i}.wav"));
                manifest += &format!("{class}/{i}.wav,{class},g{}\n", i / 3);
            }
        }
        std::fs::write(folder.path().join("manifest.csv"), manifest).unwrap();
        let bank = Bank::open(folder.path(), &Subset::TRAIN_TEST, 1).unwrap();
        assert_eq!(names(&bank), ["bird", "drum"]);
        for divided in bank.classes.iter().map(|class| &class.recordings).chain([&bank.interferers]) {
            let (train, test) = (divided.of(Subset::Train), divided.of(Subset::Test));
            assert_eq!((train.len(), test.len()), (3, 1));
            assert!(train.iter().flatten().all(|file| !test[0].contains(file)));
            assert_eq!(test[0].len(), 3);
        }
        let event = bank.draw(Subset::Test, 0, &mut rng::stream(1, &[])).unwrap();
        assert_eq!(event.len(), 12_000);
        assert_eq!(bank.draw_interferer(Subset::Train, &mut rng::stream(1, &[])).unwrap().len(), 12_000);
    }

    #[test]
    fn bad_banks_are_explained() {
        let folder = tempfile::tempdir().unwrap();
        let message = |path: &Path| Bank::open(path, &Subset::TRAIN_TEST, 0).unwrap_err().to_string();
        assert!(message(&folder.path().join("nowhere")).contains("expected a folder of recordings"));
        assert!(message(folder.path()).contains("one sub-folder a class"));
        clip(folder.path(), "bird/a.wav");
        assert!(message(folder.path()).contains("at least two recordings"));
        let manifest = folder.path().join("manifest.csv");
        std::fs::write(&manifest, "file,class\nbird/a.wav,bird\n").unwrap();
        assert!(message(folder.path()).contains("line 1: no column \"source_group\""));
        std::fs::write(&manifest, "file,class,source_group\nbird/a.wav,bird,1\nbird/b.wav,bird,2\n").unwrap();
        assert!(message(folder.path()).contains("line 3: \"bird/b.wav\""));
        clip(folder.path(), "bird/b.wav");
        let error = Bank::open(folder.path(), &Subset::ALL, 0).unwrap_err().to_string();
        assert!(error.contains("at least three recordings"), "{error}");
    }

    #[test]
    fn two_banks_share_the_classes_of_one_name() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["bell/a.wav", "bell/b.wav", "anvil/a.wav", "anvil/b.wav"] {
            clip(folder.path(), name);
        }
        let both = Bank::builtin().with(Bank::open(folder.path(), &Subset::TRAIN_TEST, 1).unwrap());
        assert_eq!((both.len(), names(&both)[13]), (14, "anvil"));
        let bell = names(&both).iter().position(|name| *name == "bell").unwrap();
        // The recordings have 12000 samples; what is generated hardly ever.
        let recorded = (0..20)
            .filter(|i| {
                let mut rng = rng::stream(1, &[&i.to_string()]);
                both.draw(Subset::Train, bell, &mut rng).unwrap().len() == 12_000
            })
            .count();
        assert!((4..=16).contains(&recorded), "{recorded} of 20");
    }

    #[test]
    fn classes_are_chosen_and_ordered_by_name() {
        let bank = Bank::builtin();
        let choice = ["knock", "bell"].map(str::to_owned);
        assert_eq!(names(&bank.clone().select(&choice).unwrap()), ["knock", "bell"]);
        let error = bank.clone().select(&["knok".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("no class \"knok\"") && error.contains("did you mean \"knock\"?"), "{error}");
        let twice = ["bell", "bell"].map(str::to_owned);
        assert!(bank.select(&twice).unwrap_err().to_string().contains("twice"));
    }
}
