//! Beginning a study, and taking up one that was interrupted.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::appraisal::Builder;
use super::candidates;
use super::error::ControllerError;
use super::weights::{self, WeightsSeen};
use crate::cache;
use crate::dataset::{Layout, OpenOptions};
use crate::fs::FileError;
use crate::search::state::StudyState;
use crate::search::{SearchSpace, StageSpec};
use crate::store::{NewStudy, Settings, Store, Study};

/// Where the space of a study comes from.
#[derive(Debug, Clone)]
pub enum SpaceSource {
    /// A space file.
    File(PathBuf),
    /// A document made by this program, and what it is called in messages.
    Document(String, Value),
}

/// What `launch` is told.
#[derive(Debug, Clone)]
pub struct Launch {
    /// What to search.
    pub space: SpaceSource,
    /// The dataset folder.
    pub data: PathBuf,
    /// Its layout, where it is not to be detected.
    pub layout: Option<Layout>,
    /// Name of the study, unique in the store.
    pub study: String,
    /// Worker processes.
    pub workers: usize,
    /// Devices that workers are spread over: "cpu", or "cuda:0", "cuda:1", ...
    pub devices: Vec<String>,
    /// Seed of all decisions and of all training.
    pub seed: u64,
}

/// A study that this process alone carries out, as long as this value lives.
#[derive(Debug)]
pub struct Opened {
    /// The store that it is in.
    pub store: Store,
    /// The study.
    pub study: Study,
    /// What it searches.
    pub space: SearchSpace,
    /// The weights that its candidates begin with.
    pub(super) weights: WeightsSeen,
    /// What its candidates cost.
    pub(super) appraiser: Builder,
    /// Keeps other controllers out; the kernel drops the lock when this process dies, however it dies.
    _lock: File,
}

impl Opened {
    fn new(store: Store, study: Study, space: SearchSpace, lock: File) -> Self {
        let appraiser = Builder::of(&study, &space);
        Self { store, study, space, weights: WeightsSeen::default(), appraiser, _lock: lock }
    }
}

/// Creates a study.
///
/// Everything the user gave is checked before the store is touched. `read` hears how many recordings of how many were
/// read, the first time that this store sees the dataset.
///
/// # Errors
/// A space file with mistakes, a dataset that cannot be used, descriptors that cannot be computed on it, a name that is
/// taken.
pub async fn launch(
    store_url: &str,
    launch: &Launch,
    read: &(dyn Fn(usize, usize) + Sync),
) -> Result<Opened, ControllerError> {
    let (space, document) = match &launch.space {
        SpaceSource::File(path) => {
            let text = std::fs::read_to_string(path).map_err(FileError::at("read", path))?;
            let space = SearchSpace::parse(&path.display().to_string(), &text)?;
            (space, serde_json::from_str(&text).unwrap_or_default())
        }
        SpaceSource::Document(name, document) => {
            (SearchSpace::from_document(name, document)?, document.clone())
        }
    };
    check_devices(&launch.devices)?;
    let data = std::path::absolute(&launch.data).map_err(FileError::at("find", &launch.data))?;
    // Before there is a store, and without the cache: of a dataset that cannot be used nothing is to be left.
    let dataset = OpenOptions { layout: launch.layout, ..OpenOptions::default() }.open(&data)?;
    if dataset.holdout(space.study.validation).1.is_empty() {
        return Err(ControllerError::NoValidation { data });
    }
    candidates::check(&space, dataset.sample_rate)?;
    weights::check(&space)?;
    let store = Store::open(store_url).await?;
    for stage in &space.stages {
        check_init_from(&store, stage).await?;
    }
    let fingerprint = fingerprint(&data, launch.layout, read)?;
    let new = NewStudy {
        name: launch.study.clone(),
        space: document,
        settings: Settings {
            data,
            layout: launch.layout,
            devices: launch.devices.clone(),
            workers: launch.workers,
            threads: space.study.threads,
            validation: space.study.validation,
        },
        seed: launch.seed,
        data_fingerprint: fingerprint,
        version: env!("CARGO_PKG_VERSION").into(),
        stages: space.stages.iter().map(|stage| stage.name.clone()).collect(),
    };
    let id = store.create_study(new).await?;
    let study = store.study_by_id(id).await?;
    let lock = lock(&store, &study)?;
    Ok(Opened::new(store, study, space, lock))
}

