//! Who holds a trial, and until when.
//!
//! A lease makes a lost worker's trial free again; it does not prove that the worker is gone (a lost cluster
//! node goes on computing for a while). What keeps two attempts apart is the attempt number in every write.

use std::path::PathBuf;
use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::error::StoreError;
use super::row::{count, count_or_none, json, seed, state};
use super::sqlite::Store;
use super::types::Claim;
use super::{event, report, reuse};
use crate::ids::{Attempt, StageId, StudyId, TrialId, WorkerId};
use crate::search::state::TrialState;

/// When a lease taken now ends. The one other place that compares times is `first_free`.
fn until(now_ms: i64, lease: Duration) -> i64 {
    now_ms.saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
}

/// The first trial of the study `?1` that may be claimed at the time `?2`, in the order of proposal, so that an interrupted
/// study takes its trials in the same order as an undisturbed one.
macro_rules! first_free {
    () => {
        "from trials join studies on studies.id = trials.study_id
         where trials.study_id = ?1 and studies.state = 'running' and trials.state in ('pending', 'running')
           and (trials.state = 'pending' or (trials.state = 'running' and trials.lease_until <= ?2))
           and not exists (
               select 1 from trials as twin
               where twin.key = trials.key and twin.id <> trials.id
                 and twin.state = 'running' and twin.lease_until > ?2)
         order by trials.id limit 1"
    };
}

impl Store {
    /// Hands the first free trial of a running study to a worker: pending, or running under a lease that has
    /// ended. `None` when nothing is free now. Waits for the write lock: whoever has nothing to do asks [`Store::has_free`].
    ///
    /// A trial whose key another worker is training right now is left for later: its result will be reused.
    /// Epochs beyond the last checkpoint are forgotten, so that none is counted twice.
    pub async fn claim(
        &self,
        study: StudyId,
        worker: WorkerId,
        lease: Duration,
    ) -> Result<Option<Claim>, StoreError> {
        let now = self.now();
        let (until, new) = (until(now, lease), Which::FirstNew { study });
        // Most trials are new, and one statement takes one. After a power cut nobody trains it.
        if let Some(claim) =
            self.claimed(&mut *self.single_unsynced().await?, new, worker, until, now).await?
        {
            return Ok(Some(claim));
        }
        let mut write = self.write_unsynced().await?;
        let claim = loop {
            let Some(free) = next_free(&mut write, study, now).await? else { break None };
            if free.has_twin {
                release_row(&mut write, free.trial).await?;
                let trials = [free.trial];
                if !reuse::complete_from_twins(&mut write, &self.artifacts, now, &trials).await?.is_empty() {
                    continue;
                }
            }
            let checkpoint = free.checkpoint.map(|stored| self.artifacts.resolve(&stored));
            let epochs_done =
                if checkpoint.is_some_and(|path| path.exists()) { free.checkpoint_epoch } else { 0 };
            report::forget_epochs_after(&mut write, free.trial, epochs_done).await?;
            break self.claimed(&mut write, Which::Trial(free.trial), worker, until, now).await?;
        };
        write.commit().await?;
        Ok(claim)
    }

    /// Whether a trial of a running study can be claimed. Waits for nobody.
    pub async fn has_free(&self, study: StudyId) -> Result<bool, StoreError> {
        Ok(next_free(&mut *self.pool.acquire().await?, study, self.now()).await?.is_some())
    }

