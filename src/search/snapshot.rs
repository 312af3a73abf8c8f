//! What a decision is made on, and what a decision is: plain data, read from a store or from a table of
//! recorded results.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::candidate::Document;
use super::cost::Cost;
use super::state::TrialState;
use super::trials::Trials;
use crate::ids::{EnqueuedId, TrialId};
pub use crate::seld::metric::ValidationScores as Scores;

/// Values of a stage's parameters by key path, in key order.
pub type Assignment = BTreeMap<String, Value>;

/// One point of a learning curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Finished epochs, from 1.
    pub epoch: u32,
    /// Mean loss over the training chunks of this epoch.
    pub train_loss: f64,
    /// Mean loss over the validation chunks.
    pub val_loss: f64,
    /// Validation scores after this epoch.
    pub scores: Scores,
    /// Wall-clock seconds that this epoch took, validation included.
    pub seconds: f64,
}

/// A trial as a decision sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialView {
    /// Its id.
    pub id: TrialId,
    /// Position in its stage, from 0, in the order of proposal.
    pub number: u32,
    /// The sampled values.
    pub parameters: Assignment,
    /// The whole architecture document.
    pub architecture: Document,
    /// 0 for a sampled candidate; 1, 2, ... for its repetitions with other seeds.
    pub repeat: u32,
    /// For a repetition: the trial it repeats.
    pub repeat_of: Option<TrialId>,
    /// Where it stands.
    pub state: TrialState,
    /// Epochs reported so far, in order.
    pub curve: Vec<CurvePoint>,
    /// Scores of the best epoch, for complete trials.
    pub scores: Option<Scores>,
    /// What it costs, once its network was built.
    pub cost: Option<Cost>,
}

/// A stage as a decision sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct StageView {
    /// The stage's name.
    pub name: String,
    /// All its trials by number.
    pub trials: Trials,
    /// The winner, once the stage is complete.
    pub winner: Option<TrialId>,
    /// Architectures that people want tried, in the order in which they came, without those that were.
    pub enqueued: Vec<(EnqueuedId, Value)>,
    /// What earlier stages showed about its choices when it began.
    pub rulings: Vec<Ruling>,
}

impl StageView {
    /// A stage that has just begun.
    pub fn new(name: String) -> Self {
        Self { name, trials: Trials::default(), winner: None, enqueued: Vec::new(), rulings: Vec::new() }
    }
}

/// A study as a decision sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The study's seed.
    pub seed: u64,
    /// Stages begun so far, in order; the last one is current unless it has a winner.
    pub stages: Vec<StageView>,
}

impl Snapshot {
    /// A study of which no stage has begun.
    pub fn new(seed: u64) -> Self {
        Self { seed, stages: Vec::new() }
    }

    /// The stage at this position with its trial of this id, which is looked for among the latest first.
    pub fn trial(&self, id: TrialId) -> Option<(&StageView, &TrialView)> {
        self.stages.iter().rev().find_map(|stage| Some((stage, &stage.trials[stage.trials.position(id)?])))
    }

    /// The winner of the last stage that has one.
    pub fn winner(&self) -> Option<TrialId> {
        self.stages.iter().rev().find_map(|stage| stage.winner)
    }
}

/// A trial to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// Position in its stage.
    pub number: u32,
    /// The sampled values.
    pub parameters: Assignment,
    /// The whole architecture document.
    pub architecture: Value,
    /// Seed of training, the same for every candidate with the same `repeat`.
    pub seed: u64,
    /// See [`TrialView::repeat`].
    pub repeat: u32,
    /// See [`TrialView::repeat_of`].
    pub repeat_of: Option<TrialId>,
    /// The trial that was pruned and is tried again with this one.
    pub again_of: Option<TrialId>,
    /// Epochs to train.
    pub epochs: u32,
    /// The trial whose weights it begins with, where they fit.
    pub init_from: Option<TrialId>,
    /// What it was made of, where somebody wanted it tried.
    pub enqueued: Option<EnqueuedId>,
}

/// What becomes of a choice that an earlier stage showed to be worse than another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is not tried again.
    Drop,
    /// It is tried less often.
    Rarely,
}

impl Action {
    /// The one text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Rarely => "rarely",
        }
    }

    /// The action of this text form.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Drop, Self::Rarely].into_iter().find(|action| action.as_str() == text)
    }
}

/// A choice of a stage that is not tried as it stands in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    /// The parameter.
    pub parameter: String,
    /// The value.
    pub value: Value,
    /// What becomes of it.
    pub action: Action,
    /// Why, for people.
    pub reason: String,
}

/// What to do next with a study.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Add this trial to the current stage.
    Propose(Proposal),
    /// Close the current stage: this trial won, for this reason.
    EndStage {
        /// The winner.
        winner: TrialId,
        /// The evidence, for people.
        reason: String,
    },
    /// Close the current stage without a winner.
    FailStage {
        /// Why.
        reason: String,
    },
    /// Begin the stage at this position of the space file.
    BeginStage {
        /// Position, from 0.
        position: usize,
        /// What earlier stages showed about its choices.
        rulings: Vec<Ruling>,
    },
    /// All stages have a winner.
    Finish,
}

/// What to do with a running trial after an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Train on.
    Continue,
    /// End it, for this reason.
    Prune {
        /// The comparison that decided, for people.
        reason: String,
    },
}
