//! Which studies a diagnosis takes, one after the other.

use std::path::PathBuf;

use super::error::Error;
use super::grid::{Grid, WINNER};
use super::site::Site;
use super::space::{self, Budget};
use super::study::{Plan, Trained, Winner};
use crate::dataset::Layout;
use crate::store::Store;

/// What is asked of the trainings.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The study whose winner it is about.
    pub study: String,
    /// The dataset folder to train on.
    pub data: PathBuf,
    /// Its layout, where it is not to be detected.
    pub layout: Option<Layout>,
    /// Name of the study that does the training; `STUDY-diagnose` when not given.
    pub name: Option<String>,
    /// Epochs of every training; the winner's when not given.
    pub epochs: Option<u32>,
    /// Runs of every row.
    pub repeats: u32,
    /// Seed of all training; the study's when not given, so that the winner need not be trained again.
    pub seed: Option<u64>,
    /// Worker processes.
    pub workers: usize,
    /// Devices to train on.
    pub devices: Vec<String>,
}

/// The studies of a diagnosis.
#[derive(Debug)]
pub struct Course {
    /// What it is about.
    pub winner: Winner,
    /// What is compared.
    pub grid: Grid,
    /// How each training is done.
    pub budget: Budget,
    /// What all its studies have in common.
    base: Plan,
}

impl Course {
    /// Finds the winner, and what can be compared with it.
    ///
    /// # Errors
    /// No such study, or none of its stages is finished.
    pub async fn of(store: &Store, asked: Asked) -> Result<Self, Error> {
        let winner = Winner::of(store, &asked.study).await?;
        let grid = Grid::of(&winner.architecture);
        let budget = Budget { epochs: asked.epochs.unwrap_or(winner.epochs), repeats: asked.repeats };
        let base = Plan {
            name: asked.name.unwrap_or_else(|| format!("{}-diagnose", asked.study)),
            space: space::of_grid(&winner.architecture, &grid, &winner.settings, budget),
            data: asked.data,
            layout: asked.layout,
            workers: asked.workers,
            devices: asked.devices,
            seed: asked.seed.unwrap_or(winner.seed),
        };
        Ok(Self { winner, grid, budget, base })
    }

    /// The study that trains the rows.
    pub fn rows(&self) -> &Plan {
        &self.base
    }

    /// The studies that train the winner on, one for each site but the first, beginning with its best run; each with the
    /// index of its site.
    ///
    /// # Errors
    /// No run of the winner has a result.
    pub fn fine_tuning(&self, rows: &[Trained], sites: &[Site]) -> Result<Vec<(usize, Plan)>, Error> {
        let own = rows.iter().find(|trained| trained.row.row == WINNER).and_then(Trained::best);
        let own = own.ok_or_else(|| Error::NothingToFineTune { study: self.base.name.clone() })?;
        let Winner { architecture, settings, .. } = &self.winner;
        let plan = |(index, site): (usize, &Site)| {
            let plan = Plan {
                name: format!("{}-{}", self.base.name, site.name),
                space: space::of_fine_tuning(architecture, own.id, settings, self.budget),
                data: site.dataset.root.clone(),
                layout: None,
                ..self.base.clone()
            };
            (index, plan)
        };
        Ok(sites.iter().enumerate().skip(1).map(plan).collect())
    }
}
