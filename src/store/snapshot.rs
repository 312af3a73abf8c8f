//! A study as the search sees it.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::enqueue;
use super::error::StoreError;
use super::row::{assignment, count, curve_point, json, scores, state};
use super::sqlite::Store;
use crate::ids::{StudyId, TrialId};
use crate::search::candidate::Document;
use crate::search::cost::Cost;
use crate::search::snapshot::{Action, CurvePoint, Ruling, Snapshot, StageView, TrialView};
use crate::search::state::TrialState;

impl Store {
    /// All stages begun so far with their trials, parameters and curves, at one moment.
    pub async fn snapshot(&self, study: StudyId) -> Result<Snapshot, StoreError> {
        let seed: Option<i64> = sqlx::query_scalar("select seed from studies where id = ?")
            .bind(study.0)
            .fetch_optional(&self.pool)
            .await?;
        let seed = seed.ok_or(StoreError::UnknownId { kind: "study", id: study.0 })?.cast_unsigned();
        let mut snapshot = Snapshot::new(seed);
        self.refresh(study, &mut snapshot).await?;
        Ok(snapshot)
    }

    /// Brings a snapshot of the same study up to now. Returns the trials that were added, or had not been finished, in the
    /// order of their ids: of a study of thousands a few, because finished ones never change.
    pub async fn refresh(&self, study: StudyId, snapshot: &mut Snapshot) -> Result<Vec<TrialId>, StoreError> {
        let last =
            snapshot.stages.iter().filter_map(|stage| stage.trials.last_id()).max().map_or(0, |id| id.0);
        let open = snapshot.stages.iter().flat_map(|stage| stage.trials.open());
        let open: Vec<i64> = open.map(|trial| trial.id.0).collect();
        let open = serde_json::Value::from(open).to_string();
        let mut read = self.read().await?;
        let positions = stages(&mut read, study, snapshot).await?;
        let rows = sqlx::query(
            // By id, of which there are few, and not by study: the plus keeps SQLite from that.
            "select *, exists (select 1 from trial_curves where trial_id = trials.id) as has_curve from trials
             where id in (select id from trials where id > ?2 union all select value from json_each(?3))
               and +study_id = ?1 order by id",
        )
        .bind(study.0)
        .bind(last)
        .bind(&open)
        .fetch_all(&mut *read)
        .await?;
        let have_curves = rows.iter().map(|row| row.try_get::<bool, _>("has_curve"));
        let mut curves = match have_curves.collect::<Result<Vec<bool>, _>>()?.contains(&true) {
            true => curves(&mut read, study, last, &open).await?,
            false => BTreeMap::new(),
        };
        let mut changed = Vec::with_capacity(rows.len());
        for row in rows {
            let id = TrialId(row.try_get("id")?);
            let Some(stage) = positions.get(&row.try_get("stage_id")?) else { continue };
            let trials = &mut snapshot.stages[*stage].trials;
            let state: TrialState = state(&row, "state")?;
            let scores = (state == TrialState::Complete).then(|| scores(&row)).transpose()?;
            let curve = curves.remove(&id).unwrap_or_default();
            let cost = cost(&row)?;
            changed.push(id);
            if let Some(at) = trials.position(id) {
                trials.change(at, |known| {
                    (known.state, known.scores, known.curve, known.cost) = (state, scores, curve, cost);
                });
                continue;
            }
            trials.insert(TrialView {
                id,
                number: count(&row, "number")?,
                parameters: assignment(&row)?,
                architecture: Document::from_text(row.try_get("architecture")?),
                repeat: count(&row, "repeat")?,
                repeat_of: row.try_get::<Option<i64>, _>("repeat_of")?.map(TrialId),
                state,
                curve,
                scores,
                cost,
            });
        }
        Ok(changed)
    }
}

