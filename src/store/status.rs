//! Where a study stands, for people.

use serde::Serialize;
use sqlx::Row;

use super::error::StoreError;
use super::row::{count, state};
use super::sqlite::Store;
use super::types::{Study, WorkerRow};
use crate::ids::TrialId;
use crate::search::state::{StageState, StudyState};

/// A stage and its trials by state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageStatus {
    /// Its name.
    pub stage: String,
    /// Where it stands.
    pub state: StageState,
    /// Trials proposed so far.
    pub trials: u32,
    /// Waiting for a worker.
    pub pending: u32,
    /// Being trained.
    pub running: u32,
    /// Trained to the end.
    pub complete: u32,
    /// Ended early.
    pub pruned: u32,
    /// Without a usable result.
    pub failed: u32,
    /// Trials that the space file plans, repetitions included, when it says so.
    pub planned: Option<u32>,
    /// Lowest SELD score of a complete trial.
    pub best_seld: Option<f64>,
    /// The winner, for complete stages.
    pub winner: Option<TrialId>,
    /// Why it ended.
    pub reason: Option<String>,
}

/// The best complete trial of the latest stage that has one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BestTrial {
    /// The trial.
    pub trial: TrialId,
    /// Name of its stage.
    pub stage: String,
    /// Its SELD score.
    pub seld: f64,
}

/// Where a study stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StudyStatus {
    /// Its name.
    pub study: String,
    /// Its state.
    pub state: StudyState,
    /// Stages in order.
    pub stages: Vec<StageStatus>,
    /// Workers that have not ended.
    pub workers: Vec<WorkerRow>,
    /// Best so far.
    pub best: Option<BestTrial>,
    /// Seconds that finished and running trials took so far, summed.
    pub seconds_spent: f64,
    /// Estimate: planned trials that are not finished, at the mean cost of finished ones, shared by the workers.
    /// `None` before the first trial ended, and for studies that are over.
    pub seconds_left: Option<f64>,
}

impl Store {
    /// Where a study stands now.
    pub async fn status(&self, study: &Study) -> Result<StudyStatus, StoreError> {
        let stages = self.stage_statuses(study).await?;
        let workers = self.workers(study.id).await?;
        let row = sqlx::query(
            "select total(seconds) as spent, avg(case when state in ('complete', 'pruned') then seconds end) as mean
             from trials
             where stage_id in (select id from study_stages where study_id = ?) and reused_from is null",
        )
        .bind(study.id.0)
        .fetch_one(&self.pool)
        .await?;
        let mean: Option<f64> = row.try_get("mean")?;
        let state = self.study_state(study.id).await?;
        let over = matches!(state, StudyState::Complete | StudyState::Failed);
        let alive = workers.iter().filter(|worker| worker.alive).count();
        let parallel = if alive == 0 { study.settings.workers.max(1) } else { alive };
        let seconds_left =
            mean.filter(|_| !over).map(|mean| f64::from(trials_left(&stages)) * mean / parallel as f64);
        Ok(StudyStatus {
            study: study.name.clone(),
            state,
            stages,
            workers,
            best: self.best(study).await?,
            seconds_spent: row.try_get("spent")?,
            seconds_left,
        })
    }

    async fn stage_statuses(&self, study: &Study) -> Result<Vec<StageStatus>, StoreError> {
        let rows = sqlx::query(
            "select study_stages.*, count(trials.id) as trials,
                 count(case when trials.state = 'pending' then 1 end) as pending,
                 count(case when trials.state = 'running' then 1 end) as running,
                 count(case when trials.state = 'complete' then 1 end) as complete,
                 count(case when trials.state = 'pruned' then 1 end) as pruned,
                 count(case when trials.state = 'failed' then 1 end) as failed,
                 min(case when trials.state = 'complete' then trials.seld end) as best_seld
             from study_stages left join trials on trials.stage_id = study_stages.id
             where study_stages.study_id = ? group by study_stages.id order by study_stages.position",
        )
        .bind(study.id.0)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(StageStatus {
                    stage: row.try_get("name")?,
                    state: state(row, "state")?,
                    trials: count(row, "trials")?,
                    pending: count(row, "pending")?,
                    running: count(row, "running")?,
                    complete: count(row, "complete")?,
                    pruned: count(row, "pruned")?,
                    failed: count(row, "failed")?,
                    planned: planned(study, count(row, "position")? as usize),
                    best_seld: row.try_get("best_seld")?,
                    winner: row.try_get::<Option<i64>, _>("winner_trial")?.map(TrialId),
                    reason: row.try_get("reason")?,
                })
            })
            .collect()
    }

    async fn best(&self, study: &Study) -> Result<Option<BestTrial>, StoreError> {
        let row = sqlx::query(
            "select trials.id, study_stages.name as stage, trials.seld
             from trials join study_stages on study_stages.id = trials.stage_id
             where study_stages.study_id = ? and trials.state = 'complete' and trials.seld is not null
             order by study_stages.position desc, trials.seld, trials.id limit 1",
        )
        .bind(study.id.0)
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            Ok(BestTrial {
                trial: TrialId(row.try_get("id")?),
                stage: row.try_get("stage")?,
                seld: row.try_get("seld")?,
            })
        })
        .transpose()
    }
}

/// Trials of a stage by its budget: sampled ones, and repetitions of those promoted.
fn planned(study: &Study, position: usize) -> Option<u32> {
    let stage = study.space.get("stages")?.get(position)?;
    let number = |path: &str| stage.pointer(path).and_then(serde_json::Value::as_u64);
    let by_epochs = number("/budget/total_epochs").zip(number("/budget/epochs"));
    let by_epochs = by_epochs.map(|(total, epochs)| total.div_ceil(epochs.max(1)));
    let sampled = number("/budget/trials").into_iter().chain(by_epochs).min()?;
    let repetitions = number("/promote/top_k").unwrap_or(1) * number("/promote/repeats").unwrap_or(1).max(1)
        - number("/promote/top_k").unwrap_or(1);
    u32::try_from(sampled + repetitions).ok()
}

fn trials_left(stages: &[StageStatus]) -> u32 {
    let left = |stage: &StageStatus| match stage.state {
        StageState::Complete | StageState::Failed => 0,
        StageState::Waiting | StageState::Running => {
            let planned = stage.planned.unwrap_or(stage.trials).max(stage.trials);
            planned - (stage.complete + stage.pruned + stage.failed)
        }
    };
    stages.iter().map(left).sum()
}
