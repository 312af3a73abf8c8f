//! Architectures that people want tried.

use serde_json::Value;
use sqlx::{Row, SqliteConnection};

use super::error::StoreError;
use super::event;
use super::row::state;
use super::sqlite::Store;
use super::types::Study;
use crate::ids::{EnqueuedId, StageId, TrialId};
use crate::search::state::StageState;

impl Store {
    /// Puts an architecture into the queue of a stage that has not ended; the first that has not, where none is named.
    /// Returns the stage's name.
    ///
    /// # Errors
    /// [`StoreError::UnknownStage`]; [`StoreError::StageOver`].
    pub async fn enqueue(
        &self,
        study: &Study,
        stage: Option<&str>,
        architecture: &Value,
    ) -> Result<String, StoreError> {
        let mut write = self.write().await?;
        let rows =
            sqlx::query("select id, name, state from study_stages where study_id = ? order by position")
                .bind(study.id.0)
                .fetch_all(&mut *write)
                .await?;
        let mut found = None;
        let mut known = Vec::new();
        for row in &rows {
            let name: String = row.try_get("name")?;
            let state: StageState = state(row, "state")?;
            let is_over = matches!(state, StageState::Complete | StageState::Failed);
            if found.is_none() && stage.map_or(!is_over, |wanted| wanted == name) {
                found = Some((row.try_get::<i64, _>("id")?, name.clone(), is_over));
            }
            known.push(name);
        }
        let (id, name) = match found {
            Some((id, name, false)) => (id, name),
            Some((_, name, true)) => return Err(StoreError::StageOver { name: Some(name) }),
            None => match stage {
                Some(name) => {
                    let study = study.name.clone();
                    return Err(StoreError::UnknownStage { name: name.to_owned(), study, known });
                }
                None => return Err(StoreError::StageOver { name: None }),
            },
        };
        let now = self.now();
        sqlx::query("insert into enqueued (stage_id, architecture, created) values (?, ?, ?)")
            .bind(id)
            .bind(architecture.to_string())
            .bind(now)
            .execute(&mut *write)
            .await?;
        event::insert(&mut write, now, Some(study.id), None, "enqueue", &format!("into {name}")).await?;
        write.commit().await?;
        Ok(name)
    }
}

/// What waits in the queues of a study's stages, by stage.
pub(super) async fn waiting(
    read: &mut SqliteConnection,
    stages: &str,
) -> Result<Vec<(StageId, EnqueuedId, Value)>, StoreError> {
    let rows = sqlx::query(
        "select stage_id, id, architecture from enqueued
         where trial_id is null and stage_id in (select value from json_each(?)) order by id",
    )
    .bind(stages)
    .fetch_all(read)
    .await?;
    let entry = |row: &sqlx::sqlite::SqliteRow| {
        let architecture = super::row::json(row, "architecture")?;
        Ok((StageId(row.try_get("stage_id")?), EnqueuedId(row.try_get("id")?), architecture))
    };
    rows.iter().map(entry).collect()
}

/// Takes an architecture out of its queue: a trial was made of it.
pub(super) async fn take(
    write: &mut SqliteConnection,
    enqueued: EnqueuedId,
    trial: TrialId,
) -> Result<(), StoreError> {
    sqlx::query("update enqueued set trial_id = ? where id = ?")
        .bind(trial.0)
        .bind(enqueued.0)
        .execute(write)
        .await?;
    Ok(())
}
