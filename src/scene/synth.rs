//! A whole dataset: what it is made from, its recordings, its folder.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;

use super::SAMPLE_RATE;
use super::ambience::Ambience;
use super::bank::Bank;
use super::error::SceneError;
use super::measured::MeasuredRooms;
use super::mix::{Recording, Rooms, Supplies, record};
use super::plan::{RecordingPlan, SynthConfig};
use super::room::Room;
use super::source::Renderer;
use super::subset::Subset;
use crate::audio::write_wav;
use crate::fs::{FileError, write_atomic};
use crate::rng;
use crate::seld::event::{FRAMES_PER_SECOND, FrameEvent};

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthSummary {
    /// Recordings and minutes for training.
    pub train: (usize, f64),
    /// Recordings and minutes for validation.
    pub validation: (usize, f64),
    /// Recordings and minutes for testing.
    pub test: (usize, f64),
    /// Names of the classes, in the order of their numbers.
    pub classes: Vec<String>,
}

/// Makes the recordings of one dataset.
///
/// ```
/// use at2seld::scene::{SynthConfig, Synthesiser};
/// let synthesiser = Synthesiser::new(SynthConfig { seed: 7, ..SynthConfig::new(0.2) })?;
/// let recording = synthesiser.render(0)?;
/// assert_eq!(recording.channels.len(), 4);
/// # Ok::<(), at2seld::scene::SceneError>(())
/// ```
pub struct Synthesiser {
    config: SynthConfig,
    supplies: Supplies,
    plans: Vec<RecordingPlan>,
}

impl Synthesiser {
    /// Checks the settings and opens what they name.
    ///
    /// # Errors
    /// Settings out of range, a folder of events, impulse responses or ambient noise that cannot be used.
    pub fn new(config: SynthConfig) -> Result<Self, SceneError> {
        config.validate()?;
        let bank = match &config.events {
            None => Bank::builtin(),
            Some(folder) => {
                let recorded = Bank::open(folder, config.subsets(), config.seed)?;
                if config.builtin { Bank::builtin().with(recorded) } else { recorded }
            }
        };
        let bank = if config.classes.is_empty() { bank } else { bank.select(&config.classes)? };
        let (rooms, counts) = match &config.rirs {
            Some(folder) => {
                let rooms = MeasuredRooms::open(folder, config.subsets(), config.seed)?;
                let counts = rooms.counts();
                (Rooms::Measured(rooms), counts)
            }
            None => {
                let counts = config.room_counts();
                let draw = |number: usize| {
                    let mut rng = rng::stream(config.seed, &["scene", "room", &number.to_string()]);
                    Room::draw(config.rt60_s, &mut rng)
                };
                (Rooms::Simulated((1..=counts.iter().sum()).map(draw).collect()), counts)
            }
        };
        let ambience =
            config.ambience.as_deref().map(|folder| Ambience::open(folder, config.subsets(), config.seed));
        let supplies = Supplies { bank, rooms, ambience: ambience.transpose()? };
        let plans = config.recordings(counts);
        Ok(Self { config, supplies, plans })
    }

    /// Number of recordings.
    pub fn len(&self) -> usize {
        self.plans.len()
    }

    /// Whether there is no recording.
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// Whether sources move: always in simulated rooms, in measured ones where there are trajectories.
    pub fn can_move(&self) -> bool {
        match &self.supplies.rooms {
            Rooms::Simulated(_) => true,
            Rooms::Measured(rooms) => rooms.has_trajectories(),
        }
    }

    /// Makes one recording, counted from 0. It depends on the settings and its number alone.
    ///
    /// # Errors
    /// A recording or response that cannot be read.
    pub fn render(&self, number: usize) -> Result<Recording, SceneError> {
        record(&self.plans[number], &self.config, &self.supplies, &mut Renderer::new())
    }

