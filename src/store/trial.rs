//! Trials: adding them, and reading one with all its details.

use sqlx::{QueryBuilder, Row, SqliteConnection};

use super::error::StoreError;
use super::row::{count, count_or_none, curve_point, json, scores, seed, state};
use super::sqlite::Store;
use super::types::TrialDetails;
use super::{enqueue, event, reuse};
use crate::ids::{Attempt, StageId, StudyId, TrialId};
use crate::search::snapshot::{CurvePoint, Proposal};
use crate::search::state::TrialState;

impl Store {
    /// Adds a pending trial to a stage.
    ///
    /// `key` identifies everything that determines its score. When a complete trial with the same key exists
    /// anywhere in the store, and its model still lies where it was, the new trial is complete at once, with the
    /// other's scores, curve and model.
    ///
    /// # Errors
    /// [`StoreError::TrialExists`] when the stage has a trial with this number.
    pub async fn add_trial(
        &self,
        stage: StageId,
        proposal: &Proposal,
        key: &str,
    ) -> Result<TrialId, StoreError> {
        let now = self.now();
        let mut write = self.write().await?;
        let study: Option<i64> = sqlx::query_scalar("select study_id from study_stages where id = ?")
            .bind(stage.0)
            .fetch_optional(&mut *write)
            .await?;
        let study = StudyId(study.ok_or(StoreError::UnknownId { kind: "stage", id: stage.0 })?);
        let trial = insert(&mut write, study, stage, proposal, key, now).await?;
        if !proposal.parameters.is_empty() {
            // All at once: each statement takes as long as writing a dozen rows.
            let mut insert = QueryBuilder::new("insert into trial_parameters (trial_id, name, value) ");
            insert.push_values(&proposal.parameters, |mut row, (name, value)| {
                row.push_bind(trial.0).push_bind(name).push_bind(value.to_string());
            });
            insert.build().execute(&mut *write).await?;
        }
        if let Some(enqueued) = proposal.enqueued {
            enqueue::take(&mut write, enqueued, trial).await?;
        }
        let number = proposal.number;
        event::insert(&mut write, now, Some(study), Some(trial), "trial", &format!("proposed as {number}"))
            .await?;
        reuse::complete_from_twin(&mut write, &self.artifacts, now, trial).await?;
        write.commit().await?;
        Ok(trial)
    }

    /// A trial with its curve.
    pub async fn trial(&self, id: TrialId) -> Result<TrialDetails, StoreError> {
        let mut read = self.read().await?;
        let row = sqlx::query(
            "select trials.*, study_stages.name as stage
             from trials join study_stages on study_stages.id = trials.stage_id where trials.id = ?",
        )
        .bind(id.0)
        .fetch_optional(&mut *read)
        .await?
        .ok_or(StoreError::UnknownId { kind: "trial", id: id.0 })?;
        let unsigned = |column: &str| -> Result<Option<u64>, StoreError> {
            Ok(row.try_get::<Option<i64>, _>(column)?.map(i64::cast_unsigned))
        };
        Ok(TrialDetails {
            id,
            key: row.try_get("key")?,
            study: StudyId(row.try_get("study_id")?),
            stage: row.try_get("stage")?,
            number: count(&row, "number")?,
            architecture: json(&row, "architecture")?,
            seed: seed(&row)?,
            epochs_budget: count(&row, "epochs_budget")?,
            repeat: count(&row, "repeat")?,
            state: state(&row, "state")?,
            attempt: Attempt(row.try_get("attempt")?),
            scores: scores(&row)?,
            best_epoch: count_or_none(&row, "best_epoch")?,
            params: unsigned("params")?,
            macs: unsigned("macs")?,
            seconds: row.try_get("seconds")?,
            curve: curve(&mut read, id).await?,
            model: row.try_get::<Option<String>, _>("model")?.map(|m| self.artifacts.resolve(&m)),
            error: row.try_get("error")?,
            crashes: count(&row, "crashes")?,
            reused_from: row.try_get::<Option<i64>, _>("reused_from")?.map(TrialId),
        })
    }
}

async fn insert(
    write: &mut SqliteConnection,
    study: StudyId,
    stage: StageId,
    proposal: &Proposal,
    key: &str,
    now: i64,
) -> Result<TrialId, StoreError> {
    let inserted = sqlx::query_scalar(
        "insert into trials (study_id, stage_id, number, key, architecture, seed, repeat, repeat_of,
             epochs_budget, init_from, state, created)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning id",
    )
    .bind(study.0)
    .bind(stage.0)
    .bind(proposal.number)
    .bind(key)
    .bind(proposal.architecture.to_string())
    .bind(proposal.seed.cast_signed())
    .bind(proposal.repeat)
    .bind(proposal.repeat_of.map(|t| t.0))
    .bind(proposal.epochs)
    .bind(proposal.init_from.map(|t| t.0))
    .bind(TrialState::Pending.as_str())
    .bind(now)
    .fetch_one(write)
    .await;
    match inserted {
        Ok(id) => Ok(TrialId(id)),
        Err(e) if e.as_database_error().is_some_and(|e| e.is_unique_violation()) => {
            Err(StoreError::TrialExists { number: proposal.number })
        }
        Err(e) => Err(e.into()),
    }
}

async fn curve(read: &mut SqliteConnection, trial: TrialId) -> Result<Vec<CurvePoint>, StoreError> {
    let rows = sqlx::query("select * from trial_curves where trial_id = ? order by epoch")
        .bind(trial.0)
        .fetch_all(read)
        .await?;
    rows.iter().map(curve_point).collect()
}