/// Takes up a study: the named one, or the latest that has not ended. `None` when it has ended already. `read` hears how
/// many recordings of how many were read, where the dataset is not known any more.
///
/// # Errors
/// No such study; one that another process works on; weights that are not there any more; a dataset that is not what it was.
pub async fn resume(
    store_url: &str,
    name: Option<&str>,
    workers: Option<usize>,
    read: &(dyn Fn(usize, usize) + Sync),
) -> Result<(Study, Option<Opened>), ControllerError> {
    let store = Store::open_existing(store_url).await?;
    let mut study = match name {
        Some(name) => store.study(name).await?,
        None => latest_unfinished(&store).await?,
    };
    if is_over(study.state) {
        return Ok((study, None));
    }
    let space = SearchSpace::from_document(&format!("the space of study \"{}\"", study.name), &study.space)?;
    // Trials that do not find their weights would fail one after the other.
    weights::check(&space)?;
    let lock = lock(&store, &study)?;
    let found = fingerprint(&study.settings.data, study.settings.layout, read)?;
    if found != study.data_fingerprint {
        return Err(ControllerError::DataChanged {
            study: study.name,
            data: study.settings.data,
            expected: study.data_fingerprint,
            found,
        });
    }
    if let Some(workers) = workers {
        study.settings.workers = workers;
    }
    store.set_study_state(study.id, StudyState::Running).await?;
    Ok((study.clone(), Some(Opened::new(store, study, space, lock))))
}

/// The trial that a stage names to begin with must have weights.
async fn check_init_from(store: &Store, stage: &StageSpec) -> Result<(), ControllerError> {
    let Some(id) = stage.init_from else { return Ok(()) };
    let trial = store.trial(id).await?;
    if trial.model.is_some_and(|model| model.is_dir()) {
        return Ok(());
    }
    Err(ControllerError::NoWeights { stage: stage.name.clone(), trial: id, state: trial.state })
}

/// What a dataset contains; what is found out about it is kept in the cache folder, where trainers look for it.
fn fingerprint(
    data: &Path,
    layout: Option<Layout>,
    read: &(dyn Fn(usize, usize) + Sync),
) -> Result<String, ControllerError> {
    let options = OpenOptions { layout, ..OpenOptions::cached(cache::cache_folder()) };
    Ok(options.open(data)?.fingerprint_watched(read)?)
}

/// The latest study that has not ended; when all have, the latest.
async fn latest_unfinished(store: &Store) -> Result<Study, ControllerError> {
    for name in store.study_names().await?.iter().rev() {
        let study = store.study(name).await?;
        if !is_over(study.state) {
            return Ok(study);
        }
    }
    Ok(store.latest_study().await?)
}

fn is_over(state: StudyState) -> bool {
    matches!(state, StudyState::Complete | StudyState::Failed)
}

fn lock(store: &Store, study: &Study) -> Result<File, ControllerError> {
    let path = store.artifacts().root().join(format!("controller-{}.lock", study.id));
    let open = || {
        std::fs::create_dir_all(store.artifacts().root())?;
        File::options().create(true).truncate(false).write(true).open(&path)
    };
    let file = open().map_err(FileError::at("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(ControllerError::Busy { study: study.name.clone() }),
        Err(std::fs::TryLockError::Error(error)) => Err(FileError::at("lock", &path)(error).into()),
    }
}

/// Devices are of one kind, so that a candidate scores the same on all of them.
fn check_devices(devices: &[String]) -> Result<(), ControllerError> {
    let refuse = |device: &String, why| Err(ControllerError::Device { device: device.clone(), why });
    for device in devices {
        match device.split_once(':') {
            None if device == "cpu" => {}
            Some(("cuda", index)) if index.parse::<u32>().is_ok() => {}
            _ => return refuse(device, "expected cpu, or cuda:0, cuda:1, ..."),
        }
        if device.starts_with("cpu") != devices[0].starts_with("cpu") {
            return refuse(
                device,
                "a study uses one kind of device, cpu or cuda, because scores depend on it",
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(devices: &str) -> Option<String> {
        let devices: Vec<String> = devices.split(',').map(str::to_owned).collect();
        check_devices(&devices).err().map(|error| error.to_string())
    }

    #[test]
    fn devices_are_of_one_known_kind() {
        assert_eq!(check("cpu"), None);
        assert_eq!(check("cuda:0,cuda:1"), None);
        assert!(check("gpu").unwrap().contains("\"gpu\""));
        assert!(check("cuda").unwrap().contains("cuda:0"));
        assert!(check("cpu,cuda:0").unwrap().contains("one kind"));
    }
}