    /// Gives a trial to a worker.
    async fn claimed(
        &self,
        write: &mut SqliteConnection,
        which: Which,
        worker: WorkerId,
        until: i64,
        now: i64,
    ) -> Result<Option<Claim>, StoreError> {
        let (study, trial) = match which {
            Which::FirstNew { study } => (Some(study.0), None),
            Which::Trial(trial) => (None, Some(trial.0)),
        };
        let rows = sqlx::query(concat!(
            "update trials set state = 'running', attempt = attempt + 1, worker_id = ?3, lease_until = ?4,
                 claimed = ?2, started = coalesce(started, ?2)
             where id = ?5 or (?5 is null and id = (select trials.id ",
            first_free!(),
            ") and attempt = 0 and checkpoint is null
                 and not exists (select 1 from trials as twin where twin.key = trials.key and twin.state = 'complete'))
             returning *, (select position from study_stages where id = trials.stage_id) as stage_position,
                 (select first.model from trials as first where first.id = trials.init_from) as init_model"
        ))
        .bind(study)
        .bind(now)
        .bind(worker.0)
        .bind(until)
        .bind(trial)
        // Not the first row only: the statement is over with the last.
        .fetch_all(&mut *write)
        .await?;
        rows.first().map(|row| self.claim_of(row)).transpose()
    }

    fn claim_of(&self, row: &SqliteRow) -> Result<Claim, StoreError> {
        let artifact = |column: &str| -> Result<Option<PathBuf>, StoreError> {
            Ok(row.try_get::<Option<String>, _>(column)?.map(|stored| self.artifacts.resolve(&stored)))
        };
        Ok(Claim {
            study: StudyId(row.try_get("study_id")?),
            stage: StageId(row.try_get("stage_id")?),
            stage_position: count(row, "stage_position")? as usize,
            trial: TrialId(row.try_get("id")?),
            attempt: Attempt(row.try_get("attempt")?),
            number: count(row, "number")?,
            architecture: json(row, "architecture")?,
            seed: seed(row)?,
            epochs: count(row, "epochs_budget")?,
            init_from: artifact("init_model")?,
            resume_from: artifact("checkpoint")?,
            epochs_done: count_or_none(row, "checkpoint_epoch")?.unwrap_or(0),
        })
    }

    /// Prolongs the lease of a running trial, counted from now.
    pub async fn extend_lease(
        &self,
        trial: TrialId,
        attempt: Attempt,
        lease: Duration,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let mut write = self.write().await?;
        held(&mut write, trial, attempt).await?;
        sqlx::query("update trials set lease_until = ? where id = ?")
            .bind(until(now, lease))
            .bind(trial.0)
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// Gives a running trial back: pending, to go on from its last checkpoint.
    pub async fn release(&self, trial: TrialId, attempt: Attempt) -> Result<(), StoreError> {
        let now = self.now();
        let mut write = self.write().await?;
        let study = held(&mut write, trial, attempt).await?;
        release_row(&mut write, trial).await?;
        event::insert(&mut write, now, Some(study), Some(trial), "trial", "released by its worker").await?;
        Ok(write.commit().await?)
    }
}

/// Which trial is given to a worker.
#[derive(Debug, Clone, Copy)]
enum Which {
    /// The first free one of a study, when it was never held and nobody has trained the same.
    FirstNew { study: StudyId },
    /// This one.
    Trial(TrialId),
}

/// A trial that may be claimed.
struct Free {
    trial: TrialId,
    /// Whether another one with the same key is complete.
    has_twin: bool,
    /// Where an earlier attempt got to, as stored.
    checkpoint: Option<String>,
    /// Epochs in it.
    checkpoint_epoch: u32,
}

async fn next_free(
    read: &mut SqliteConnection,
    study: StudyId,
    now: i64,
) -> Result<Option<Free>, StoreError> {
    let row = sqlx::query(concat!(
        "select trials.id, checkpoint, checkpoint_epoch, exists (
             select 1 from trials as twin where twin.key = trials.key and twin.state = 'complete') as has_twin ",
        first_free!()
    ))
    .bind(study.0)
    .bind(now)
    .fetch_optional(read)
    .await?;
    let free = |row: SqliteRow| {
        Ok(Free {
            trial: TrialId(row.try_get("id")?),
            has_twin: row.try_get("has_twin")?,
            checkpoint: row.try_get("checkpoint")?,
            checkpoint_epoch: count_or_none(&row, "checkpoint_epoch")?.unwrap_or(0),
        })
    };
    row.map(free).transpose()
}

/// Makes a trial pending, whoever held it.
pub(super) async fn release_row(write: &mut SqliteConnection, trial: TrialId) -> Result<(), StoreError> {
    sqlx::query("update trials set state = 'pending', worker_id = null, lease_until = null where id = ?")
        .bind(trial.0)
        .execute(write)
        .await?;
    Ok(())
}

/// Whether this attempt may write about this trial; the trial's study if so.
pub(super) async fn held(
    write: &mut SqliteConnection,
    trial: TrialId,
    attempt: Attempt,
) -> Result<StudyId, StoreError> {
    let row = sqlx::query("select study_id, state, attempt from trials where id = ?")
        .bind(trial.0)
        .fetch_optional(write)
        .await?
        .ok_or(StoreError::UnknownId { kind: "trial", id: trial.0 })?;
    let now: TrialState = state(&row, "state")?;
    let current = Attempt(row.try_get("attempt")?);
    if now != TrialState::Running || current != attempt {
        return Err(StoreError::StaleAttempt { trial, attempt, current, state: now.to_string() });
    }
    Ok(StudyId(row.try_get("study_id")?))
}
