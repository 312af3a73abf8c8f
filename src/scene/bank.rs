//! Where sound events come from: the built-in generators or a folder of recordings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::error::SceneError;
use super::{SAMPLE_RATE, builtin};
use crate::fs::FileError;
use crate::{audio, rng};

/// Name of the sub-folder of a bank that holds unlabelled background material.
pub const INTERFERER: &str = "interferer";
/// Longest stretch of a recording that is used as one event, in seconds.
const MAX_EVENT_S: f64 = 8.0;
/// Share of a class's source groups that only the test subset uses.
const TEST_SHARE: f64 = 0.25;

/// Which part of a dataset. The two share no source group and no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subset {
    /// For training.
    Train,
    /// For testing.
    Test,
}

impl Subset {
    /// Name in paths of random streams.
    pub(super) fn name(self) -> &'static str {
        if self == Self::Train { "train" } else { "test" }
    }
}

/// Recordings of one kind by source group: what was recorded together stays in one subset.
type Groups = Vec<Vec<PathBuf>>;

#[derive(Debug, Clone, Default)]
struct Split {
    train: Groups,
    test: Groups,
}

#[derive(Debug, Clone)]
enum Source {
    Builtin,
    Folder { classes: Vec<Split>, interferers: Split },
}

/// A supply of events of several classes.
#[derive(Debug, Clone)]
pub struct Bank {
    names: Vec<String>,
    source: Source,
}

impl Bank {
    /// The built-in procedural events.
    pub fn builtin() -> Self {
        Self { names: builtin::class_names(), source: Source::Builtin }
    }

    /// A folder with one sub-folder a class, holding wav, flac or ogg files. Class numbers follow the sorted
    /// names; [`INTERFERER`] is no class. With a `manifest.csv` (columns `file`, `class`, `source_group`; others
    /// are ignored) the files it lists are used, and files of one source group stay together; without one every
    /// file is a group of its own. `seed` decides which quarter of a class's groups is for testing.
    ///
    /// # Errors
    /// No classes, a class of fewer than two groups, a manifest that names missing files or lacks a column.
    pub fn open(folder: &Path, seed: u64) -> Result<Self, SceneError> {
        let manifest = folder.join("manifest.csv");
        let mut groups = if manifest.is_file() { read_manifest(folder, &manifest)? } else { scan(folder)? };
        let interferers = groups.remove(INTERFERER).unwrap_or_default();
        if groups.is_empty() {
            let expected = "one sub-folder a class with wav, flac or ogg files";
            return Err(bank_error(folder, expected, "none".into()));
        }
        let mut names = Vec::new();
        let mut classes = Vec::new();
        for (name, groups) in groups {
            if groups.len() < 2 {
                let expected = "at least two recordings (or source groups) a class, for train and test";
                return Err(bank_error(&folder.join(&name), expected, groups.len().to_string()));
            }
            classes.push(split(groups, &name, seed));
            names.push(name);
        }
        let source = Source::Folder { classes, interferers: split(interferers, INTERFERER, seed) };
        Ok(Self { names, source })
    }

    /// Names of the classes, in the order of their numbers.
    pub fn class_names(&self) -> &[String] {
        &self.names
    }

    /// A random event of a class: mono samples at [`SAMPLE_RATE`], of any level, at most 8 s.
    ///
    /// # Errors
    /// A recording that cannot be read.
    pub fn draw(&self, subset: Subset, class: usize, rng: &mut ChaCha8Rng) -> Result<Vec<f32>, SceneError> {
        match &self.source {
            Source::Builtin => Ok(builtin::generate(class, rng)),
            Source::Folder { classes, .. } => {
                let clip = pick(&classes[class], subset, rng)
                    .expect("this is a bug: every class was split with a group for each subset");
                read_excerpt(clip, rng)
            }
        }
    }

    /// Random background material of the same form as events, where the bank has some.
    ///
    /// # Errors
    /// A recording that cannot be read.
    pub fn draw_interferer(
        &self,
        subset: Subset,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<Vec<f32>>, SceneError> {
        match &self.source {
            Source::Builtin => Ok(None),
            Source::Folder { interferers, .. } => {
                pick(interferers, subset, rng).map(|clip| read_excerpt(clip, rng)).transpose()
            }
        }
    }
}

fn bank_error(path: &Path, expected: &'static str, got: String) -> SceneError {
    SceneError::Bank { path: path.to_owned(), expected, got }
}

/// Groups first, so that a group of many takes is not heard more than one of few.
fn pick<'a>(split: &'a Split, subset: Subset, rng: &mut ChaCha8Rng) -> Option<&'a Path> {
    let groups = if subset == Subset::Train { &split.train } else { &split.test };
    groups.choose(rng)?.choose(rng).map(PathBuf::as_path)
}

fn split(mut groups: Groups, name: &str, seed: u64) -> Split {
    groups.shuffle(&mut rng::stream(seed, &["scene", "bank", name]));
    let share = (groups.len() as f64 * TEST_SHARE).round() as usize;
    let train = groups.split_off(share.max(1).min(groups.len().saturating_sub(1)));
    Split { train, test: groups }
}

