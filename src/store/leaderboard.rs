//! The trials of a study, best first, as the view of the same name has them.

use serde::Serialize;
use serde_json::Value;
use sqlx::Row;

use super::error::StoreError;
use super::row::{assignment, count, json, state};
use super::sqlite::Store;
use super::types::Study;
use crate::ids::TrialId;
use crate::search::snapshot::Assignment;
use crate::search::state::TrialState;

/// A row of the view `leaderboard`, with the trial's parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeaderboardRow {
    /// The study's name.
    pub study: String,
    /// The stage's name.
    pub stage: String,
    /// Place among the complete trials of its stage, from 1; equal scores share one.
    pub rank: Option<u32>,
    /// The trial.
    pub trial: TrialId,
    /// Where it stands.
    pub state: TrialState,
    /// SELD score of the best epoch so far.
    pub seld: Option<f64>,
    /// Error rate within 20 degrees.
    pub er20: Option<f64>,
    /// F-score within 20 degrees, 0..1.
    pub f20: Option<f64>,
    /// Class-dependent localization error in degrees.
    pub le_cd: Option<f64>,
    /// Class-dependent localization recall, 0..1.
    pub lr_cd: Option<f64>,
    /// Trainable parameters.
    pub params: Option<i64>,
    /// Multiply-accumulates per second of audio.
    pub macs: Option<i64>,
    /// Seconds of training.
    pub seconds: f64,
    /// Epochs trained.
    pub epochs: u32,
    /// What was sampled for it.
    pub parameters: Assignment,
    /// The whole architecture document.
    pub architecture: Value,
}

impl Store {
    /// Trials of a study by stage and rank; those without a rank follow in the order of proposal. With `stage`, only its
    /// trials, beside those that are there to compare with: whose parameter is a preset. With `top`, only ranks up to it.
    ///
    /// # Errors
    /// [`StoreError::UnknownStage`], with the names there are.
    pub async fn leaderboard(
        &self,
        study: &Study,
        stage: Option<&str>,
        top: Option<u32>,
    ) -> Result<Vec<LeaderboardRow>, StoreError> {
        let mut read = self.read().await?;
        let known: Vec<String> =
            sqlx::query_scalar("select name from study_stages where study_id = ? order by position")
                .bind(study.id.0)
                .fetch_all(&mut *read)
                .await?;
        if let Some(stage) = stage.filter(|stage| known.iter().all(|name| name != stage)) {
            return Err(StoreError::UnknownStage { name: stage.into(), study: study.name.clone(), known });
        }
        let rows = sqlx::query(
            "select leaderboard.*, trials.parameters from leaderboard
             join trials on trials.id = leaderboard.trial
             join stages on stages.study = leaderboard.study and stages.stage = leaderboard.stage
             where leaderboard.study = ?1
               and (?2 is null or leaderboard.stage = ?2 or trials.parameters -> '$.preset' is not null)
               and (?3 is null or rank <= ?3)
             order by stages.position, rank is null, rank, leaderboard.trial",
        )
        .bind(&study.name)
        .bind(stage)
        .bind(top)
        .fetch_all(&mut *read)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(LeaderboardRow {
                    study: row.try_get("study")?,
                    stage: row.try_get("stage")?,
                    rank: row.try_get("rank")?,
                    trial: TrialId(row.try_get("trial")?),
                    state: state(row, "state")?,
                    seld: row.try_get("seld")?,
                    er20: row.try_get("er20")?,
                    f20: row.try_get("f20")?,
                    le_cd: row.try_get("le_cd")?,
                    lr_cd: row.try_get("lr_cd")?,
                    params: row.try_get("params")?,
                    macs: row.try_get("macs")?,
                    seconds: row.try_get("seconds")?,
                    epochs: count(row, "epochs")?,
                    parameters: assignment(row)?,
                    architecture: json(row, "architecture")?,
                })
            })
            .collect()
    }
}
