//! A candidate that was trained before under the same key is not trained again.

use std::collections::BTreeSet;

use sqlx::{Row, SqliteConnection};

use super::artifacts::Artifacts;
use super::error::StoreError;
use crate::ids::TrialId;
use crate::search::state::TrialState;

/// Completes those of some pending trials that have a complete one with the same key whose model still exists, with its
/// result. Returns them.
pub(super) async fn complete_from_twins(
    write: &mut SqliteConnection,
    artifacts: &Artifacts,
    now: i64,
    trials: &[TrialId],
) -> Result<BTreeSet<TrialId>, StoreError> {
    let ids: Vec<i64> = trials.iter().map(|trial| trial.0).collect();
    let twins = sqlx::query(
        "select trials.id, twin.id as twin, twin.model
         from trials join trials as twin on twin.key = trials.key and twin.id <> trials.id
         where trials.id in (select value from json_each(?)) and twin.state = ? order by trials.id, twin.id",
    )
    .bind(serde_json::Value::from(ids).to_string())
    .bind(TrialState::Complete.as_str())
    .fetch_all(&mut *write)
    .await?;
    let mut complete = BTreeSet::new();
    for row in twins {
        let trial = TrialId(row.try_get("id")?);
        let model: Option<String> = row.try_get("model")?;
        if complete.contains(&trial) || !model.is_some_and(|model| artifacts.resolve(&model).exists()) {
            continue;
        }
        let twin = TrialId(row.try_get("twin")?);
        copy_result(write, twin, trial, now).await?;
        complete.insert(trial);
    }
    Ok(complete)
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
