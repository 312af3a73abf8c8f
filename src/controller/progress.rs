//! What is known of a study, kept up with the store, and what of it is news.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::ids::{StudyId, TrialId};
use crate::search::snapshot::{Scores, Snapshot};
use crate::store::{Store, StoreError};

/// Estimating the time that is left takes at most this share of the time, one in so many.
const ESTIMATE_SHARE: u32 = 50;

/// A snapshot, and how far those trials are that have not finished.
#[derive(Debug)]
pub(super) struct Progress {
    study: StudyId,
    pub(super) snapshot: Snapshot,
    epochs: BTreeMap<TrialId, u32>,
    estimate_again: Instant,
}

/// What is new about a trial.
#[derive(Debug, PartialEq)]
pub(super) enum News {
    /// One more epoch.
    Epoch(u32, Scores),
    /// It ended.
    Finished,
}

impl Progress {
    /// Takes in what is there at the start: old news.
    pub(super) async fn of(store: &Store, study: StudyId) -> Result<Self, StoreError> {
        let snapshot = store.snapshot(study).await?;
        let trials = snapshot.stages.iter().flat_map(|stage| &stage.trials);
        let open = trials.filter(|trial| !trial.state.is_finished());
        let epochs =
            open.map(|trial| (trial.id, trial.curve.last().map_or(0, |point| point.epoch))).collect();
        Ok(Self { study, snapshot, epochs, estimate_again: Instant::now() })
    }

    /// Looks at the store. News since the last call, in the order of trials.
    pub(super) async fn refresh(&mut self, store: &Store) -> Result<Vec<(TrialId, News)>, StoreError> {
        let changed = store.refresh(self.study, &mut self.snapshot).await?;
        let mut news = Vec::new();
        for id in changed {
            let Some((_, trial)) = self.snapshot.trial(id) else { continue };
            let epochs = self.epochs.remove(&id).unwrap_or(0);
            if let Some(last) = trial.curve.last().filter(|last| last.epoch > epochs) {
                news.push((id, News::Epoch(last.epoch, last.scores)));
            }
            match trial.state.is_finished() {
                true => news.push((id, News::Finished)),
                false => {
                    self.epochs.insert(id, trial.curve.last().map_or(0, |point| point.epoch));
                }
            }
        }
        Ok(news)
    }

    /// Whether it is time to estimate again how long the study will take.
    pub(super) fn wants_estimate(&self) -> bool {
        Instant::now() >= self.estimate_again
    }

    /// Notes how long an estimate took, which a study of thousands of trials makes long.
    pub(super) fn estimated(&mut self, took: Duration) {
        self.estimate_again = Instant::now() + took * ESTIMATE_SHARE;
    }
}
