//! What to do next with a study.

use std::cell::OnceCell;

use rand::RngExt;
use rand::seq::SliceRandom;
use serde_json::Value;

use super::candidate::Document;
use super::cost::Appraiser;
use super::heritage::{self, Heritage};
use super::history::StageHistory;
use super::importance;
use super::sampler::{History, Request, random, scalarised};
use super::snapshot::{Assignment, Decision, Proposal, Snapshot, StageView, TrialView};
use super::space::{Parameter, SearchSpace, StageSpec, Subject, document};
use super::stage::{self, Spent};
use crate::ids::{EnqueuedId, TrialId};
use crate::rng;

/// How likely a candidate with a value that is to be tried rarely is let pass.
const LET_PASS: f64 = 0.25;
/// Draws before a sampler that keeps to known candidates is helped along.
const REDRAWS: usize = 64;
/// Finite spaces up to this size are searched to their last candidate, larger ones by as many draws.
const ENUMERATED: usize = 4096;

/// The next decisions for a study, in the order in which they are to be carried out; empty when there is nothing
/// to do but wait for running trials.
///
/// `capacity` is how many trials should be pending or running. `appraiser` is asked where a stage has constraints. With a
/// capacity of 1 the sequence of decisions is a function of the space, the seed and the trials' results alone, wherever the
/// study was interrupted.
pub fn decide(
    space: &SearchSpace,
    snapshot: &Snapshot,
    capacity: usize,
    appraiser: &dyn Appraiser,
) -> Vec<Decision> {
    let begin = |position: usize| match space.stages.get(position) {
        Some(spec) => {
            vec![Decision::BeginStage { position, rulings: heritage::rulings(space, snapshot, spec) }]
        }
        None => vec![Decision::Finish],
    };
    let position = match snapshot.stages.last() {
        None => return begin(0),
        Some(StageView { winner: Some(_), .. }) => return begin(snapshot.stages.len()),
        Some(_) => snapshot.stages.len() - 1,
    };
    let (Some(spec), view) = (space.stages.get(position), &snapshot.stages[position]) else {
        let reason = format!("the space file has no stage {}", position + 1);
        return vec![Decision::FailStage { reason }];
    };
    let Some(heritage) = Heritage::of(space, snapshot, spec, &view.rulings) else {
        let reason =
            format!("stage \"{}\" has no winner to begin from", spec.inherit.as_deref().unwrap_or("?"));
        return vec![Decision::FailStage { reason }];
    };
    let active = view.trials.open().count();
    let free = capacity.saturating_sub(active);
    let drawer = Drawer { subject: space.subject, spec, view, heritage, seed: snapshot.seed, appraiser };
    let proposals = drawer.candidates(free);
    if !proposals.is_empty() || free == 0 {
        return proposals;
    }
    if view.trials.open().any(|trial| trial.repeat == 0) {
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
        Some((winner, reason)) => {
            Decision::EndStage { winner, reason: reason + &importance::summary(spec, view) }
        }
        None if view.trials.is_empty() => Decision::FailStage {
            reason: format!(
                "no candidate of stage \"{}\" is a valid architecture that its constraints allow",
                spec.name
            ),
        },
        None => Decision::FailStage {
            reason: format!("none of the {} trials of stage \"{}\" completed", view.trials.len(), spec.name),
        },
    }
}

/// Draws the trials of a stage.
struct Drawer<'a> {
    subject: Subject,
    spec: &'a StageSpec,
    view: &'a StageView,
    heritage: Heritage,
    seed: u64,
    appraiser: &'a dyn Appraiser,
}