fn read_excerpt(path: &Path, rng: &mut ChaCha8Rng) -> Result<Vec<f32>, SceneError> {
    let sound = audio::read(path)?;
    let limit = (MAX_EVENT_S * f64::from(sound.sample_rate)) as usize;
    let mono = sound.mono();
    let start = rng.random_range(0..=mono.len().saturating_sub(limit));
    let excerpt = &mono[start..mono.len().min(start + limit)];
    Ok(audio::resample(excerpt, sound.sample_rate, SAMPLE_RATE))
}

fn is_sound(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    path.is_file() && ["wav", "flac", "ogg"].contains(&extension.as_str())
}

fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>, SceneError> {
    let entries = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>());
    let mut paths = entries.map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            bank_error(folder, "a folder of recordings", e.to_string())
        }
        _ => FileError::at("read", folder)(e).into(),
    })?;
    paths.sort();
    Ok(paths)
}

fn scan(folder: &Path) -> Result<BTreeMap<String, Groups>, SceneError> {
    let mut groups = BTreeMap::new();
    for class in sorted_entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let name = class.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let clips: Groups = sorted_entries(&class)?
            .into_iter()
            .filter(|path| is_sound(path))
            .map(|path| vec![path])
            .collect();
        groups.insert(name, clips);
    }
    Ok(groups)
}

fn read_manifest(folder: &Path, path: &Path) -> Result<BTreeMap<String, Groups>, SceneError> {
    let failed = |line: u64, reason: String| SceneError::Manifest { path: path.to_owned(), line, reason };
    let mut reader = csv::Reader::from_path(path).map_err(|e| failed(1, e.to_string()))?;
    let header = reader.headers().map_err(|e| failed(1, e.to_string()))?.clone();
    let column = |name: &str| {
        let missing = || failed(1, format!("no column {name:?}"));
        header.iter().position(|column| column.trim() == name).ok_or_else(missing)
    };
    let columns = [column("file")?, column("class")?, column("source_group")?];
    let mut groups: BTreeMap<String, BTreeMap<String, Vec<PathBuf>>> = BTreeMap::new();
    for record in reader.records() {
        let record =
            record.map_err(|e| failed(e.position().map_or(0, csv::Position::line), e.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let [file, class, group] = columns.map(|i| record.get(i).unwrap_or_default().trim());
        let clip = folder.join(file);
        if !is_sound(&clip) {
            return Err(failed(line, format!("{file:?} is not a wav, flac or ogg file in the bank")));
        }
        if class.is_empty() || group.is_empty() {
            return Err(failed(line, "class and source_group must not be empty".into()));
        }
        groups.entry(class.into()).or_default().entry(group.into()).or_default().push(clip);
    }
    Ok(groups.into_iter().map(|(class, groups)| (class, groups.into_values().collect())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(folder: &Path, name: &str) {
        let samples: Vec<f32> = (0..8_000).map(|n| (n as f32 * 0.3).sin() * 0.5).collect();
        audio::write_wav(&folder.join(name), 16_000, &[samples]).unwrap();
    }

    fn files(groups: &Groups) -> Vec<&PathBuf> {
        groups.iter().flatten().collect()
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
        let bank = Bank::open(folder.path(), 1).unwrap();
        assert_eq!(bank.class_names(), ["bird", "drum"]);
        let Source::Folder { classes, interferers } = &bank.source else { panic!("a folder bank") };
        for split in classes.iter().chain([interferers]) {
            assert_eq!((split.train.len(), split.test.len()), (3, 1));
            assert!(files(&split.train).iter().all(|file| !files(&split.test).contains(file)));
            assert_eq!(split.test[0].len(), 3);
        }
        let event = bank.draw(Subset::Test, 0, &mut rng::stream(1, &[])).unwrap();
        assert_eq!(event.len(), 12_000);
        assert!(bank.draw_interferer(Subset::Train, &mut rng::stream(1, &[])).unwrap().is_some());
    }

    #[test]
    fn bad_banks_are_explained() {
        let folder = tempfile::tempdir().unwrap();
        let message = |path: &Path| Bank::open(path, 0).unwrap_err().to_string();
        assert!(message(&folder.path().join("nowhere")).contains("expected a folder of recordings"));
        assert!(message(folder.path()).contains("one sub-folder a class"));
        clip(folder.path(), "bird/a.wav");
        assert!(message(folder.path()).contains("at least two recordings"));
        let manifest = folder.path().join("manifest.csv");
        std::fs::write(&manifest, "file,class\nbird/a.wav,bird\n").unwrap();
        assert!(message(folder.path()).contains("line 1: no column \"source_group\""));
        std::fs::write(&manifest, "file,class,source_group\nbird/a.wav,bird,1\nbird/b.wav,bird,2\n").unwrap();
        assert!(message(folder.path()).contains("line 3: \"bird/b.wav\""));
    }
}
