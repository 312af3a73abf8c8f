//! What samplers see of a stage.

use std::cell::OnceCell;

use super::pruner::Forecaster;
use super::sampler::{History, Observation};
use super::snapshot::{Proposal, StageView, TrialView};
use super::space::StageSpec;
use super::stage::{forecaster, judged};
use super::state::TrialState;

/// All candidates of a stage in the order of proposal, the ones that are only proposed last. A pruned one counts with what it
/// would have come to by the curves of those that were trained to the end; while these are too few to tell, with the best
/// score it had reached.
pub(super) struct StageHistory<'v, 'p> {
    spec: &'v StageSpec,
    view: &'v StageView,
    proposed: &'p [Proposal],
    /// Worked out only where there is something to forecast.
    forecaster: &'p OnceCell<Forecaster<'v>>,
    all: OnceCell<Vec<Observation<'p>>>,
}

impl<'v: 'p, 'p> StageHistory<'v, 'p> {
    pub(super) fn new(
        spec: &'v StageSpec,
        view: &'v StageView,
        proposed: &'p [Proposal],
        forecaster: &'p OnceCell<Forecaster<'v>>,
    ) -> Self {
        Self { spec, view, proposed, forecaster, all: OnceCell::new() }
    }

    fn of_trial(&self, trial: &'v TrialView) -> Observation<'p> {
        let belief = match trial.state {
            TrialState::Complete => {
                trial.scores.and_then(|scores| self.spec.objective.loss(&scores)).map(|loss| (loss, 0.0))
            }
            TrialState::Pruned => {
                let judged = judged(self.spec, trial);
                let forecaster = self.forecaster.get_or_init(|| forecaster(self.spec, self.view));
                let reached = || judged.curve.best(judged.curve.epoch()).filter(|loss| loss.is_finite());
                let forecast = forecaster.forecast(&judged).map(|forecast| (forecast.mean, forecast.scale));
                forecast.or_else(|| Some((reached()?, 0.0)))
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

    fn of_proposal(proposal: &'p Proposal) -> Observation<'p> {
        Observation {
            assignment: &proposal.parameters,
            value: None,
            also: Vec::new(),
            doubt: 0.0,
            running: true,
        }
    }
}

impl History for StageHistory<'_, '_> {
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
