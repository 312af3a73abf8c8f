//! What to do next with a study.

use serde_json::Value;

use super::sampler::{Observation, Request};
use super::snapshot::{Assignment, Decision, Proposal, Snapshot, StageView, TrialView};
use super::space::{SearchSpace, StageSpec, Subject, document};
use super::stage::{self, Spent};
use crate::ids::TrialId;
use crate::rng;

/// Draws before a sampler that keeps to known candidates is helped along.
const REDRAWS: usize = 64;
/// Finite spaces up to this size are searched to their last candidate.
const ENUMERATED: usize = 4096;

/// The next decisions for a study, in the order in which they are to be carried out; empty when there is nothing
/// to do but wait for running trials.
///
/// `capacity` is how many trials should be pending or running. With a capacity of 1 the sequence of decisions is
/// a function of the space, the seed and the trials' results alone, wherever the study was interrupted.
pub fn decide(space: &SearchSpace, snapshot: &Snapshot, capacity: usize) -> Vec<Decision> {
    let position = match snapshot.stages.last() {
        None => return vec![Decision::BeginStage { position: 0 }],
        Some(StageView { winner: Some(_), .. }) => {
            let position = snapshot.stages.len();
            let more = position < space.stages.len();
            return vec![if more { Decision::BeginStage { position } } else { Decision::Finish }];
        }
        Some(_) => snapshot.stages.len() - 1,
    };
    let (Some(spec), view) = (space.stages.get(position), &snapshot.stages[position]) else {
        let reason = format!("the space file has no stage {}", position + 1);
        return vec![Decision::FailStage { reason }];
    };
    let Some(base) = base(space, snapshot, spec) else {
        let reason =
            format!("stage \"{}\" has no winner to begin from", spec.inherit.as_deref().unwrap_or("?"));
        return vec![Decision::FailStage { reason }];
    };
    let active = view.trials.iter().filter(|trial| !trial.state.is_finished()).count();
    let free = capacity.saturating_sub(active);
    let init_from = match spec.warm_start {
        true => inherited(snapshot, spec).map(|winner| winner.id),
        false => spec.init_from,
    };
    let mut drawer = Drawer { subject: space.subject, spec, view, base, init_from, seed: snapshot.seed };
    let proposals = drawer.candidates(free);
    if !proposals.is_empty() || free == 0 {
        return proposals;
    }
    if view.trials.iter().any(|trial| trial.repeat == 0 && !trial.state.is_finished()) {
        return Vec::new();
    }
    let repetitions = drawer.repetitions(free);
    if !repetitions.is_empty() || active > 0 {
        return repetitions;
    }
    vec![end(spec, view)]
}

fn end(spec: &StageSpec, view: &StageView) -> Decision {
    match stage::winner(spec, view) {
        Some((winner, reason)) => Decision::EndStage { winner, reason },
        None if view.trials.is_empty() => Decision::FailStage {
            reason: format!("no candidate of stage \"{}\" is a valid architecture", spec.name),
        },
        None => Decision::FailStage {
            reason: format!("none of the {} trials of stage \"{}\" completed", view.trials.len(), spec.name),
        },
    }
}

/// The architecture that a stage's candidates differ from.
fn base(space: &SearchSpace, snapshot: &Snapshot, spec: &StageSpec) -> Option<Value> {
    match spec.inherit {
        None => Some(space.fixed.clone()),
        Some(_) => inherited(snapshot, spec).map(|winner| winner.architecture.clone()),
    }
}

/// The winner of the stage that this one inherits from.
fn inherited<'a>(snapshot: &'a Snapshot, spec: &StageSpec) -> Option<&'a TrialView> {
    let view = snapshot.stages.iter().find(|view| Some(&view.name) == spec.inherit.as_ref())?;
    view.trials.iter().find(|trial| Some(trial.id) == view.winner)
}

/// Draws the trials of a stage.
struct Drawer<'a> {
    subject: Subject,
    spec: &'a StageSpec,
    view: &'a StageView,
    base: Value,
    init_from: Option<TrialId>,
    seed: u64,
}