impl Drawer<'_> {
    /// Up to `free` new candidates; fewer when the budget or the space is used up.
    fn candidates(&self, free: usize) -> Vec<Decision> {
        let mut spent = Spent::of(self.spec, self.view);
        let mut proposals: Vec<Proposal> = self.enqueued(free);
        let mut documents: Vec<Document> =
            proposals.iter().map(|p| Document::from(&p.architecture)).collect();
        spent.trials += proposals.len() as u32;
        if proposals.len() == free || spent.is_all_of(&self.spec.budget) {
            return proposals.into_iter().map(Decision::Propose).collect();
        }
        let forecaster = OnceCell::new();
        if proposals.is_empty()
            && let Some(ended) = stage::second_chance(self.spec, self.view, &forecaster)
        {
            spent.trials += 1;
            documents.push(ended.architecture.clone());
            proposals.push(self.again(ended));
        }
        while proposals.len() < free && !spent.is_all_of(&self.spec.budget) {
            let number = (self.view.trials.len() + proposals.len()) as u32;
            let drawn = self.draw(
                number,
                &StageHistory::new(self.spec, self.view, &proposals, &forecaster),
                &documents,
            );
            let Some((parameters, architecture, document)) = drawn else { break };
            spent.trials += 1;
            documents.push(document);
            proposals.push(self.proposal(number, parameters, architecture));
        }
        proposals.into_iter().map(Decision::Propose).collect()
    }

    /// A candidate of the stage.
    fn proposal(&self, number: u32, parameters: Assignment, architecture: Value) -> Proposal {
        Proposal {
            number,
            init_from: self.init_from(&parameters),
            parameters,
            architecture,
            seed: self.trial_seed(0),
            repeat: 0,
            repeat_of: None,
            epochs: self.spec.budget.epochs,
            again_of: None,
            enqueued: None,
        }
    }

    /// A pruned candidate, from the beginning.
    fn again(&self, ended: &TrialView) -> Proposal {
        let number = self.view.trials.len() as u32;
        let (parameters, architecture) = (ended.parameters.clone(), ended.architecture.value());
        Proposal { again_of: Some(ended.id), ..self.proposal(number, parameters, architecture) }
    }

    /// Up to `free` of those that people want tried, whatever the budget, the constraints and the space say. Of the stage's
    /// parameters they have the values that their documents have, so that a sampler learns from them.
    fn enqueued(&self, free: usize) -> Vec<Proposal> {
        let proposal = |(at, (id, document)): (usize, &(EnqueuedId, Value))| {
            let mut architecture = document.clone();
            document::set(&mut architecture, document::EPOCHS, self.spec.budget.epochs.into());
            let parameters = self.spec.space.parameters().iter();
            let value = |p: &Parameter| Some((p.key.clone(), document::get(document, &p.key)?.clone()));
            let parameters: Assignment = parameters.filter_map(value).collect();
            let number = (self.view.trials.len() + at) as u32;
            Proposal { enqueued: Some(*id), ..self.proposal(number, parameters, architecture) }
        };
        self.view.enqueued.iter().take(free).enumerate().map(proposal).collect()
    }

    /// A valid architecture that the stage has not tried; `None` when there is none left.
    fn draw(
        &self,
        number: u32,
        history: &dyn History,
        proposed: &[Document],
    ) -> Option<(Assignment, Value, Document)> {
        let mut rng = rng::stream(self.seed, &[&self.spec.name, &number.to_string()]);
        let build = |assignment: Assignment| {
            let (_, base) = self.heritage.base(&assignment);
            let architecture =
                document::of_candidate(self.subject, base, &assignment, self.spec.budget.epochs)?;
            let document = Document::from(&architecture);
            let is_known = self.view.trials.has(&document) || proposed.contains(&document);
            let is_new = !is_known && self.spec.allows(&assignment, &architecture, self.appraiser);
            is_new.then_some((assignment, architecture, document))
        };
        let scalarised = match self.spec.also.is_empty() || self.spec.sampler.takes_several() {
            true => None,
            false => Some(scalarised(history.all(), &mut rng)),
        };
        let mut request = Request {
            space: &self.heritage.space,
            history: scalarised.as_ref().map_or(history, |scalarised| scalarised),
            planned: self.spec.budget.candidates().map(|count| count as usize),
            attempt: 0,
            seed: rng::derive(self.seed, &[&self.spec.name]),
        };
        for attempt in 0..REDRAWS {
            request.attempt = attempt;
            let drawn = self.spec.sampler.sample(&request, &mut rng);
            if self.heritage.is_rare(&drawn) && !rng.random_bool(LET_PASS) {
                continue;
            }
            if let Some(drawn) = build(drawn) {
                return Some(drawn);
            }
        }
        match self.heritage.space.enumerate(ENUMERATED) {
            Some(mut all) => {
                all.shuffle(&mut rng);
                all.into_iter().find_map(build)
            }
            // What is allowed may be rare.
            None => (0..ENUMERATED).find_map(|_| build(random::draw(&self.heritage.space, &mut rng))),
        }
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
                let number = (self.view.trials.len() + decisions.len()) as u32;
                let (parameters, architecture) =
                    (candidate.parameters.clone(), candidate.architecture.value());
                decisions.push(Decision::Propose(Proposal {
                    seed: self.trial_seed(repeat),
                    repeat,
                    repeat_of: Some(candidate.id),
                    ..self.proposal(number, parameters, architecture)
                }));
            }
        }
        decisions
    }

    /// The trial whose weights a candidate begins with.
    fn init_from(&self, parameters: &Assignment) -> Option<TrialId> {
        match self.spec.warm_start {
            true => self.heritage.base(parameters).0,
            false => self.spec.init_from,
        }
    }

    /// Depends on nothing but the repeat: a candidate scores the same whenever it is tried, and all candidates
    /// are compared under the same seeds.
    fn trial_seed(&self, repeat: u32) -> u64 {
        rng::derive(self.seed, &["trial", &repeat.to_string()])
    }
}

#[cfg(test)]
mod tests;
