//! States of studies, stages and trials, and which may follow which. One text form everywhere: SQL, JSON, CLI.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that names no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} state \"{text}\"")]
pub struct UnknownState {
    kind: &'static str,
    text: String,
}

macro_rules! states {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name {
            $($(#[$vdoc])* $variant),+
        }

        impl $name {
            /// The one text form.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownState;

            fn from_str(text: &str) -> Result<Self, UnknownState> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    other => Err(UnknownState { kind: $kind, text: other.into() }),
                }
            }
        }
    };
}

states!(
    /// State of a trial.
    TrialState, "trial",
    /// Proposed, not claimed by any worker; also after an interruption.
    Pending = "pending",
    /// Claimed under a lease.
    Running = "running",
    /// Trained to its last epoch.
    Complete = "complete",
    /// Ended early by the pruner.
    Pruned = "pruned",
    /// Gave no usable result: diverged, or crashed too often.
    Failed = "failed",
);

states!(
    /// State of a stage.
    StageState, "stage",
    /// Not begun: an earlier stage is still going on.
    Waiting = "waiting",
    /// Proposing and training.
    Running = "running",
    /// Ended with a winner.
    Complete = "complete",
    /// Ended without any complete trial.
    Failed = "failed",
);

states!(
    /// State of a study.
    StudyState, "study",
    /// A controller is at work, or was when it died.
    Running = "running",
    /// Asked to stop: workers checkpoint and leave, nothing new is claimed.
    Stopping = "stopping",
    /// Stopped by the user; can be resumed.
    Stopped = "stopped",
    /// All stages ended with a winner.
    Complete = "complete",
    /// A stage failed.
    Failed = "failed",
);

impl TrialState {
    /// Whether a trial in this state never changes again.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Complete | Self::Pruned | Self::Failed)
    }

    /// Whether `next` may follow this state.
    pub fn can_become(self, next: Self) -> bool {
        use TrialState::{Complete, Failed, Pending, Pruned, Running};
        matches!(
            (self, next),
            // A pending trial completes at once when a known result is reused.
            (Pending, Running | Complete | Pruned | Failed)
                | (Running, Running | Pending | Complete | Pruned | Failed)
        )
    }
}
