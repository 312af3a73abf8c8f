//! The rules of one stage: what its trials say, which are promoted, which one wins, which are ended early.

use std::cell::OnceCell;

use super::pruner::{Curve, Forecaster, Judged};
use super::sampler::dominates;
use super::snapshot::{Snapshot, StageView, TrialView, Verdict};
use super::space::{Budget, SearchSpace, StageSpec};
use super::state::TrialState;
use crate::ids::TrialId;

/// The latest pruned candidates that are thought over: there may be a hundred thousand.
const RECONSIDERED: usize = 1024;

/// What to do with a trial that has just reported the last point of its curve. Its peers are the other candidates of its
/// stage and those of the stages in its `prune_with`. Repetitions of promoted candidates are never ended early, and are no
/// peers. The last candidates of a stage of which none has completed go on too, because a stage without a winner ends the
/// study. A trial that the snapshot does not have goes on.
pub fn verdict(space: &SearchSpace, snapshot: &Snapshot, trial: TrialId) -> Verdict {
    let Some((view, own)) = snapshot.trial(trial).filter(|(_, own)| own.repeat == 0) else {
        return Verdict::Continue;
    };
    let Some(spec) = space.stage(&view.name) else { return Verdict::Continue };
    // As if it were trained to its end.
    let mut spent = Spent::of(spec, view);
    spent.epochs +=
        u64::from(spec.budget.epochs) - (own.curve.len() as u64).min(u64::from(spec.budget.epochs));
    if spent.is_all_of(&spec.budget) && view.trials.iter().all(|t| t.state != TrialState::Complete) {
        return Verdict::Continue;
    }
    let compared = |other: &&StageView| other.name == view.name || spec.prune_with.contains(&other.name);
    let peers = snapshot.stages.iter().filter(compared).flat_map(|stage| {
        let number = |trial: &TrialView| (stage.name == view.name).then_some(trial.number);
        let epochs = space.stage(&stage.name).map_or(spec.budget.epochs, |stage| stage.budget.epochs);
        let peers = stage.trials.candidates().filter(|peer| peer.id != trial);
        peers.map(move |peer| Judged { number: number(peer), epochs, ..judged(spec, peer) })
    });
    let own = judged(spec, own);
    spec.pruner.judge(&own, &peers.collect::<Vec<_>>())
}

/// The pruned candidate that should be tried again, which none is twice.
pub(super) fn second_chance<'a>(
    spec: &'a StageSpec,
    view: &'a StageView,
    known: &OnceCell<Forecaster<'a>>,
) -> Option<&'a TrialView> {
    if view.trials.pruned().len() == 0 || !spec.pruner.reconsiders() {
        return None;
    }
    let is_new = |trial: &&TrialView| view.trials.times(&trial.architecture) == 1;
    let ended: Vec<&TrialView> = view.trials.pruned().rev().filter(is_new).take(RECONSIDERED).collect();
    let judged: Vec<Judged<'_>> = ended.iter().map(|trial| judged(spec, trial)).collect();
    ended.get(spec.pruner.second_chance(&judged, known.get_or_init(|| forecaster(spec, view)))?).copied()
}

/// What the complete candidates of a stage say about others.
pub(super) fn forecaster<'a>(spec: &'a StageSpec, view: &'a StageView) -> Forecaster<'a> {
    let complete = view.trials.complete().map(|trial| judged(spec, trial));
    Forecaster::going_on(complete, spec.budget.epochs, view.trials.memo())
}

/// A trial of a stage as its pruner sees it.
pub(super) fn judged<'a>(spec: &'a StageSpec, trial: &'a TrialView) -> Judged<'a> {
    Judged {
        number: Some(trial.number),
        space: &spec.space,
        parameters: &trial.parameters,
        curve: Curve::new(&trial.curve, spec.objective),
        epochs: spec.budget.epochs,
    }
}

