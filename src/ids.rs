//! Newtypes for the identifiers that cross a part's border.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A staged search.
    StudyId(i64)
);
id!(
    /// One search of a study.
    StageId(i64)
);
id!(
    /// One candidate trained once. Unique in a store, over all its studies.
    TrialId(i64)
);
id!(
    /// An architecture that somebody wants tried.
    EnqueuedId(i64)
);
id!(
    /// One worker process.
    WorkerId(i64)
);
id!(
    /// How often a trial was claimed. Grows by one with every claim; a write with an old number is refused.
    Attempt(i64)
);
id!(
    /// A finished pass over the training data, counted from 1.
    Epoch(u32)
);