    /// Writes the dataset into `out`, which must not exist or be an empty folder.
    ///
    /// ```text
    /// OUT/classes.txt                                          one name a line, in the order of the numbers
    /// OUT/foa_dev/dev-train-synth/fold3_room1_mix001.wav       24 kHz, 16 bit, W Y Z X
    /// OUT/metadata_dev/dev-train-synth/fold3_room1_mix001.csv  frame,class,source,azimuth,elevation,distance
    /// OUT/foa_dev/dev-val-synth/fold2_room5_mix001.wav         other rooms, other event instances, where wanted
    /// OUT/foa_dev/dev-test-synth/fold4_room7_mix001.wav        others again
    /// ```
    ///
    /// All is made in a temporary folder beside `out` and renamed at the end. `progress` is called with finished
    /// and total recordings, from any thread. Recordings are made in parallel on rayon's current pool; when `stop`
    /// becomes true no other is begun and nothing is left.
    ///
    /// # Errors
    /// An output folder in use, a recording or response that cannot be read, a file system that refuses,
    /// [`SceneError::Interrupted`].
    pub fn write(
        &self,
        out: &Path,
        stop: &AtomicBool,
        progress: impl Fn(usize, usize) + Sync,
    ) -> Result<SynthSummary, SceneError> {
        refuse_used(out)?;
        let staging = staging_beside(out)?;
        let done = AtomicUsize::new(0);
        self.plans.par_iter().try_for_each_init(Renderer::new, |renderer, plan| {
            if stop.load(Ordering::Relaxed) {
                return Err(SceneError::Interrupted);
            }
            let recording = record(plan, &self.config, &self.supplies, renderer)?;
            write_recording(staging.path(), plan, &recording)?;
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, self.plans.len());
            Ok(())
        })?;
        write_atomic(&staging.path().join("classes.txt"), |file| {
            let mut names = self.supplies.bank.class_names();
            names.try_for_each(|name| io::Write::write_all(file, format!("{name}\n").as_bytes()))
        })?;
        if stop.load(Ordering::Relaxed) {
            return Err(SceneError::Interrupted);
        }
        // Renaming onto an empty folder is allowed on Unix only: remove it first.
        if out.exists() {
            std::fs::remove_dir(out).map_err(FileError::at("replace", out))?;
        }
        std::fs::rename(staging.path(), out).map_err(FileError::at("create folder", out))?;
        // Renamed away: nothing is left for it to remove.
        let _ = staging.keep();
        Ok(self.summary())
    }

    fn summary(&self) -> SynthSummary {
        let of = |subset: Subset| {
            let frames: Vec<usize> =
                self.plans.iter().filter(|p| p.subset == subset).map(|p| p.frames).collect();
            let minutes = frames.iter().sum::<usize>() as f64 / FRAMES_PER_SECOND as f64 / 60.0;
            (frames.len(), minutes)
        };
        let classes = self.supplies.bank.class_names().map(str::to_owned).collect();
        let [train, validation, test] = Subset::ALL.map(of);
        SynthSummary { train, validation, test, classes }
    }
}

/// Makes a dataset in one call: [`Synthesiser::new`] and [`Synthesiser::write`].
///
/// # Errors
/// Those of the two.
pub fn synthesise(
    out: &Path,
    config: &SynthConfig,
    stop: &AtomicBool,
    progress: impl Fn(usize, usize) + Sync,
) -> Result<SynthSummary, SceneError> {
    Synthesiser::new(config.clone())?.write(out, stop, progress)
}
fn refuse_used(out: &Path) -> Result<(), SceneError> {
    let in_use = match std::fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_some(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => false,
        // A file; or something below a file, which making the folder will complain about.
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => out.exists(),
        Err(e) => return Err(FileError::at("read", out)(e).into()),
    };
    if in_use { Err(SceneError::OutputInUse { path: out.to_owned() }) } else { Ok(()) }
}

/// A temporary folder that disappears when dropped, on the same file system as `out`.
fn staging_beside(out: &Path) -> Result<tempfile::TempDir, FileError> {
    let parent = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    std::fs::create_dir_all(&parent).map_err(FileError::at("create folder", &parent))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tmp-synth-");
    // Readable by others like any new folder: tempfile's own default is private to the user.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755));
    builder.tempdir_in(&parent).map_err(FileError::at("write into", &parent))
}