/// What the candidates of a stage have taken so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spent {
    pub(super) trials: u32,
    epochs: u64,
    seconds: f64,
    /// Finished candidates in a row that were not better than the best one before them.
    idle: u32,
}

impl Spent {
    /// What is not limited and takes long to count is not counted.
    pub(super) fn of(spec: &StageSpec, view: &StageView) -> Self {
        let curves = || view.trials.candidates().flat_map(|trial| &trial.curve);
        let seconds = || curves().map(|point| point.seconds).sum();
        Self {
            trials: view.trials.candidates().len() as u32,
            epochs: view.trials.epochs(),
            seconds: spec.budget.seconds.map_or(0.0, |_| seconds()),
            idle: spec.budget.patience.map_or(0, |_| idle(spec, view)),
        }
    }

    pub(super) fn is_all_of(&self, budget: &Budget) -> bool {
        budget.trials.is_some_and(|trials| self.trials >= trials)
            || budget.total_epochs.is_some_and(|epochs| self.epochs >= epochs)
            || budget.seconds.is_some_and(|seconds| self.seconds >= seconds)
            || budget.patience.is_some_and(|patience| self.idle >= patience)
    }
}

fn idle(spec: &StageSpec, view: &StageView) -> u32 {
    let finished = view.trials.candidates().filter(|trial| trial.state.is_finished());
    let mut best = f64::INFINITY;
    finished.fold(0, |idle, trial| match trial.state {
        TrialState::Complete if loss(spec, trial) < best => {
            best = loss(spec, trial);
            0
        }
        // Before the first complete one there is nothing to be better than.
        _ if best == f64::INFINITY => 0,
        _ => idle + 1,
    })
}

/// The loss of a complete trial; infinite when its score is undefined.
fn loss(spec: &StageSpec, trial: &TrialView) -> f64 {
    trial.scores.and_then(|scores| spec.objective.loss(&scores)).unwrap_or(f64::INFINITY)
}

/// The winner of a stage, and the best of its other candidates: at most `count`. `None` without a winner.
pub(super) fn best<'a>(spec: &StageSpec, view: &'a StageView, count: usize) -> Option<Vec<&'a TrialView>> {
    let winner = view.trials.iter().find(|trial| Some(trial.id) == view.winner)?;
    let is_other = |trial: &&TrialView| trial.id != winner.id && Some(trial.id) != winner.repeat_of;
    let mut all = vec![winner];
    all.extend(complete(spec, view).into_iter().filter(is_other).take(count.saturating_sub(1)));
    Some(all)
}

/// All complete candidates, best first; of equal ones the earlier.
fn complete<'a>(spec: &StageSpec, view: &'a StageView) -> Vec<&'a TrialView> {
    let mut complete: Vec<&TrialView> = view.trials.complete().collect();
    complete.sort_by(|a, b| loss(spec, a).total_cmp(&loss(spec, b)));
    complete
}

/// The best complete candidates, at most as many as are promoted; of equal ones the earlier.
pub(super) fn promoted<'a>(spec: &StageSpec, view: &'a StageView) -> Vec<&'a TrialView> {
    let mut promoted = complete(spec, view);
    promoted.truncate(spec.promote.top_k as usize);
    promoted
}