impl Drawer<'_> {
    /// Up to `free` new candidates; fewer when the budget or the space is used up.
    fn candidates(&mut self, free: usize) -> Vec<Decision> {
        let mut spent = Spent::of(self.view);
        let mut proposals: Vec<Proposal> = Vec::new();
        while proposals.len() < free && !spent.is_all_of(&self.spec.budget) {
            let mut history = stage::history(self.spec, self.view);
            history.extend(proposals.iter().map(|proposal| Observation {
                assignment: &proposal.parameters,
                value: None,
                running: true,
            }));
            let number = (self.view.trials.len() + proposals.len()) as u32;
            let Some((parameters, architecture)) = self.draw(number, &history, &proposals) else { break };
            spent.trials += 1;
            proposals.push(Proposal {
                number,
                parameters,
                architecture,
                seed: self.trial_seed(0),
                repeat: 0,
                repeat_of: None,
                epochs: self.spec.budget.epochs,
                init_from: self.init_from,
            });
        }
        proposals.into_iter().map(Decision::Propose).collect()
    }

    /// A valid architecture that the stage has not tried; `None` when there is none left.
    fn draw(
        &self,
        number: u32,
        history: &[Observation<'_>],
        proposals: &[Proposal],
    ) -> Option<(Assignment, Value)> {
        let mut rng = rng::stream(self.seed, &[&self.spec.name, &number.to_string()]);
        let build = |assignment: Assignment| {
            let architecture =
                document::of_candidate(self.subject, &self.base, &assignment, self.spec.budget.epochs)?;
            let candidates = self.view.trials.iter().filter(|trial| trial.repeat == 0);
            let known =
                candidates.map(|trial| &trial.architecture).chain(proposals.iter().map(|p| &p.architecture));
            let is_known = { known }.any(|known| *known == architecture);
            (!is_known).then_some((assignment, architecture))
        };
        let mut request = Request {
            space: &self.spec.space,
            history,
            planned: self.spec.budget.candidates().map(|count| count as usize),
            attempt: 0,
            seed: rng::derive(self.seed, &[&self.spec.name]),
        };
        for attempt in 0..REDRAWS {
            request.attempt = attempt;
            if let Some(drawn) = build(self.spec.sampler.sample(&request, &mut rng)) {
                return Some(drawn);
            }
        }
        let left: Vec<_> = self.spec.space.enumerate(ENUMERATED)?.into_iter().filter_map(build).collect();
        let at = rand::RngExt::random_range(&mut rng, 0..left.len().max(1));
        left.into_iter().nth(at)
    }

    /// Up to `free` repetitions of promoted candidates that were not yet proposed, best candidate first.
    fn repetitions(&self, free: usize) -> Vec<Decision> {
        let mut decisions = Vec::new();
        for candidate in stage::promoted(self.spec, self.view) {
            for repeat in 1..self.spec.promote.repeats {
                let is_this = |t: &_| {
                    let t: &TrialView = t;
                    t.repeat_of == Some(candidate.id) && t.repeat == repeat
                };
                if decisions.len() == free || self.view.trials.iter().any(is_this) {
                    continue;
                }
                decisions.push(Decision::Propose(Proposal {
                    number: (self.view.trials.len() + decisions.len()) as u32,
                    parameters: candidate.parameters.clone(),
                    architecture: candidate.architecture.clone(),
                    seed: self.trial_seed(repeat),
                    repeat,
                    repeat_of: Some(candidate.id),
                    epochs: self.spec.budget.epochs,
                    init_from: self.init_from,
                }));
            }
        }
        decisions
    }

    /// Depends on nothing but the repeat: a candidate scores the same whenever it is tried, and all candidates
    /// are compared under the same seeds.
    fn trial_seed(&self, repeat: u32) -> u64 {
        rng::derive(self.seed, &["trial", &repeat.to_string()])
    }
}

#[cfg(test)]
mod tests;
