//! Trials: adding them, and reading one with all its details.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::error::ErrorKind;
use sqlx::{QueryBuilder, Row, SqliteConnection};

use super::error::StoreError;
use super::row::{count, count_or_none, curve_point, json, scores, seed, state};
use super::sqlite::Store;
use super::types::TrialDetails;
use super::{enqueue, reuse};
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
    /// trial is complete at once, with the other's scores, curve and model; or when it is claimed, should the program die
    /// between the two.
    ///
    /// # Errors
    /// [`StoreError::TrialExists`] when the stage has a trial with one of the numbers.
    pub async fn add_trials(&self, stage: StageId, new: &[NewTrial<'_>]) -> Result<Vec<TrialId>, StoreError> {
        let now = self.now();
        let is_one_statement = new.len() <= AT_ONCE && new.iter().all(|new| new.proposal.enqueued.is_none());
        // Whatever a power cut takes is proposed again.
        let added = match is_one_statement {
            true => insert(&mut *self.single_unsynced().await?, stage, new, now).await?,
            false => self.add_in_parts(stage, new, now).await?,
        };
        let known: Vec<TrialId> = added.iter().filter(|added| added.has_twin).map(|added| added.id).collect();
        if !known.is_empty() {
            // Those that this does not come to are completed when they are claimed.
            let mut write = self.write_unsynced().await?;
            reuse::complete_from_twins(&mut write, &self.artifacts, now, &known).await?;
            write.commit().await?;
        }
        Ok(added.into_iter().map(|added| added.id).collect())
    }

    async fn add_in_parts(
        &self,
        stage: StageId,
        new: &[NewTrial<'_>],
        now: i64,
    ) -> Result<Vec<Added>, StoreError> {
        let mut write = self.write_unsynced().await?;
        let mut all = Vec::with_capacity(new.len());
        for new in new.chunks(AT_ONCE) {
            let added = insert(&mut write, stage, new, now).await?;
            for (new, added) in new.iter().zip(&added) {
                if let Some(enqueued) = new.proposal.enqueued {
                    enqueue::take(&mut write, enqueued, added.id).await?;
                }
            }
            all.extend(added);
        }
        write.commit().await?;
        Ok(all)
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

/// A trial that was added.
struct Added {
    id: TrialId,
    /// Whether a complete one has the same key.
    has_twin: bool,
}

/// Adds trials, which are returned in the same order.
async fn insert(
    write: &mut SqliteConnection,
    stage: StageId,
    new: &[NewTrial<'_>],
    now: i64,
) -> Result<Vec<Added>, StoreError> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let mut insert = QueryBuilder::new(
        "insert into trials (stage_id, study_id, number, key, architecture, seed, repeat, repeat_of, again_of,
             epochs_budget, init_from, parameters, state, created) ",
    );
    insert.push_values(new, |mut row, NewTrial { proposal, key }| {
        row.push_bind(stage.0)
            .push("(select study_id from study_stages where id = ")
            .push_bind_unseparated(stage.0)
            .push_unseparated(")")
            .push_bind(proposal.number)
            .push_bind(*key)
            .push_bind(proposal.architecture.to_string())
            .push_bind(proposal.seed.cast_signed())
            .push_bind(proposal.repeat)
            .push_bind(proposal.repeat_of.map(|t| t.0))
            .push_bind(proposal.again_of.map(|t| t.0))
            .push_bind(proposal.epochs)
            .push_bind(proposal.init_from.map(|t| t.0))
            .push_bind(json!(proposal.parameters).to_string())
            .push_bind(TrialState::Pending.as_str())
            .push_bind(now);
    });
    insert.push(
        " returning id, number, exists (
             select 1 from trials as twin where twin.key = trials.key and twin.state = 'complete') as has_twin",
    );
    let rows = match insert.build().fetch_all(&mut *write).await {
        Ok(rows) => rows,
        Err(e) if is_kind(&e, ErrorKind::UniqueViolation) => return Err(existing(write, stage, new).await?),
        // There is no study for it.
        Err(e) if is_kind(&e, ErrorKind::NotNullViolation) => {
            return Err(StoreError::UnknownId { kind: "stage", id: stage.0 });
        }
        Err(e) => return Err(e.into()),
    };
    // In which order rows are returned is not said.
    let mut added = BTreeMap::new();
    for row in &rows {
        let is = Added { id: TrialId(row.try_get("id")?), has_twin: row.try_get("has_twin")? };
        added.insert(count(row, "number")?, is);
    }
    Ok(new.iter().filter_map(|new| added.remove(&new.proposal.number)).collect())
}

fn is_kind(error: &sqlx::Error, kind: ErrorKind) -> bool {
    error.as_database_error().is_some_and(|error| error.kind() == kind)
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

async fn curve(read: &mut SqliteConnection, trial: TrialId) -> Result<Vec<CurvePoint>, StoreError> {
    let rows = sqlx::query("select * from trial_curves where trial_id = ? order by epoch")
        .bind(trial.0)
        .fetch_all(read)
        .await?;
    rows.iter().map(curve_point).collect()
}