/// The winner of a stage and the evidence for it; `None` without any complete candidate.
///
/// Promoted candidates are compared by an upper confidence bound of their mean loss: mean + s / sqrt(n), where
/// n counts a candidate's complete runs and s is the standard deviation of runs about their candidate's mean,
/// pooled over all promoted candidates, because a single one has too few runs to know its own. So a candidate
/// with fewer complete runs must be better by more than the noise. One that has a failed run comes after all
/// that have none. The winner is represented by its best run.
pub(super) fn winner(spec: &StageSpec, view: &StageView) -> Option<(TrialId, String)> {
    let teams: Vec<Team> =
        promoted(spec, view).into_iter().map(|trial| Team::of(spec, view, trial)).collect();
    let (squares, freedom) = teams.iter().fold((0.0, 0), |(squares, freedom), team| {
        (squares + team.squares(), freedom + team.losses.len() - 1)
    });
    let noise = if freedom > 0 { (squares / freedom as f64).sqrt() } else { 0.0 };
    let bound = |team: &Team| team.mean() + noise / (team.losses.len() as f64).sqrt();
    let mut order: Vec<&Team> = teams.iter().collect();
    order.sort_by(|a, b| a.failed.cmp(&b.failed).then(bound(a).total_cmp(&bound(b))));
    let first = *order.first()?;
    let best = first.best;
    let (sign, name) = (spec.objective.sign(), spec.objective.as_str());
    let describe = |team: &Team| {
        let (mean, runs) = (team.mean() * sign, team.losses.len());
        match runs {
            1 => format!("{mean:.4}"),
            _ => format!("{mean:.4} ± {:.4} (mean of {runs} seeds)", noise / (runs as f64).sqrt()),
        }
    };
    let mut reason = format!("{name} {}", describe(first));
    if let Some(second) = order.get(1) {
        reason.push_str(&format!("; next is trial {} with {}", second.candidate, describe(second)));
    }
    let front = front(spec, view);
    if !front.is_empty() {
        let goals = spec.also.iter().map(|goal| goal.as_str());
        let names: Vec<&str> = std::iter::once(name).chain(goals).collect();
        let trials: Vec<String> = front.iter().map(TrialId::to_string).collect();
        reason.push_str(&format!(
            "; no trial is better in {} than {}",
            names.join(" and "),
            trials.join(", ")
        ));
    }
    Some((best, reason))
}

/// The complete candidates that no other dominates, where there are several objectives.
fn front(spec: &StageSpec, view: &StageView) -> Vec<TrialId> {
    if spec.also.is_empty() {
        return Vec::new();
    }
    let losses = |trial: &TrialView| -> Vec<f64> {
        let also = spec.also.iter().map(|goal| goal.loss(trial).unwrap_or(f64::INFINITY));
        std::iter::once(loss(spec, trial)).chain(also).collect()
    };
    let all: Vec<(TrialId, Vec<f64>)> =
        complete(spec, view).into_iter().map(|trial| (trial.id, losses(trial))).collect();
    let is_free = |own: &Vec<f64>| all.iter().all(|(_, other)| !dominates(other, own));
    all.iter().filter(|(_, own)| is_free(own)).map(|(id, _)| *id).collect()
}

/// A promoted candidate with its repetitions.
struct Team {
    candidate: TrialId,
    /// Of complete runs; never empty.
    losses: Vec<f64>,
    best: TrialId,
    failed: bool,
}

impl Team {
    fn of(spec: &StageSpec, view: &StageView, candidate: &TrialView) -> Self {
        let is_run = |t: &&TrialView| t.id == candidate.id || t.repeat_of == Some(candidate.id);
        let mut runs: Vec<&TrialView> = view.trials.iter().filter(is_run).collect();
        let failed = runs.iter().any(|run| run.state == TrialState::Failed);
        runs.retain(|run| run.state == TrialState::Complete);
        let best = runs.iter().min_by(|a, b| loss(spec, a).total_cmp(&loss(spec, b)));
        Self {
            candidate: candidate.id,
            best: best.map_or(candidate.id, |run| run.id),
            losses: runs.iter().map(|run| loss(spec, run)).collect(),
            failed,
        }
    }

    fn mean(&self) -> f64 {
        self.losses.iter().sum::<f64>() / self.losses.len() as f64
    }

    fn squares(&self) -> f64 {
        let mean = self.mean();
        let squares: f64 = self.losses.iter().map(|loss| (loss - mean).powi(2)).sum();
        // An undefined score makes the mean infinite; it says nothing about noise.
        if squares.is_finite() { squares } else { 0.0 }
    }
}
