//! The studies that do the training: begun, or taken up where they were left.

use std::path::PathBuf;

use serde_json::Value;

use super::error::Error;
use super::grid::{Grid, Row};
use crate::cache;
use crate::controller::{self, ControllerError, Launch, Opened, SpaceSource};
use crate::dataset::{Layout, OpenOptions};
use crate::ids::TrialId;
use crate::model::arch::Architecture;
use crate::model::saved::SavedModel;
use crate::search::space::document::SETTINGS;
use crate::search::state::{StudyState, TrialState};
use crate::store::{Settings, Store, StoreError, Study, TrialDetails};

/// The winner of a study: what is looked into.
#[derive(Debug, Clone)]
pub struct Winner {
    /// The trial.
    pub trial: TrialId,
    /// Its architecture.
    pub architecture: Architecture,
    /// Epochs that it was to train.
    pub epochs: u32,
    /// How its study trains.
    pub settings: Settings,
    /// Seed of its study.
    pub seed: u64,
    /// Whether it began with the weights of another trial, which no row does.
    pub was_warm: bool,
}

impl Winner {
    /// The winner of the last finished stage of a study.
    ///
    /// # Errors
    /// No such study, or none of its stages is finished.
    pub async fn of(store: &Store, study: &str) -> Result<Self, Error> {
        let study = store.study(study).await?;
        let winner = store.snapshot(study.id).await?.winner();
        let trial = winner.ok_or(Error::NoWinner { study: study.name })?;
        let details = store.trial(trial).await?;
        let architecture = Architecture::from_value(details.architecture)
            .map_err(|problem| Error::Architecture { trial, problem: problem.to_string() })?;
        let model = details.model.and_then(|folder| SavedModel::load(&folder).ok());
        Ok(Self {
            trial,
            architecture,
            epochs: details.epochs_budget,
            settings: study.settings,
            seed: study.seed,
            was_warm: model.is_some_and(|model| model.origin.warm_start.is_some()),
        })
    }
}

/// A study to be carried out.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// What it searches.
    pub space: Value,
    /// The dataset folder.
    pub data: PathBuf,
    /// Its layout, where it is not to be detected.
    pub layout: Option<Layout>,
    /// Worker processes.
    pub workers: usize,
    /// Devices to train on.
    pub devices: Vec<String>,
    /// Seed of all training.
    pub seed: u64,
}

