//! Studies and their stages.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::error::StoreError;
use super::event;
use super::row::{json, seed, state};
use super::sqlite::Store;
use super::types::{NewStudy, Study};
use crate::ids::{StageId, StudyId, TrialId};
use crate::search::snapshot::Ruling;
use crate::search::state::{StageState, StudyState, TrialState};

impl Store {
    /// Creates a study in state `running`, with all its stages waiting.
    ///
    /// # Errors
    /// [`StoreError::StudyExists`] when the name is taken.
    pub async fn create_study(&self, new: NewStudy) -> Result<StudyId, StoreError> {
        let now = self.now();
        let mut write = self.write().await?;
        let settings = serde_json::to_string(&new.settings)
            .map_err(|e| StoreError::Damaged { what: format!("settings: {e}") })?;
        let inserted = sqlx::query_scalar(
            "insert into studies (name, space, settings, seed, data_fingerprint, version, state, created, updated)
             values (?, ?, ?, ?, ?, ?, ?, ?, ?) returning id",
        )
        .bind(&new.name)
        .bind(new.space.to_string())
        .bind(settings)
        .bind(new.seed.cast_signed())
        .bind(&new.data_fingerprint)
        .bind(&new.version)
        .bind(StudyState::Running.as_str())
        .bind(now)
        .bind(now)
        .fetch_one(&mut *write)
        .await;
        let study = match inserted {
            Ok(id) => StudyId(id),
            Err(e) if e.as_database_error().is_some_and(|e| e.is_unique_violation()) => {
                return Err(StoreError::StudyExists { name: new.name });
            }
            Err(e) => return Err(e.into()),
        };
        for (name, position) in new.stages.iter().zip(0_i64..) {
            sqlx::query("insert into study_stages (study_id, position, name, state) values (?, ?, ?, ?)")
                .bind(study.0)
                .bind(position)
                .bind(name)
                .bind(StageState::Waiting.as_str())
                .execute(&mut *write)
                .await?;
        }
        event::insert(&mut write, now, Some(study), None, "study", "created").await?;
        write.commit().await?;
        Ok(study)
    }

    /// The study with this name.
    ///
    /// # Errors
    /// [`StoreError::UnknownStudy`], with the names there are.
    pub async fn study(&self, name: &str) -> Result<Study, StoreError> {
        let row =
            sqlx::query("select * from studies where name = ?").bind(name).fetch_optional(&self.pool).await?;
        match row {
            Some(row) => study(&row),
            None => Err(StoreError::UnknownStudy { name: name.into(), known: self.study_names().await? }),
        }
    }

    /// The study with this id.
    pub async fn study_by_id(&self, id: StudyId) -> Result<Study, StoreError> {
        let row =
            sqlx::query("select * from studies where id = ?").bind(id.0).fetch_optional(&self.pool).await?;
        study(&row.ok_or(StoreError::UnknownId { kind: "study", id: id.0 })?)
    }

    /// The study that was created last.
    ///
    /// # Errors
    /// [`StoreError::NoStudy`] when there is none.
    pub async fn latest_study(&self) -> Result<Study, StoreError> {
        let row =
            sqlx::query("select * from studies order by id desc limit 1").fetch_optional(&self.pool).await?;
        study(&row.ok_or(StoreError::NoStudy)?)
    }

