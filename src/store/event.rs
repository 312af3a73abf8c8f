//! The log of decisions and incidents. That a trial was proposed, claimed or ended is written by triggers: see `migrations/`.

use sqlx::{Row, SqliteConnection};

use super::error::StoreError;
use super::sqlite::Store;
use super::types::Event;
use crate::ids::{StudyId, TrialId};

/// Adds an event within a transaction.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    time_ms: i64,
    study: Option<StudyId>,
    trial: Option<TrialId>,
    kind: &str,
    text: &str,
) -> Result<(), StoreError> {
    sqlx::query("insert into events (time, study_id, trial_id, kind, text) values (?, ?, ?, ?, ?)")
        .bind(time_ms)
        .bind(study.map(|s| s.0))
        .bind(trial.map(|t| t.0))
        .bind(kind)
        .bind(text)
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// Records a decision or an incident, for people.
    pub async fn event(
        &self,
        study: StudyId,
        trial: Option<TrialId>,
        kind: &str,
        text: &str,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        insert(&mut write, self.now(), Some(study), trial, kind, text).await?;
        Ok(write.commit().await?)
    }

    /// Events of a study after the one with id `after`, oldest first, at most `limit`.
    pub async fn events(&self, study: StudyId, after: i64, limit: u32) -> Result<Vec<Event>, StoreError> {
        let rows = sqlx::query(
            "select id, time, trial_id, kind, text from events where study_id = ? and id > ? order by id limit ?",
        )
        .bind(study.0)
        .bind(after)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Event {
                    id: row.try_get("id")?,
                    time_ms: row.try_get("time")?,
                    trial: row.try_get::<Option<i64>, _>("trial_id")?.map(TrialId),
                    kind: row.try_get("kind")?,
                    text: row.try_get("text")?,
                })
            })
            .collect()
    }
}