impl Plan {
    /// Begins the study, or takes it up where it was left; `None` when it is complete. `read` hears how many recordings of
    /// how many were read.
    ///
    /// # Errors
    /// A study of this name that does something else or has failed; see also [`controller::launch`].
    pub async fn open(
        &self,
        store: &Store,
        read: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Option<Opened>, Error> {
        if !self.is_known(store).await? {
            return Ok(Some(self.launch(store, read).await?));
        }
        let resumed = controller::resume(&store.url(), Some(&self.name), Some(self.workers), read).await?;
        match resumed {
            (_, Some(opened)) => Ok(Some(opened)),
            (study, None) if study.state == StudyState::Failed => {
                let stages = store.status(&study).await?.stages;
                let reason = stages.into_iter().find_map(|stage| stage.reason).unwrap_or_default();
                Err(Error::Failed { study: study.name, reason })
            }
            (study, None) => {
                self.check_data(study, read)?;
                Ok(None)
            }
        }
    }

    /// What was trained is to be scored on the data that it was trained on.
    fn check_data(&self, study: Study, read: &(dyn Fn(usize, usize) + Sync)) -> Result<(), Error> {
        let options = OpenOptions { layout: self.layout, ..OpenOptions::cached(cache::cache_folder()) };
        let found = options.open(&self.data)?.fingerprint_watched(read)?;
        if found == study.data_fingerprint {
            return Ok(());
        }
        let (data, expected) = (study.settings.data, study.data_fingerprint);
        Err(ControllerError::DataChanged { study: study.name, data, expected, found }.into())
    }

    /// Whether the study is in the store already.
    ///
    /// # Errors
    /// One of this name does something else.
    async fn is_known(&self, store: &Store) -> Result<bool, Error> {
        let study = match store.study(&self.name).await {
            Err(StoreError::UnknownStudy { .. }) => return Ok(false),
            other => other?,
        };
        let data = std::path::absolute(&self.data).unwrap_or_else(|_| self.data.clone());
        let differences = [
            ("data folder or layout", study.settings.data != data || study.settings.layout != self.layout),
            ("winner, number of epochs or of repeats", study.space != self.space),
            ("seed", study.seed != self.seed),
            ("device", study.settings.devices != self.devices),
        ];
        match differences.into_iter().find(|(_, differs)| *differs) {
            Some((what, _)) => Err(Error::OtherStudy { study: study.name, what }),
            None => Ok(true),
        }
    }

    async fn launch(&self, store: &Store, read: &(dyn Fn(usize, usize) + Sync)) -> Result<Opened, Error> {
        let launch = Launch {
            space: SpaceSource::Document(format!("the space of \"{}\"", self.name), self.space.clone()),
            data: self.data.clone(),
            layout: self.layout,
            study: self.name.clone(),
            workers: self.workers,
            devices: self.devices.clone(),
            seed: self.seed,
        };
        Ok(controller::launch(&store.url(), &launch, read).await?)
    }

    /// The trials of a study that has ended.
    ///
    /// # Errors
    /// It has not.
    async fn trials(&self, store: &Store) -> Result<Vec<(Value, TrialDetails)>, Error> {
        let study = store.study(&self.name).await?;
        if study.state != StudyState::Complete {
            return Err(Error::Unfinished { study: study.name });
        }
        let mut trials = Vec::new();
        for trial in store.snapshot(study.id).await?.stages.into_iter().flat_map(|stage| stage.trials) {
            let settings = trial.parameters.get(SETTINGS).cloned().unwrap_or_default();
            trials.push((settings, store.trial(trial.id).await?));
        }
        Ok(trials)
    }

    /// The runs of all rows of the grid, once it is trained.
    ///
    /// # Errors
    /// The study has not ended, or a model is not there any more.
    pub async fn trained_rows(&self, store: &Store, grid: &Grid) -> Result<Vec<Trained>, Error> {
        let trials = self.trials(store).await?;
        let of_row = |row: &Row| {
            let settings = Value::Object(row.settings.clone());
            let trials = trials.iter().filter(|(of, _)| *of == settings).map(|(_, trial)| trial.clone());
            Trained::new(row.clone(), trials)
        };
        grid.rows.iter().map(of_row).collect()
    }

    /// The runs of the one candidate of a fine-tuning.
    ///
    /// # Errors
    /// As [`Plan::trained_rows`].
    pub async fn fine_tuned(&self, store: &Store) -> Result<Trained, Error> {
        let row = Row { row: super::grid::WINNER.to_owned(), settings: Default::default() };
        Trained::new(row, self.trials(store).await?.into_iter().map(|(_, trial)| trial))
    }
}

/// What became of a row.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The row.
    pub row: Row,
    /// Runs with a model, in the order of repeats.
    pub runs: Vec<TrialDetails>,
    /// Why runs have none.
    pub failed: Vec<String>,
}

impl Trained {
    fn new(row: Row, trials: impl Iterator<Item = TrialDetails>) -> Result<Self, Error> {
        let (mut runs, mut failed) = (Vec::new(), Vec::new());
        for trial in trials {
            if trial.state != TrialState::Complete {
                let reason = trial.error.unwrap_or_else(|| trial.state.to_string());
                failed.push(format!("trial {}: {reason}", trial.id));
            } else if trial.model.as_ref().is_some_and(|model| model.is_dir()) {
                runs.push(trial);
            } else {
                return Err(Error::NoModel { trial: trial.id, state: trial.state });
            }
        }
        runs.sort_by_key(|trial| trial.repeat);
        Ok(Self { row, runs, failed })
    }

    /// The run with the best validation score: where fine-tuning begins.
    pub fn best(&self) -> Option<&TrialDetails> {
        let seld = |trial: &TrialDetails| trial.scores.seld.unwrap_or(f64::INFINITY);
        self.runs.iter().min_by(|a, b| seld(a).total_cmp(&seld(b)))
    }
}
