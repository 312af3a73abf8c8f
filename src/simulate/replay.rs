//! One search on a table.

use std::collections::BTreeSet;

use serde_json::Value;

use super::table::Table;
use crate::ids::TrialId;
use crate::search::candidate::Document;
use crate::search::snapshot::{
    Assignment, CurvePoint, Decision, Proposal, Scores, Snapshot, StageView, TrialView, Verdict,
};
use crate::search::state::TrialState;
use crate::search::{SearchSpace, decide, verdict};

/// What a search had found when a budget was spent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// In whole trainings.
    pub budget: u32,
    /// The best final value of a trial that ran to its last step; that of a failed one as long as there is none.
    pub incumbent: f64,
    /// Different rows of the table that were begun.
    pub distinct: usize,
}

/// Searches a table with one worker, deciding as the controller and the workers do, until the largest budget (in whole
/// trainings) is spent or the search ends by itself. A trial costs the share of its steps that were run.
///
/// `space` is one of [`Subject::Recorded`](crate::search::space::Subject); what a training scores is in its SELD score,
/// whatever the table recorded.
pub fn replay(table: &Table, space: &SearchSpace, budgets: &[u32], seed: u64) -> Vec<Mark> {
    let mut replay = Replay {
        table,
        space,
        snapshot: Snapshot::new(seed),
        steps: 0,
        incumbent: table.worst,
        begun: BTreeSet::new(),
        marks: Vec::new(),
        budgets: budgets.iter().copied().collect::<BTreeSet<u32>>().into_iter().collect(),
    };
    replay.run();
    replay.marks
}

struct Replay<'a> {
    table: &'a Table,
    space: &'a SearchSpace,
    snapshot: Snapshot,
    /// Run so far, of all trials.
    steps: u64,
    incumbent: f64,
    begun: BTreeSet<usize>,
    marks: Vec<Mark>,
    /// In order; those with a mark come first.
    budgets: Vec<u32>,
}

impl Replay<'_> {
    fn run(&mut self) {
        while self.marks.len() < self.budgets.len() {
            let mut is_over = true;
            for decision in decide(self.space, &self.snapshot, 1, self.table) {
                is_over = !self.carry_out(decision);
            }
            if is_over {
                break;
            }
        }
        // A search that ended by itself has found all that it finds.
        self.mark(u64::MAX);
    }

    /// Whether the search goes on.
    fn carry_out(&mut self, decision: Decision) -> bool {
        match decision {
            Decision::BeginStage { position, rulings } => {
                let name = self.space.stages[position].name.clone();
                self.snapshot.stages.push(StageView { rulings, ..StageView::new(name) });
            }
            Decision::Propose(proposal) => self.train(proposal),
            Decision::EndStage { winner, .. } => {
                if let Some(stage) = self.snapshot.stages.last_mut() {
                    stage.winner = Some(winner);
                }
            }
            Decision::FailStage { .. } | Decision::Finish => return false,
        }
        true
    }

    fn train(&mut self, proposal: Proposal) {
        let id = TrialId(1 + self.snapshot.stages.iter().map(|stage| stage.trials.len() as i64).sum::<i64>());
        let candidate: Assignment = match &proposal.architecture {
            Value::Object(values) => values.clone().into_iter().collect(),
            _ => Assignment::new(),
        };
        let row = self.table.find(&candidate);
        self.begun.extend(row);
        let Some(stage) = self.snapshot.stages.last_mut() else { return };
        let at = stage.trials.len();
        stage.trials.insert(TrialView {
            id,
            number: proposal.number,
            parameters: proposal.parameters,
            architecture: Document::from(&proposal.architecture),
            repeat: proposal.repeat,
            repeat_of: proposal.repeat_of,
            state: TrialState::Running,
            curve: Vec::new(),
            scores: None,
            cost: row.map(|row| self.table.row(row).cost),
        });
        let (state, last) = self.steps_of(id, at, row);
        let Some(stage) = self.snapshot.stages.last_mut() else { return };
        stage.trials.change(at, |trial| {
            trial.state = state;
            if state == TrialState::Complete {
                trial.scores = trial.curve.last().map(|point| point.scores);
            }
        });
        if state == TrialState::Complete {
            self.incumbent = self.incumbent.min(last.unwrap_or(f64::INFINITY));
        }
        self.mark(self.steps);
    }

    /// Runs a trial step by step until it ends, however that is; its last value.
    fn steps_of(&mut self, id: TrialId, at: usize, row: Option<usize>) -> (TrialState, Option<f64>) {
        let table = self.table;
        let Some(row) = row.map(|row| table.row(row)) else {
            // As a candidate that fails at once.
            self.spend();
            return (TrialState::Failed, None);
        };
        let mut last = None;
        for (epoch, value) in (1..).zip(&row.curve) {
            self.spend();
            let Some(value) = value.filter(|value| value.is_finite()) else {
                return (TrialState::Failed, None);
            };
            last = Some(value);
            let scores = Scores { seld: Some(value), ..Scores::default() };
            let seconds = row.cost_per_step.unwrap_or(1.0);
            let Some(stage) = self.snapshot.stages.last_mut() else { break };
            let point = CurvePoint { epoch, train_loss: value, val_loss: value, scores, seconds };
            stage.trials.change(at, |trial| trial.curve.push(point));
            let judged = verdict(self.space, &self.snapshot, id);
            if epoch < table.steps && matches!(judged, Verdict::Prune { .. }) {
                return (TrialState::Pruned, None);
            }
        }
        (TrialState::Complete, last)
    }

    fn spend(&mut self) {
        // What was begun within a budget and ends after it does not count for it.
        self.mark(self.steps);
        self.steps += 1;
    }

    /// Notes what was found by now for all budgets that are spent.
    fn mark(&mut self, steps: u64) {
        while let Some(budget) = self.budgets.get(self.marks.len()) {
            if steps < u64::from(*budget) * u64::from(self.table.steps) {
                break;
            }
            self.marks.push(Mark { budget: *budget, incumbent: self.incumbent, distinct: self.begun.len() });
        }
    }
}
