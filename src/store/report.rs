//! What a worker writes about the trial it holds.

use std::path::Path;

use sqlx::SqliteConnection;

use super::error::StoreError;
use super::lease::held;
use super::row::count;
use super::sqlite::Store;
use super::study::{study_state, transition};
use super::types::{EpochReceipt, Finish};
use super::{event, lease};
use crate::ids::{Attempt, TrialId};
use crate::search::snapshot::{CurvePoint, Scores};
use crate::search::state::TrialState;

impl Store {
    /// The cost of the network, known once it is built.
    ///
    /// `params`: trainable parameters; `macs`: multiply-accumulates per second of audio, of the network
    /// and of the tagger's blocks.
    pub async fn report_started(
        &self,
        trial: TrialId,
        attempt: Attempt,
        params: u64,
        macs: u64,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        held(&mut write, trial, attempt).await?;
        sqlx::query("update trials set params = ?, macs = ? where id = ?")
            .bind(params.cast_signed())
            .bind(macs.cast_signed())
            .bind(trial.0)
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// One more epoch, and the checkpoint that holds the state after it.
    ///
    /// # Errors
    /// [`StoreError::EpochOrder`] when the epoch does not follow the last one, or is beyond the trial's budget.
    pub async fn report_epoch(
        &self,
        trial: TrialId,
        attempt: Attempt,
        point: &CurvePoint,
        checkpoint: &Path,
    ) -> Result<EpochReceipt, StoreError> {
        let mut write = self.write().await?;
        let study = held(&mut write, trial, attempt).await?;
        let last: u32 =
            sqlx::query_scalar("select coalesce(max(epoch), 0) from trial_curves where trial_id = ?")
                .bind(trial.0)
                .fetch_one(&mut *write)
                .await?;
        let budget: u32 = sqlx::query_scalar("select epochs_budget from trials where id = ?")
            .bind(trial.0)
            .fetch_one(&mut *write)
            .await?;
        if point.epoch != last + 1 || point.epoch > budget {
            return Err(StoreError::EpochOrder { trial, expected: last + 1, budget, got: point.epoch });
        }
        insert_point(&mut write, trial, point).await?;
        // Whoever got an epoch further has not crashed in vain.
        sqlx::query("update trials set checkpoint = ?, checkpoint_epoch = ?, crashes = 0 where id = ?")
            .bind(self.artifacts.relative(checkpoint))
            .bind(point.epoch)
            .bind(trial.0)
            .execute(&mut *write)
            .await?;
        summarise_curve(&mut write, trial).await?;
        let state = study_state(&mut write, study).await?;
        write.commit().await?;
        Ok(EpochReceipt { study: state })
    }

    /// Ends a trial for good.
    pub async fn finish(&self, trial: TrialId, attempt: Attempt, end: &Finish) -> Result<(), StoreError> {
        let now = self.now();
        let state = end.state();
        if !TrialState::Running.can_become(state) {
            return Err(transition("trial", TrialState::Running, state));
        }
        // One statement, a transaction by itself: its event is written by a trigger.
        let mut write = self.single().await?;
        let held = Held { trial, attempt };
        match end {
            Finish::Complete { scores, best_epoch, model } => {
                let model = self.artifacts.relative(model);
                complete_row(&mut write, held, *best_epoch, scores, &model, now).await
            }
            Finish::Pruned { reason: error } | Finish::Failed { error } => {
                end_row(&mut write, held, state, error, now).await
            }
        }
    }

    /// An attempt that ended without an outcome. The trial is pending again, to go on from its last checkpoint,
    /// or failed when `max_attempts` attempts in a row have crashed without getting an epoch further. Returns
    /// which.
    pub async fn crash(
        &self,
        trial: TrialId,
        attempt: Attempt,
        error: &str,
        max_attempts: u32,
    ) -> Result<TrialState, StoreError> {
        let now = self.now();
        let mut write = self.write().await?;
        let study = held(&mut write, trial, attempt).await?;
        let row = sqlx::query("update trials set crashes = crashes + 1 where id = ? returning crashes")
            .bind(trial.0)
            .fetch_one(&mut *write)
            .await?;
        let crashes = count(&row, "crashes")?;
        let state = if crashes >= max_attempts { TrialState::Failed } else { TrialState::Pending };
        match state {
            TrialState::Failed => {
                end_row(&mut write, Held { trial, attempt }, state, error, now).await?;
            }
            _ => {
                set_error(&mut write, trial, error).await?;
                lease::release_row(&mut write, trial).await?;
            }
        }
        let text = format!("crash {crashes} of at most {max_attempts}, now {state}: {error}");
        event::insert(&mut write, now, Some(study), Some(trial), "crash", &text).await?;
        write.commit().await?;
        Ok(state)
    }
}

async fn insert_point(
    write: &mut SqliteConnection,
    trial: TrialId,
    point: &CurvePoint,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into trial_curves (trial_id, epoch, train_loss, val_loss, seld, er20, f20, le_cd, lr_cd, seconds)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(trial.0)
    .bind(point.epoch)
    .bind(point.train_loss)
    .bind(point.val_loss)
    .bind(point.scores.seld)
    .bind(point.scores.er20)
    .bind(point.scores.f20)
    .bind(point.scores.le_cd)
    .bind(point.scores.lr_cd)
    .bind(point.seconds)
    .execute(write)
    .await?;
    Ok(())
}

/// Deletes curve points beyond the epoch that a trial goes on from, and its checkpoint when that is 0.
pub(super) async fn forget_epochs_after(
    write: &mut SqliteConnection,
    trial: TrialId,
    epoch: u32,
) -> Result<(), StoreError> {
    sqlx::query("delete from trial_curves where trial_id = ? and epoch > ?")
        .bind(trial.0)
        .bind(epoch)
        .execute(&mut *write)
        .await?;
    if epoch == 0 {
        sqlx::query("update trials set checkpoint = null, checkpoint_epoch = null where id = ?")
            .bind(trial.0)
            .execute(&mut *write)
            .await?;
    }
    summarise_curve(write, trial).await
}

/// Brings the trial's row in line with its curve: seconds, and the scores of the best epoch so far.
async fn summarise_curve(write: &mut SqliteConnection, trial: TrialId) -> Result<(), StoreError> {
    sqlx::query(
        "update trials set (best_epoch, seld, er20, f20, le_cd, lr_cd) = (
             select epoch, seld, er20, f20, le_cd, lr_cd from trial_curves
             where trial_id = trials.id and seld is not null order by seld, epoch limit 1),
             seconds = (select total(seconds) from trial_curves where trial_id = trials.id)
         where id = ?",
    )
    .bind(trial.0)
    .execute(write)
    .await?;
    Ok(())
}