    /// Names of all studies, oldest first.
    pub async fn study_names(&self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("select name from studies order by id").fetch_all(&self.pool).await?)
    }

    /// The state of a study.
    pub async fn study_state(&self, id: StudyId) -> Result<StudyState, StoreError> {
        let mut connection = self.pool.acquire().await?;
        study_state(&mut connection, id).await
    }

    /// Sets the state of a study. Any state may follow any other: a failed study is resumed after its space
    /// file's fault is understood, a complete one is asked to run again and finds nothing to do.
    pub async fn set_study_state(&self, id: StudyId, state: StudyState) -> Result<(), StoreError> {
        let now = self.now();
        let mut write = self.write().await?;
        let before = study_state(&mut write, id).await?;
        if before == state {
            return Ok(());
        }
        sqlx::query("update studies set state = ?, updated = ? where id = ?")
            .bind(state.as_str())
            .bind(now)
            .bind(id.0)
            .execute(&mut *write)
            .await?;
        event::insert(&mut write, now, Some(id), None, "study", &format!("{before} -> {state}")).await?;
        Ok(write.commit().await?)
    }

    /// Asks a running study to stop; returns its state afterwards. A study that is not running stays as it is.
    pub async fn request_stop(&self, id: StudyId) -> Result<StudyState, StoreError> {
        let state = self.study_state(id).await?;
        if state != StudyState::Running {
            return Ok(state);
        }
        self.set_study_state(id, StudyState::Stopping).await?;
        Ok(StudyState::Stopping)
    }

    /// Begins the stage at `position`, with what was ruled on its choices; a stage that is running already is left as it is, so that an interrupted
    /// controller may ask again.
    pub async fn begin_stage(
        &self,
        study: StudyId,
        position: usize,
        rulings: &[Ruling],
    ) -> Result<StageId, StoreError> {
        let now = self.now();
        let mut write = self.write().await?;
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        let row = sqlx::query("select id, name, state from study_stages where study_id = ? and position = ?")
            .bind(study.0)
            .bind(position)
            .fetch_optional(&mut *write)
            .await?
            .ok_or(StoreError::UnknownId { kind: "stage at position", id: position })?;
        let id = StageId(row.try_get("id")?);
        match state(&row, "state")? {
            StageState::Running => return Ok(id),
            StageState::Waiting => {}
            from => return Err(transition("stage", from, StageState::Running)),
        }
        sqlx::query("update study_stages set state = ?, started = ? where id = ?")
            .bind(StageState::Running.as_str())
            .bind(now)
            .bind(id.0)
            .execute(&mut *write)
            .await?;
        for ruling in rulings {
            sqlx::query("insert into stage_decisions (stage_id, parameter, value, action, reason) values (?, ?, ?, ?, ?)")
                .bind(id.0)
                .bind(&ruling.parameter)
                .bind(ruling.value.to_string())
                .bind(ruling.action.as_str())
                .bind(&ruling.reason)
                .execute(&mut *write)
                .await?;
        }
        let text = format!("began {}", row.try_get::<String, _>("name")?);
        event::insert(&mut write, now, Some(study), None, "stage", &text).await?;
        write.commit().await?;
        Ok(id)
    }

    /// The id of the stage at `position`, in any state.
    pub async fn stage_at(&self, study: StudyId, position: usize) -> Result<StageId, StoreError> {
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        let id = sqlx::query_scalar("select id from study_stages where study_id = ? and position = ?")
            .bind(study.0)
            .bind(position)
            .fetch_optional(&self.pool)
            .await?;
        id.map(StageId).ok_or(StoreError::UnknownId { kind: "stage at position", id: position })
    }

    /// Closes a running stage with its winner, a complete trial of this stage.
    pub async fn end_stage(&self, stage: StageId, winner: TrialId, reason: &str) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let belongs: Option<i64> =
            sqlx::query_scalar("select id from trials where id = ? and stage_id = ? and state = ?")
                .bind(winner.0)
                .bind(stage.0)
                .bind(TrialState::Complete.as_str())
                .fetch_optional(&mut *write)
                .await?;
        belongs.ok_or(StoreError::UnknownId { kind: "complete trial of this stage", id: winner.0 })?;
        close_stage(&mut write, self.now(), stage, Some(winner), reason).await?;
        Ok(write.commit().await?)
    }

    /// Closes a running stage without a winner.
    pub async fn fail_stage(&self, stage: StageId, reason: &str) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        close_stage(&mut write, self.now(), stage, None, reason).await?;
        Ok(write.commit().await?)
    }
}

async fn close_stage(
    write: &mut SqliteConnection,
    now: i64,
    stage: StageId,
    winner: Option<TrialId>,
    reason: &str,
) -> Result<(), StoreError> {
    let row = sqlx::query("select study_id, name, state from study_stages where id = ?")
        .bind(stage.0)
        .fetch_optional(&mut *write)
        .await?
        .ok_or(StoreError::UnknownId { kind: "stage", id: stage.0 })?;
    let to = if winner.is_some() { StageState::Complete } else { StageState::Failed };
    let from: StageState = state(&row, "state")?;
    if from != StageState::Running {
        return Err(transition("stage", from, to));
    }
    sqlx::query("update study_stages set state = ?, winner_trial = ?, reason = ?, ended = ? where id = ?")
        .bind(to.as_str())
        .bind(winner.map(|w| w.0))
        .bind(reason)
        .bind(now)
        .bind(stage.0)
        .execute(&mut *write)
        .await?;
    let text = format!("{} {to}: {reason}", row.try_get::<String, _>("name")?);
    let study = StudyId(row.try_get("study_id")?);
    event::insert(write, now, Some(study), winner, "stage", &text).await
}

pub(super) fn transition(
    kind: &'static str,
    from: impl std::fmt::Display,
    to: impl std::fmt::Display,
) -> StoreError {
    StoreError::Transition { kind, from: from.to_string(), to: to.to_string() }
}

pub(super) async fn study_state(
    connection: &mut SqliteConnection,
    id: StudyId,
) -> Result<StudyState, StoreError> {
    let row =
        sqlx::query("select state from studies where id = ?").bind(id.0).fetch_optional(connection).await?;
    state(&row.ok_or(StoreError::UnknownId { kind: "study", id: id.0 })?, "state")
}

fn study(row: &SqliteRow) -> Result<Study, StoreError> {
    let settings = serde_json::from_value(json(row, "settings")?)
        .map_err(|e| StoreError::Damaged { what: format!("settings of a study: {e}") })?;
    Ok(Study {
        id: StudyId(row.try_get("id")?),
        name: row.try_get("name")?,
        space: json(row, "space")?,
        settings,
        seed: seed(row)?,
        data_fingerprint: row.try_get("data_fingerprint")?,
        version: row.try_get("version")?,
        state: state(row, "state")?,
        created_ms: row.try_get("created")?,
        updated_ms: row.try_get("updated")?,
    })
}
