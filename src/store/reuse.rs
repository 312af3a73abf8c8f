//! A candidate that was trained before under the same key is not trained again.

use sqlx::{Row, SqliteConnection};

use super::artifacts::Artifacts;
use super::error::StoreError;
use super::event;
use crate::ids::{StudyId, TrialId};
use crate::search::state::TrialState;

/// Completes a pending trial with the result of a complete one with the same key whose model still exists.
/// Returns whether there was one.
pub(super) async fn complete_from_twin(
    write: &mut SqliteConnection,
    artifacts: &Artifacts,
    now: i64,
    trial: TrialId,
) -> Result<bool, StoreError> {
    let twins = sqlx::query(
        "select twin.id, twin.model, trials.study_id
         from trials join trials as twin on twin.key = trials.key and twin.id <> trials.id
         where trials.id = ? and twin.state = ? order by twin.id",
    )
    .bind(trial.0)
    .bind(TrialState::Complete.as_str())
    .fetch_all(&mut *write)
    .await?;
    for row in twins {
        let model: Option<String> = row.try_get("model")?;
        if !model.is_some_and(|model| artifacts.resolve(&model).exists()) {
            continue;
        }
        let twin = TrialId(row.try_get("id")?);
        copy_result(write, twin, trial, now).await?;
        let study = StudyId(row.try_get("study_id")?);
        let text = format!("complete: same candidate as trial {twin}");
        event::insert(write, now, Some(study), Some(trial), "trial", &text).await?;
        return Ok(true);
    }
    Ok(false)
}

async fn copy_result(
    write: &mut SqliteConnection,
    from: TrialId,
    to: TrialId,
    now: i64,
) -> Result<(), StoreError> {
    // An interrupted attempt of its own may have left a part of the same curve.
    sqlx::query("delete from trial_curves where trial_id = ?").bind(to.0).execute(&mut *write).await?;
    sqlx::query(
        "insert into trial_curves (trial_id, epoch, train_loss, val_loss, seld, er20, f20, le_cd, lr_cd, seconds)
         select ?, epoch, train_loss, val_loss, seld, er20, f20, le_cd, lr_cd, seconds
         from trial_curves where trial_id = ?",
    )
    .bind(to.0)
    .bind(from.0)
    .execute(&mut *write)
    .await?;
    sqlx::query(
        "update trials set state = 'complete', started = ?1, ended = ?1, reused_from = twin.id,
             params = twin.params, macs = twin.macs, seconds = twin.seconds, best_epoch = twin.best_epoch,
             seld = twin.seld, er20 = twin.er20, f20 = twin.f20, le_cd = twin.le_cd, lr_cd = twin.lr_cd,
             model = twin.model, error = null
         from (select * from trials where id = ?2) as twin
         where trials.id = ?3 and trials.state = 'pending'",
    )
    .bind(now)
    .bind(from.0)
    .bind(to.0)
    .execute(write)
    .await?;
    Ok(())
}
