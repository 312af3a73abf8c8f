//! Trials: adding them, and reading one with all its details.

use std::collections::BTreeMap;

use sqlx::{QueryBuilder, Row, SqliteConnection};

use super::error::StoreError;
use super::row::{count, count_or_none, curve_point, json, scores, seed, state};
use super::sqlite::Store;
use super::types::TrialDetails;
use super::{enqueue, event, reuse};
use crate::ids::{Attempt, StageId, StudyId, TrialId};
use crate::search::snapshot::{CurvePoint, Proposal};
use crate::search::state::TrialState;

/// A trial that is to be added.
#[derive(Debug, Clone, Copy)]
pub struct NewTrial<'a> {
    /// What is to be trained.
    pub proposal: &'a Proposal,
    /// Identifies everything that determines its score.
    pub key: &'a str,
}

/// Trials that one statement adds: it may have so many values.
const AT_ONCE: usize = 100;

impl Store {
    /// Adds pending trials to a stage, all of them or none. Returns their ids, in the same order.
    ///
    /// When a complete trial with the same key exists anywhere in the store, and its model still lies where it was, the new
    /// trial is complete at once, with the other's scores, curve and model.
    ///
    /// # Errors
    /// [`StoreError::TrialExists`] when the stage has a trial with one of the numbers.
    pub async fn add_trials(&self, stage: StageId, new: &[NewTrial<'_>]) -> Result<Vec<TrialId>, StoreError> {
        let now = self.now();
        // Whatever a power cut takes is proposed again.
        let mut write = self.write_unsynced().await?;
        let study: Option<i64> = sqlx::query_scalar("select study_id from study_stages where id = ?")
            .bind(stage.0)
            .fetch_optional(&mut *write)
            .await?;
        let study = StudyId(study.ok_or(StoreError::UnknownId { kind: "stage", id: stage.0 })?);
        let mut ids = Vec::with_capacity(new.len());
        for new in new.chunks(AT_ONCE) {
            let added = insert(&mut write, study, stage, new, now).await?;
            insert_parameters(&mut write, new, &added).await?;
            for (new, id) in new.iter().zip(&added) {
                if let Some(enqueued) = new.proposal.enqueued {
                    enqueue::take(&mut write, enqueued, *id).await?;
                }
            }
            let proposed = |(new, id): (&NewTrial<'_>, &TrialId)| {
                let again =
                    new.proposal.again_of.map_or(String::new(), |ended| format!(", trial {ended} again"));
                (Some(*id), format!("proposed as {}{again}", new.proposal.number))
            };
            let events: Vec<_> = new.iter().zip(&added).map(proposed).collect();
            event::insert_all(&mut write, now, Some(study), "trial", &events).await?;
            reuse::complete_from_twins(&mut write, &self.artifacts, now, &added).await?;
            ids.extend(added);
        }
        write.commit().await?;
        Ok(ids)
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

/// The ids of the new trials, in the same order.
async fn insert(
    write: &mut SqliteConnection,
    study: StudyId,
    stage: StageId,
    new: &[NewTrial<'_>],
    now: i64,
) -> Result<Vec<TrialId>, StoreError> {
    let mut insert = QueryBuilder::new(
        "insert into trials (study_id, stage_id, number, key, architecture, seed, repeat, repeat_of,
             epochs_budget, init_from, state, created) ",
    );
    insert.push_values(new, |mut row, NewTrial { proposal, key }| {
        row.push_bind(study.0)
            .push_bind(stage.0)
            .push_bind(proposal.number)
            .push_bind(*key)
            .push_bind(proposal.architecture.to_string())
            .push_bind(proposal.seed.cast_signed())
            .push_bind(proposal.repeat)
            .push_bind(proposal.repeat_of.map(|t| t.0))
            .push_bind(proposal.epochs)
            .push_bind(proposal.init_from.map(|t| t.0))
            .push_bind(TrialState::Pending.as_str())
            .push_bind(now);
    });
    insert.push(" returning id, number");
    let rows = match insert.build().fetch_all(&mut *write).await {
        Ok(rows) => rows,
        Err(e) if e.as_database_error().is_some_and(|e| e.is_unique_violation()) => {
            return Err(existing(write, stage, new).await?);
        }
        Err(e) => return Err(e.into()),
    };
    // In which order rows are returned is not said.
    let ids = rows.iter().map(|row| Ok((count(row, "number")?, TrialId(row.try_get("id")?))));
    let ids = ids.collect::<Result<BTreeMap<u32, TrialId>, StoreError>>()?;
    Ok(new.iter().filter_map(|new| ids.get(&new.proposal.number).copied()).collect())
}

/// Which of the numbers there is already.
async fn existing(
    write: &mut SqliteConnection,
    stage: StageId,
    new: &[NewTrial<'_>],
) -> Result<StoreError, StoreError> {
    let known: Vec<u32> = sqlx::query_scalar("select number from trials where stage_id = ?")
        .bind(stage.0)
        .fetch_all(write)
        .await?;
    let numbers: Vec<u32> = new.iter().map(|new| new.proposal.number).collect();
    let is_double = |(at, number): &(usize, &u32)| known.contains(number) || numbers[..*at].contains(number);
    let number = numbers.iter().enumerate().find(is_double).map_or(0, |(_, number)| *number);
    Ok(StoreError::TrialExists { number })
}

async fn insert_parameters(
    write: &mut SqliteConnection,
    new: &[NewTrial<'_>],
    ids: &[TrialId],
) -> Result<(), StoreError> {
    let values =
        new.iter().zip(ids).flat_map(|(new, id)| new.proposal.parameters.iter().map(move |p| (id, p)));
    let values: Vec<_> = values.collect();
    for values in values.chunks(AT_ONCE * AT_ONCE) {
        let mut insert = QueryBuilder::new("insert into trial_parameters (trial_id, name, value) ");
        insert.push_values(values, |mut row, (id, (name, value))| {
            row.push_bind(id.0).push_bind(*name).push_bind(value.to_string());
        });
        insert.build().execute(&mut *write).await?;
    }
    Ok(())
}

async fn curve(read: &mut SqliteConnection, trial: TrialId) -> Result<Vec<CurvePoint>, StoreError> {
    let rows = sqlx::query("select * from trial_curves where trial_id = ? order by epoch")
        .bind(trial.0)
        .fetch_all(read)
        .await?;
    rows.iter().map(curve_point).collect()
}
