//! One turn of the loop: what the search decides on a snapshot, carried out on the store.

use super::error::ControllerError;
use super::key::trial_key;
use super::notice::{Notice, Watch};
use super::study::Opened;
use crate::search::snapshot::{Decision, Snapshot};
use crate::search::state::{StageState, StudyState};
use crate::search::{self, StageSpec};
use crate::store::StoreError;

/// What a turn led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    /// Something was decided: look again.
    Decided,
    /// Nothing to do before a trial ends.
    Waiting,
    /// All stages have a winner.
    Complete,
    /// A stage ended without a winner.
    Failed(String),
}

/// Decides on `snapshot` and writes the decisions, one transaction each.
pub(super) async fn turn(
    opened: &Opened,
    snapshot: &Snapshot,
    watch: &mut dyn Watch,
) -> Result<Turn, ControllerError> {
    let decisions = search::decide(&opened.space, snapshot, opened.study.settings.workers, &opened.appraiser);
    let mut turn = Turn::Waiting;
    for decision in decisions {
        turn = carry_out(opened, snapshot, decision, watch).await?;
    }
    Ok(turn)
}

async fn carry_out(
    opened: &Opened,
    snapshot: &Snapshot,
    decision: Decision,
    watch: &mut dyn Watch,
) -> Result<Turn, ControllerError> {
    let Opened { store, study, space, .. } = opened;
    let current = snapshot.stages.len().saturating_sub(1);
    let name = || space.stages.get(current).map_or_else(String::new, |stage| stage.name.clone());
    match decision {
        Decision::BeginStage { position, rulings } => {
            store.begin_stage(study.id, position, &rulings).await?;
            if let Some(stage) = space.stages.get(position) {
                watch.notice(&stage_began(position, space.stages.len(), stage));
            }
            rulings.into_iter().for_each(|ruling| watch.notice(&Notice::Ruled(ruling)));
        }
        Decision::Propose(proposal) => {
            let stage = store.stage_at(study.id, current).await?;
            let weights = opened.weights.digest(&proposal.architecture);
            let init_from = match proposal.init_from {
                Some(trial) => Some(store.trial(trial).await?.key),
                None => None,
            };
            let key = trial_key(study, &proposal, weights.as_deref(), init_from.as_deref());
            let trial = store.add_trial(stage, &proposal, &key).await?;
            let (parameters, repeat_of) = (proposal.parameters, proposal.repeat_of);
            watch.notice(&Notice::Proposed { trial, parameters, repeat_of });
        }
        Decision::EndStage { winner, reason } => {
            let stage = store.stage_at(study.id, current).await?;
            store.end_stage(stage, winner, &reason).await?;
            watch.notice(&Notice::StageEnded { stage: name(), winner, reason });
        }
        Decision::FailStage { reason } => {
            let stage = store.stage_at(study.id, current).await?;
            match store.fail_stage(stage, &reason).await {
                // A controller that died right here has done it already.
                Err(StoreError::Transition { from, .. }) if from == StageState::Failed.as_str() => {}
                other => other?,
            }
            store.set_study_state(study.id, StudyState::Failed).await?;
            watch.notice(&Notice::StageFailed { stage: name(), reason: reason.clone() });
            return Ok(Turn::Failed(reason));
        }
        Decision::Finish => {
            store.set_study_state(study.id, StudyState::Complete).await?;
            return Ok(Turn::Complete);
        }
    }
    Ok(Turn::Decided)
}

fn stage_began(position: usize, of: usize, stage: &StageSpec) -> Notice {
    Notice::StageBegan {
        position,
        of,
        stage: stage.name.clone(),
        trials: stage.budget.candidates(),
        epochs: stage.budget.epochs,
    }
}