fn write_recording(folder: &Path, plan: &RecordingPlan, recording: &Recording) -> Result<(), SceneError> {
    let stem = plan.stem();
    let wav = folder.join("foa_dev").join(format!("{stem}.wav"));
    write_wav(&wav, SAMPLE_RATE, &recording.channels)?;
    let csv = folder.join("metadata_dev").join(format!("{stem}.csv"));
    write_labels(&csv, &recording.labels)?;
    Ok(())
}

/// Rows of `frame,class,source,azimuth,elevation,distance` (degrees, cm; all integers) without a header, as in
/// STARSS23.
fn write_labels(path: &Path, labels: &[FrameEvent]) -> Result<(), FileError> {
    write_atomic(path, |file| {
        let mut writer = csv::Writer::from_writer(file);
        for row in labels {
            let azimuth = match row.direction.azimuth_deg.round() as i64 {
                -180 => 180,
                azimuth => azimuth,
            };
            let elevation = row.direction.elevation_deg.round() as i64;
            let centimetres = (row.distance_m.unwrap_or(0.0) * 100.0).round() as i64;
            let fields =
                [row.frame.into(), row.class.into(), row.source.into(), azimuth, elevation, centimetres];
            writer.write_record(fields.map(|x: i64| x.to_string())).map_err(io::Error::other)?;
        }
        writer.flush()
    })
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    static GO_ON: AtomicBool = AtomicBool::new(false);

    fn digest(folder: &Path, hash: &mut Sha256) {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            hash.update(path.file_name().unwrap().as_encoded_bytes());
            if path.is_dir() { digest(&path, hash) } else { hash.update(std::fs::read(&path).unwrap()) }
        }
    }

    fn make(seed: u64, threads: usize) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("set");
        // With moving sources and interferers, in several recordings a thread.
        let config = SynthConfig {
            seed,
            split: [1.0, 0.0, 1.0],
            moving: 0.5,
            interferers: Some(3),
            ..SynthConfig::new(1.2)
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| synthesise(&out, &config, &GO_ON, |_, _| ())).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "something was left beside it");
        let mut hash = Sha256::new();
        digest(&out, &mut hash);
        hash.finalize().to_vec()
    }

    #[test]
    fn bytes_follow_from_the_seed_alone() {
        assert_eq!(make(1, 1), make(1, 2));
        assert_ne!(make(1, 2), make(2, 2));
    }

    #[test]
    fn an_interruption_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("set");
        std::fs::create_dir(&out).unwrap();
        let stop = AtomicBool::new(false);
        let config = SynthConfig::new(3.0);
        let result = synthesise(&out, &config, &stop, |_, _| stop.store(true, Ordering::Relaxed));
        assert!(matches!(result, Err(SceneError::Interrupted)));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0);
    }

    #[test]
    fn a_failure_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let bank = folder.path().join("bank");
        for name in ["bird/a.wav", "bird/b.wav"] {
            write_wav(&bank.join(name), 24_000, &[vec![0.1; 100]]).unwrap();
            std::fs::write(bank.join(name), b"RIFF").unwrap();
        }
        let out = folder.path().join("set");
        let config = SynthConfig { events: Some(bank), ..SynthConfig::new(0.2) };
        let error = synthesise(&out, &config, &GO_ON, |_, _| ()).unwrap_err();
        assert!(error.is_input() && error.to_string().contains("bird"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn azimuths_and_distances_are_integers_in_the_range_of_the_layout() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let direction = crate::seld::doa::Direction { azimuth_deg: -179.7, elevation_deg: -10.4 };
        let row = FrameEvent { frame: 3, class: 1, source: 2, direction, distance_m: Some(1.234) };
        write_labels(&path, &[row]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "3,1,2,180,-10,123\n");
    }
}