/// What a trial costs, once a worker has built it. What else it takes is not kept.
fn cost(row: &SqliteRow) -> Result<Option<Cost>, StoreError> {
    let number = |column: &str| -> Result<Option<f64>, StoreError> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(|number| number as f64))
    };
    let cost = Cost { params: number("params")?, macs: number("macs")?, ..Cost::default() };
    Ok((cost != Cost::default()).then_some(cost))
}

/// Brings the stages that have begun into the snapshot, with their queues and without their trials. Returns where each is, by id.
async fn stages(
    read: &mut SqliteConnection,
    study: StudyId,
    snapshot: &mut Snapshot,
) -> Result<BTreeMap<i64, usize>, StoreError> {
    let rows = sqlx::query(
        "select id, name, winner_trial, exists (
             select 1 from enqueued where stage_id = study_stages.id and trial_id is null) as has_queue
         from study_stages
         where study_id = ? and state <> 'waiting' order by position",
    )
    .bind(study.0)
    .fetch_all(&mut *read)
    .await?;
    let mut positions = BTreeMap::new();
    let mut have_queues = false;
    for (at, row) in rows.iter().enumerate() {
        let id = row.try_get("id")?;
        positions.insert(id, at);
        have_queues |= row.try_get::<bool, _>("has_queue")?;
        let winner = row.try_get::<Option<i64>, _>("winner_trial")?.map(TrialId);
        match snapshot.stages.get_mut(at) {
            Some(known) => known.winner = winner,
            None => {
                let rulings = rulings(read, id).await?;
                snapshot.stages.push(StageView { winner, rulings, ..StageView::new(row.try_get("name")?) });
            }
        }
    }
    snapshot.stages.iter_mut().for_each(|stage| stage.enqueued.clear());
    if have_queues {
        enqueued(read, &positions, snapshot).await?;
    }
    Ok(positions)
}

/// What was ruled on the choices of a stage when it began.
async fn rulings(read: &mut SqliteConnection, stage: i64) -> Result<Vec<Ruling>, StoreError> {
    let rows = sqlx::query("select * from stage_decisions where stage_id = ? order by id")
        .bind(stage)
        .fetch_all(read)
        .await?;
    let ruling = |row: &SqliteRow| {
        let action: String = row.try_get("action")?;
        let action = Action::from_text(&action)
            .ok_or_else(|| StoreError::Damaged { what: format!("action \"{action}\" of a decision") })?;
        let (parameter, reason) = (row.try_get("parameter")?, row.try_get("reason")?);
        Ok(Ruling { parameter, value: json(row, "value")?, action, reason })
    };
    rows.iter().map(ruling).collect()
}

/// Brings what waits in the queues of stages into the snapshot.
async fn enqueued(
    read: &mut SqliteConnection,
    positions: &BTreeMap<i64, usize>,
    snapshot: &mut Snapshot,
) -> Result<(), StoreError> {
    let stages = serde_json::Value::from_iter(positions.keys().copied()).to_string();
    for (stage, id, architecture) in enqueue::waiting(read, &stages).await? {
        if let Some(at) = positions.get(&stage.0) {
            snapshot.stages[*at].enqueued.push((id, architecture));
        }
    }
    Ok(())
}

/// Of the trials after `last` and of those in `open`, a list in JSON.
async fn curves(
    read: &mut SqliteConnection,
    study: StudyId,
    last: i64,
    open: &str,
) -> Result<BTreeMap<TrialId, Vec<CurvePoint>>, StoreError> {
    let rows = sqlx::query(
        "select * from trial_curves
         where trial_id in (
             select id from trials where id > ?2 and +study_id = ?1 union all select value from json_each(?3))
         order by trial_id, epoch",
    )
    .bind(study.0)
    .bind(last)
    .bind(open)
    .fetch_all(read)
    .await?;
    let mut all: BTreeMap<TrialId, Vec<CurvePoint>> = BTreeMap::new();
    for row in rows {
        let trial = TrialId(row.try_get("trial_id")?);
        all.entry(trial).or_default().push(curve_point(&row)?);
    }
    Ok(all)
}
