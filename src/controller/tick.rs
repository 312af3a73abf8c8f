//! One turn of the loop: what the search decides on a snapshot, carried out on the store.

use super::error::ControllerError;
use super::key::trial_key;
use super::notice::{Notice, Watch};
use super::study::Opened;
use crate::search::snapshot::{Decision, Proposal, Snapshot};
use crate::search::state::{StageState, StudyState};
use crate::search::{self, StageSpec};
use crate::store::{NewTrial, StoreError};

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

/// Decides on `snapshot` and writes the decisions: proposals in one transaction, any other in one of its own.
pub(super) async fn turn(
    opened: &Opened,
    snapshot: &Snapshot,
    watch: &mut dyn Watch,
) -> Result<Turn, ControllerError> {
    let decisions = search::decide(&opened.space, snapshot, opened.study.settings.workers, &opened.appraiser);
    let mut turn = Turn::Waiting;
    let mut proposals = Vec::new();
    for decision in decisions {
        match decision {
            Decision::Propose(proposal) => proposals.push(proposal),
            other => turn = carry_out(opened, snapshot, other, watch).await?,
        }
    }
    if !proposals.is_empty() {
        propose(opened, snapshot, proposals, watch).await?;
        turn = Turn::Decided;
    }
    Ok(turn)
}

/// Adds trials to the current stage.
async fn propose(
    opened: &Opened,
    snapshot: &Snapshot,
    proposals: Vec<Proposal>,
    watch: &mut dyn Watch,
) -> Result<(), ControllerError> {
    let Opened { store, study, .. } = opened;
    let stage = store.stage_at(study.id, snapshot.stages.len().saturating_sub(1)).await?;
    let mut keys = Vec::with_capacity(proposals.len());
    for proposal in &proposals {
        let weights = opened.weights.digest(&proposal.architecture);
        let init_from = match proposal.init_from {
            Some(trial) => Some(store.trial(trial).await?.key),
            None => None,
        };
        keys.push(trial_key(study, proposal, weights.as_deref(), init_from.as_deref()));
    }
    let new: Vec<NewTrial<'_>> =
        proposals.iter().zip(&keys).map(|(proposal, key)| NewTrial { proposal, key }).collect();
    let trials = store.add_trials(stage, &new).await?;
    for (trial, proposal) in trials.into_iter().zip(proposals) {
        let Proposal { parameters, repeat_of, again_of, .. } = proposal;
        watch.notice(&Notice::Proposed { trial, parameters, repeat_of, again_of });
    }
    Ok(())
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
        Decision::Propose(proposal) => propose(opened, snapshot, vec![proposal], watch).await?,
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
