//! What a search space file says, checked and with its defaults filled in.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::condition::ParameterSpace;
use super::constraint::{Constraint, Forbidden, Quantity};
use crate::ids::TrialId;
use crate::search::cost::Appraiser;
use crate::search::pruner::Pruner;
use crate::search::sampler::Sampler;
use crate::search::snapshot::{Assignment, Scores, TrialView};

/// A staged search.
#[derive(Debug, Clone)]
pub struct SearchSpace {
    /// What holds for the study as a whole.
    pub study: StudyOptions,
    /// What candidates are.
    pub subject: Subject,
    /// The document that stages without `inherit` begin from: the defaults and what the file fixes.
    pub fixed: Value,
    /// In the order in which they are searched; never empty.
    pub stages: Vec<StageSpec>,
}

/// What the parameters of a space describe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subject {
    /// Architectures, which are trained.
    #[default]
    Architecture,
    /// Rows of a table of recorded results.
    Recorded,
}

/// What holds for a study as a whole.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StudyOptions {
    /// For people.
    pub description: String,
    /// Threads of libtorch in every worker. Part of the study and not of the machine, because the order of
    /// sums, and so the last digits of a score, depends on it.
    pub threads: usize,
    /// Share of the training recordings held out for validation, in (0, 1).
    pub validation: f64,
    /// How often a trial is begun before it counts as failed.
    pub max_attempts: u32,
}

impl Default for StudyOptions {
    fn default() -> Self {
        Self { description: String::new(), threads: 1, validation: 0.25, max_attempts: 3 }
    }
}

/// One search of a study.
#[derive(Debug, Clone)]
pub struct StageSpec {
    /// Unique in the study.
    pub name: String,
    /// The earlier stage whose winner this one begins from.
    pub inherit: Option<String>,
    /// How many of the best candidates of that stage this one may begin from: which one is searched as well.
    pub inherit_top: u32,
    /// What is searched.
    pub space: ParameterSpace,
    /// What candidates may cost.
    pub constraints: Vec<Constraint>,
    /// Combinations that no candidate has.
    pub forbidden: Vec<Forbidden>,
    /// How candidates are drawn.
    pub sampler: Arc<dyn Sampler>,
    /// When running trials are ended early.
    pub pruner: Arc<dyn Pruner>,
    /// How much is spent.
    pub budget: Budget,
    /// What is optimised, and the winner chosen by.
    pub objective: Objective,
    /// What else is optimised.
    pub also: Vec<Goal>,
    /// How the winner is chosen.
    pub promote: Promote,
    /// Earlier stages whose curves the pruner compares with as well.
    pub prune_with: Vec<String>,
    /// Whether trials begin with the weights of the winner of `inherit`, where these fit.
    pub warm_start: bool,
    /// A trial of the store, of any study, whose weights trials begin with where these fit.
    pub init_from: Option<TrialId>,
}

/// What a stage may spend on candidates, without the repetitions of the promoted ones. It ends when any limit is reached; at
/// least one of `trials`, `total_epochs` and `seconds` is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Epochs of every trial.
    pub epochs: u32,
    /// Candidates.
    pub trials: Option<u32>,
    /// Epochs of all candidates together: what pruning saves is spent on others.
    pub total_epochs: Option<u64>,
    /// Training of all candidates together, in seconds of the devices.
    pub seconds: Option<f64>,
    /// Finished candidates in a row that were not better than the best one before them: more of them will hardly be.
    pub patience: Option<u32>,
}

impl Budget {
    /// How many candidates are trained when each takes all its epochs; `None` when only time is limited.
    pub fn candidates(&self) -> Option<u32> {
        let by_epochs = self.total_epochs.map(|total| total.div_ceil(u64::from(self.epochs.max(1))));
        let by_epochs = by_epochs.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        self.trials.into_iter().chain(by_epochs).min()
    }
}

/// How the winner of a stage is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promote {
    /// How many of the best candidates are looked at again.
    pub top_k: u32,
    /// Runs of each of them, the first included, every one with another seed.
    pub repeats: u32,
}

impl Default for Promote {
    fn default() -> Self {
        Self { top_k: 1, repeats: 1 }
    }
}

/// The validation score that a stage optimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Objective {
    /// SELD score, minimised.
    #[default]
    Seld,
    /// Error rate within 20 degrees, minimised.
    Er20,
    /// F-score within 20 degrees, maximised.
    F20,
    /// Class-dependent localization error, minimised.
    LeCd,
    /// Class-dependent localization recall, maximised.
    LrCd,
}

impl Objective {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Seld, Self::Er20, Self::F20, Self::LeCd, Self::LrCd];

    /// The name in files, tables and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seld => "seld",
            Self::Er20 => "er20",
            Self::F20 => "f20",
            Self::LeCd => "le_cd",
            Self::LrCd => "lr_cd",
        }
    }

    /// The score itself; `None` when undefined or not a finite number.
    pub fn score(self, scores: &Scores) -> Option<f64> {
        let score = match self {
            Self::Seld => scores.seld,
            Self::Er20 => scores.er20,
            Self::F20 => scores.f20,
            Self::LeCd => scores.le_cd,
            Self::LrCd => scores.lr_cd,
        };
        score.filter(|score| score.is_finite())
    }

    /// The score, turned so that lower is better.
    pub fn loss(self, scores: &Scores) -> Option<f64> {
        self.score(scores).map(|score| score * self.sign())
    }

    /// 1 where lower is better, -1 where higher is: from loss to score and back.
    pub fn sign(self) -> f64 {
        match self {
            Self::Seld | Self::Er20 | Self::LeCd => 1.0,
            Self::F20 | Self::LrCd => -1.0,
        }
    }
}

/// One of several things that a stage optimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// A validation score.
    Score(Objective),
    /// A cost, minimised.
    Cost(Quantity),
}

impl Goal {
    /// The name in files and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Score(objective) => objective.as_str(),
            Self::Cost(quantity) => quantity.as_str(),
        }
    }

    /// What a trial has of it, turned so that lower is better; `None` while it is not known.
    pub fn loss(self, trial: &TrialView) -> Option<f64> {
        match self {
            Self::Score(objective) => objective.loss(trial.scores.as_ref()?),
            Self::Cost(quantity) => quantity.of(trial.cost.as_ref()?),
        }
    }
}

impl StageSpec {
    /// Whether a candidate is none that the file rules out.
    pub(crate) fn allows(
        &self,
        assignment: &Assignment,
        document: &Value,
        appraiser: &dyn Appraiser,
    ) -> bool {
        if self.forbidden.iter().any(|forbidden| forbidden.forbids(assignment, document)) {
            return false;
        }
        // To know the cost takes a while.
        self.constraints.is_empty()
            || appraiser
                .appraise(document)
                .is_some_and(|cost| self.constraints.iter().all(|c| c.allows(&cost)))
    }
}

impl SearchSpace {
    /// The stage of this name.
    pub fn stage(&self, name: &str) -> Option<&StageSpec> {
        self.stages.iter().find(|stage| stage.name == name)
    }
}
