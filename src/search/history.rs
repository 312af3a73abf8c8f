//! What samplers see of a stage.

use std::cell::{LazyCell, OnceCell};

use super::pruner::Forecaster;
use super::sampler::{History, Observation};
use super::snapshot::{Proposal, StageView, TrialView};
use super::space::StageSpec;
use super::stage::judged;
use super::state::TrialState;

/// All candidates of a stage in the order of proposal, the ones that are only proposed last. A pruned one counts with what it
/// would have come to by the curves of those that were trained to the end; while these are too few to tell, with the best
/// score it had reached.
pub(super) struct StageHistory<'a> {
    spec: &'a StageSpec,
    view: &'a StageView,
    proposed: &'a [Proposal],
    forecaster: LazyCell<Forecaster<'a>, Box<dyn FnOnce() -> Forecaster<'a> + 'a>>,
    all: OnceCell<Vec<Observation<'a>>>,
}

impl<'a> StageHistory<'a> {
    pub(super) fn new(spec: &'a StageSpec, view: &'a StageView, proposed: &'a [Proposal]) -> Self {
        let forecaster = move || {
            // Only where there is something to forecast.
            let trials = (view.trials.pruned() > 0).then(|| view.trials.candidates());
            Forecaster::new(trials.into_iter().flatten().map(|trial| judged(spec, trial)), spec.budget.epochs)
        };
        Self { spec, view, proposed, forecaster: LazyCell::new(Box::new(forecaster)), all: OnceCell::new() }
    }

    fn of_trial(&self, trial: &'a TrialView) -> Observation<'a> {
        let belief = match trial.state {
            TrialState::Complete => {
                trial.scores.and_then(|scores| self.spec.objective.loss(&scores)).map(|loss| (loss, 0.0))
            }
            TrialState::Pruned => {
                let judged = judged(self.spec, trial);
                let reached = judged.curve.best(judged.curve.epoch()).filter(|loss| loss.is_finite());
                let forecast =
                    |loss| self.forecaster.forecast(&judged).map_or((loss, 0.0), |f| (f.mean, f.scale));
                reached.map(forecast)
            }
            TrialState::Failed | TrialState::Pending | TrialState::Running => None,
        };
        Observation {
            assignment: &trial.parameters,
            value: belief.map(|(loss, _)| loss),
            also: self.spec.also.iter().map(|goal| goal.loss(trial).unwrap_or(f64::INFINITY)).collect(),
            doubt: belief.map_or(0.0, |(_, doubt)| doubt),
            running: !trial.state.is_finished(),
        }
    }

    fn of_proposal(proposal: &'a Proposal) -> Observation<'a> {
        Observation {
            assignment: &proposal.parameters,
            value: None,
            also: Vec::new(),
            doubt: 0.0,
            running: true,
        }
    }
}

impl History for StageHistory<'_> {
    fn count(&self) -> usize {
        self.view.trials.candidates().len() + self.proposed.len()
    }

    fn all(&self) -> &[Observation<'_>] {
        self.all.get_or_init(|| {
            let trials = self.view.trials.candidates().map(|trial| self.of_trial(trial));
            trials.chain(self.proposed.iter().map(Self::of_proposal)).collect()
        })
    }

    fn latest(&self, count: usize) -> Vec<Observation<'_>> {
        let finished = self.view.trials.candidates().rev().filter(|trial| trial.state.is_finished());
        finished.take(count).map(|trial| self.of_trial(trial)).collect()
    }
}
