//! A study as the search sees it.

use std::collections::BTreeMap;

use sqlx::{Row, SqliteConnection};

use super::error::StoreError;
use super::row::{count, curve_point, json, scores, state};
use super::sqlite::Store;
use crate::ids::{StudyId, TrialId};
use crate::search::snapshot::{Assignment, CurvePoint, Snapshot, StageView, TrialView};
use crate::search::state::TrialState;

impl Store {
    /// All stages begun so far with their trials, parameters and curves, at one moment.
    pub async fn snapshot(&self, study: StudyId) -> Result<Snapshot, StoreError> {
        let mut read = self.read().await?;
        let seed: Option<i64> = sqlx::query_scalar("select seed from studies where id = ?")
            .bind(study.0)
            .fetch_optional(&mut *read)
            .await?;
        let seed = seed.ok_or(StoreError::UnknownId { kind: "study", id: study.0 })?.cast_unsigned();
        let mut parameters = parameters(&mut read, study).await?;
        let mut curves = curves(&mut read, study).await?;
        let mut stages: BTreeMap<i64, StageView> = BTreeMap::new();
        let rows = sqlx::query(
            "select id, position, name, winner_trial from study_stages
             where study_id = ? and state <> 'waiting' order by position",
        )
        .bind(study.0)
        .fetch_all(&mut *read)
        .await?;
        let mut order = Vec::new();
        for row in rows {
            let id: i64 = row.try_get("id")?;
            let winner = row.try_get::<Option<i64>, _>("winner_trial")?.map(TrialId);
            stages.insert(id, StageView { name: row.try_get("name")?, trials: Vec::new(), winner });
            order.push(id);
        }
        let rows = sqlx::query("select * from trials where study_id = ? order by stage_id, number")
            .bind(study.0)
            .fetch_all(&mut *read)
            .await?;
        for row in rows {
            let id = TrialId(row.try_get("id")?);
            let Some(stage) = stages.get_mut(&row.try_get("stage_id")?) else { continue };
            let state: TrialState = state(&row, "state")?;
            stage.trials.push(TrialView {
                id,
                number: count(&row, "number")?,
                parameters: parameters.remove(&id).unwrap_or_default(),
                architecture: json(&row, "architecture")?,
                repeat: count(&row, "repeat")?,
                repeat_of: row.try_get::<Option<i64>, _>("repeat_of")?.map(TrialId),
                state,
                curve: curves.remove(&id).unwrap_or_default(),
                scores: (state == TrialState::Complete).then(|| scores(&row)).transpose()?,
            });
        }
        let stages = order.into_iter().filter_map(|id| stages.remove(&id)).collect();
        Ok(Snapshot { seed, stages })
    }
}

pub(super) async fn parameters(
    read: &mut SqliteConnection,
    study: StudyId,
) -> Result<BTreeMap<TrialId, Assignment>, StoreError> {
    let rows = sqlx::query(
        "select trial_id, name, value from trial_parameters
         where trial_id in (select id from trials where study_id = ?)",
    )
    .bind(study.0)
    .fetch_all(read)
    .await?;
    let mut all: BTreeMap<TrialId, Assignment> = BTreeMap::new();
    for row in rows {
        let trial = TrialId(row.try_get("trial_id")?);
        all.entry(trial).or_default().insert(row.try_get("name")?, json(&row, "value")?);
    }
    Ok(all)
}

async fn curves(
    read: &mut SqliteConnection,
    study: StudyId,
) -> Result<BTreeMap<TrialId, Vec<CurvePoint>>, StoreError> {
    let rows = sqlx::query(
        "select * from trial_curves
         where trial_id in (select id from trials where study_id = ?) order by trial_id, epoch",
    )
    .bind(study.0)
    .fetch_all(read)
    .await?;
    let mut all: BTreeMap<TrialId, Vec<CurvePoint>> = BTreeMap::new();
    for row in rows {
        let trial = TrialId(row.try_get("trial_id")?);
        all.entry(trial).or_default().push(curve_point(&row)?);
    }
    Ok(all)
}
