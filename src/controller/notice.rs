//! What happens in a study, as told to people.

use std::fmt;

use crate::ids::TrialId;
use crate::search::snapshot::{Action, Assignment, Ruling, Scores};
use crate::search::state::TrialState;

/// Something that happened in a study. Its text is one line for people.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// A stage began.
    StageBegan {
        /// Its position, from 0.
        position: usize,
        /// Stages of the study.
        of: usize,
        /// Its name.
        stage: String,
        /// Candidates it may try; `None` when only time is limited.
        trials: Option<u32>,
        /// Epochs of each.
        epochs: u32,
    },
    /// A choice of the stage is not tried as it stands in the space file.
    Ruled(Ruling),
    /// A trial was added.
    Proposed {
        /// The trial.
        trial: TrialId,
        /// What was drawn for it.
        parameters: Assignment,
        /// The trial that it repeats with another seed.
        repeat_of: Option<TrialId>,
        /// The trial that was ended early and is tried again.
        again_of: Option<TrialId>,
    },
    /// A trial has trained one more epoch.
    Epoch {
        /// The trial.
        trial: TrialId,
        /// Finished epochs.
        epoch: u32,
        /// Scores after it.
        scores: Scores,
    },
    /// A trial ended.
    Finished {
        /// The trial.
        trial: TrialId,
        /// How.
        state: TrialState,
        /// Scores of the best epoch, for complete trials.
        scores: Option<Scores>,
        /// Why it was pruned or failed, or whose result it takes.
        detail: Option<String>,
        /// Seconds it trained.
        seconds: f64,
    },
    /// A stage ended with a winner.
    StageEnded {
        /// Its name.
        stage: String,
        /// The winner.
        winner: TrialId,
        /// The evidence.
        reason: String,
    },
    /// A stage ended without one.
    StageFailed {
        /// Its name.
        stage: String,
        /// Why.
        reason: String,
    },
    /// Estimate of what is left.
    TimeLeft {
        /// Seconds.
        seconds: f64,
    },
    /// Workers of an earlier run were found dead; their trials go on.
    DeadWorkers {
        /// How many.
        count: usize,
    },
    /// Something failed and is tried again.
    Retry {
        /// What failed.
        error: String,
    },
    /// The study is to stop; running trials write a checkpoint first.
    Stopping,
}

/// Who is told.
pub trait Watch {
    /// Called when something happened; must not block.
    fn notice(&mut self, notice: &Notice);
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StageBegan { position, of, stage, trials, epochs } => {
                write!(f, "stage {} of {of}: {stage}, ", position + 1)?;
                match trials {
                    Some(trials) => write!(f, "up to {trials} candidates of {epochs} epochs"),
                    None => write!(f, "candidates of {epochs} epochs"),
                }
            }
            Self::Ruled(Ruling { parameter, value, action, reason }) => {
                let what = match action {
                    Action::Drop => "not tried again",
                    Action::Rarely => "tried rarely",
                };
                write!(f, "{parameter}={value}: {what}, {reason}")
            }
            Self::Proposed { trial, repeat_of: Some(original), .. } => {
                write!(f, "trial {trial}: trial {original} again with another seed")
            }
            Self::Proposed { trial, again_of: Some(ended), .. } => {
                write!(f, "trial {trial}: trial {ended} again, which by now looks promising")
            }
            Self::Proposed { trial, parameters, .. } => {
                write!(f, "trial {trial}:")?;
                parameters.iter().try_for_each(|(key, value)| write!(f, " {key}={value}"))
            }
            Self::Epoch { trial, epoch, scores } => {
                write!(f, "trial {trial}: epoch {epoch}, SELD {}", Score(scores.seld))
            }
            Self::Finished { trial, state, scores, detail, seconds } => {
                write!(f, "trial {trial}: {state} after {seconds:.0} s")?;
                if let Some(s) = scores {
                    let (er, f20, le, lr) = (Score(s.er20), Score(s.f20), Score(s.le_cd), Score(s.lr_cd));
                    write!(f, ", SELD {} (ER20 {er} F20 {f20} LE_CD {le} LR_CD {lr})", Score(s.seld))?;
                }
                detail.iter().try_for_each(|detail| write!(f, ": {detail}"))
            }
            Self::StageEnded { stage, winner, reason } => write!(f, "{stage}: trial {winner} wins, {reason}"),
            Self::StageFailed { stage, reason } => write!(f, "{stage}: no winner, {reason}"),
            Self::TimeLeft { seconds } => write!(f, "about {} left", Duration(*seconds)),
            Self::DeadWorkers { count: 1 } => {
                f.write_str("1 worker of an earlier run is gone; its trial goes on")
            }
            Self::DeadWorkers { count } => {
                write!(f, "{count} workers of an earlier run are gone; their trials go on")
            }
            Self::Retry { error } => write!(f, "{error}; trying again"),
            Self::Stopping => f.write_str(
                "stopping: running trials finish their epoch first (interrupt again to stop at once)",
            ),
        }
    }
}

struct Score(Option<f64>);

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(score) => write!(f, "{score:.3}"),
            None => f.write_str("-"),
        }
    }
}

struct Duration(f64);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.max(0.0).round() as u64;
        match seconds {
            0..=90 => write!(f, "{seconds} s"),
            91..=5400 => write!(f, "{} min", (seconds + 30) / 60),
            _ => write!(f, "{} h {} min", seconds / 3600, seconds % 3600 / 60),
        }
    }
}