async fn set_error(write: &mut SqliteConnection, trial: TrialId, error: &str) -> Result<(), StoreError> {
    sqlx::query("update trials set error = ? where id = ?").bind(error).bind(trial.0).execute(write).await?;
    Ok(())
}

/// A trial, and the attempt that may write about it.
#[derive(Debug, Clone, Copy)]
struct Held {
    trial: TrialId,
    attempt: Attempt,
}

/// The last write about a trial with a result.
async fn complete_row(
    write: &mut SqliteConnection,
    of: Held,
    best_epoch: u32,
    scores: &Scores,
    model: &str,
    now: i64,
) -> Result<(), StoreError> {
    let written = sqlx::query(
        "update trials set state = ?, lease_until = null, ended = ?, best_epoch = ?, seld = ?, er20 = ?, f20 = ?,
             le_cd = ?, lr_cd = ?, model = ?, error = null
         where id = ? and attempt = ? and state = 'running'",
    )
    .bind(TrialState::Complete.as_str())
    .bind(now)
    .bind(best_epoch)
    .bind(scores.seld)
    .bind(scores.er20)
    .bind(scores.f20)
    .bind(scores.le_cd)
    .bind(scores.lr_cd)
    .bind(model)
    .bind(of.trial.0)
    .bind(of.attempt.0)
    .execute(&mut *write)
    .await?;
    if written.rows_affected() == 0 { refused(write, of).await } else { Ok(()) }
}

/// The last write about a trial without one.
async fn end_row(
    write: &mut SqliteConnection,
    of: Held,
    state: TrialState,
    error: &str,
    now: i64,
) -> Result<(), StoreError> {
    let written = sqlx::query(
        "update trials set state = ?, lease_until = null, ended = ?, error = ?
         where id = ? and attempt = ? and state = 'running'",
    )
    .bind(state.as_str())
    .bind(now)
    .bind(error)
    .bind(of.trial.0)
    .bind(of.attempt.0)
    .execute(&mut *write)
    .await?;
    if written.rows_affected() == 0 { refused(write, of).await } else { Ok(()) }
}

/// Why nothing was written.
async fn refused(read: &mut SqliteConnection, of: Held) -> Result<(), StoreError> {
    let Held { trial, attempt } = of;
    held(read, trial, attempt).await?;
    // No attempt that is over comes back.
    let state = TrialState::Running.to_string();
    Err(StoreError::StaleAttempt { trial, attempt, current: attempt, state })
}
