//! The trials of a stage, and what is asked of all of them on every turn, kept up as they change: a stage of a hundred
//! thousand is not read through to add one.

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use super::candidate::Document;
use super::snapshot::TrialView;
use super::state::TrialState;
use crate::ids::TrialId;

/// Trials by number, read as a slice.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trials {
    all: Vec<TrialView>,
    /// Where those of repeat 0 are.
    candidates: Vec<usize>,
    /// Where those are that have not finished.
    open: BTreeSet<usize>,
    /// How many trials have each.
    documents: HashMap<Document, usize>,
    last: Option<TrialId>,
    /// Epochs of all candidates.
    epochs: u64,
    /// Where the candidates are that are complete, and that were pruned.
    complete: BTreeSet<usize>,
    pruned: BTreeSet<usize>,
    memo: Memo,
}

/// What others have worked out about trials: it belongs to these, and says nothing that these do not.
#[derive(Default)]
struct Memo(Mutex<Option<Arc<dyn Any + Send + Sync>>>);

impl Clone for Memo {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Memo {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").finish_non_exhaustive()
    }
}

impl Trials {
    /// Adds a trial, wherever its number belongs.
    pub fn insert(&mut self, trial: TrialView) {
        let at = self.all.partition_point(|other| other.number < trial.number);
        if at == self.all.len() {
            *self.documents.entry(trial.architecture.clone()).or_default() += 1;
            self.all.push(trial);
            self.count_in(at);
        } else {
            // Numbers come in order but where several programs add trials at once.
            let mut all = std::mem::take(self).all;
            all.insert(at, trial);
            *self = all.into_iter().collect();
        }
    }

    /// Changes what a trial has come to: its state, curve, scores or cost. What it is stays.
    pub fn change(&mut self, at: usize, change: impl FnOnce(&mut TrialView)) {
        self.count_out(at);
        change(&mut self.all[at]);
        self.count_in(at);
    }

    /// Where the trial of this id is, which is looked for among the latest first.
    pub fn position(&self, id: TrialId) -> Option<usize> {
        let may_be = self.last >= Some(id);
        may_be.then(|| self.all.iter().rposition(|trial| trial.id == id)).flatten()
    }

    /// The trials that have not finished.
    pub fn open(&self) -> impl Iterator<Item = &TrialView> {
        self.open.iter().map(|at| &self.all[*at])
    }

    /// Sampled candidates, without their repetitions.
    pub fn candidates(&self) -> impl DoubleEndedIterator<Item = &TrialView> + ExactSizeIterator {
        self.candidates.iter().map(|at| &self.all[*at])
    }

    /// The candidate that was proposed after so many others.
    pub fn candidate(&self, at: usize) -> &TrialView {
        &self.all[self.candidates[at]]
    }

    /// Whether a trial has this document.
    pub fn has(&self, document: &Document) -> bool {
        self.documents.contains_key(document)
    }

    /// How many trials have this document.
    pub fn times(&self, document: &Document) -> usize {
        self.documents.get(document).copied().unwrap_or(0)
    }

    /// The largest id.
    pub fn last_id(&self) -> Option<TrialId> {
        self.last
    }

    /// Epochs that all candidates have been trained for.
    pub fn epochs(&self) -> u64 {
        self.epochs
    }

    /// Candidates that are complete.
    pub fn complete(&self) -> impl DoubleEndedIterator<Item = &TrialView> + ExactSizeIterator {
        self.complete.iter().map(|at| &self.all[*at])
    }

    /// Candidates that were pruned.
    pub fn pruned(&self) -> impl DoubleEndedIterator<Item = &TrialView> + ExactSizeIterator {
        self.pruned.iter().map(|at| &self.all[*at])
    }

    /// A place for what is worked out about these trials, so that it is not worked out anew on every turn. There is one, for
    /// one kind of thing; it is empty when it is asked for the first time.
    pub fn memo<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        // What a thread left behind that panicked is as good as any: its owner checks what it finds.
        let mut memo = self.memo.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = memo.as_ref().and_then(|memo| Arc::downcast(memo.clone()).ok()) {
            return known;
        }
        let new = Arc::<T>::default();
        *memo = Some(new.clone());
        new
    }

    fn count_in(&mut self, at: usize) {
        let trial = &self.all[at];
        if !trial.state.is_finished() {
            self.open.insert(at);
        }
        if trial.repeat == 0 {
            self.epochs += trial.curve.len() as u64;
            match trial.state {
                TrialState::Complete => _ = self.complete.insert(at),
                TrialState::Pruned => _ = self.pruned.insert(at),
                TrialState::Failed | TrialState::Pending | TrialState::Running => {}
            }
            if self.candidates.last().is_none_or(|last| *last < at) {
                self.candidates.push(at);
            }
        }
        self.last = self.last.max(Some(trial.id));
    }

    fn count_out(&mut self, at: usize) {
        let trial = &self.all[at];
        self.open.remove(&at);
        if trial.repeat == 0 {
            self.epochs -= trial.curve.len() as u64;
            self.complete.remove(&at);
            self.pruned.remove(&at);
        }
    }
}

impl Deref for Trials {
    type Target = [TrialView];

    fn deref(&self) -> &[TrialView] {
        &self.all
    }
}

impl FromIterator<TrialView> for Trials {
    fn from_iter<T: IntoIterator<Item = TrialView>>(trials: T) -> Self {
        let mut all = Self::default();
        trials.into_iter().for_each(|trial| all.insert(trial));
        all
    }
}

impl IntoIterator for Trials {
    type Item = TrialView;
    type IntoIter = std::vec::IntoIter<TrialView>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.into_iter()
    }
}

impl<'a> IntoIterator for &'a Trials {
    type Item = &'a TrialView;
    type IntoIter = std::slice::Iter<'a, TrialView>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::search::snapshot::{Assignment, CurvePoint, Scores};

    fn trial(number: u32, repeat: u32) -> TrialView {
        TrialView {
            id: TrialId(i64::from(number) * 3 + 1),
            number,
            parameters: Assignment::new(),
            architecture: Document::from(&serde_json::json!({"number": number / 2})),
            repeat,
            repeat_of: None,
            state: TrialState::Pending,
            curve: Vec::new(),
            scores: None,
            cost: None,
        }
    }

    fn change(trial: &mut TrialView, to: u8) {
        let all = [TrialState::Pending, TrialState::Running, TrialState::Complete, TrialState::Pruned];
        trial.state = all[usize::from(to) % all.len()];
        let epochs = usize::from(to) % 3;
        let point =
            CurvePoint { epoch: 1, train_loss: 0.0, val_loss: 0.0, scores: Scores::default(), seconds: 0.0 };
        trial.curve = vec![point; epochs];
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_kept_up_is_what_counting_gives(
            order in Just((0..12_u32).collect::<Vec<u32>>()).prop_shuffle(),
            changes in prop::collection::vec((0..12_usize, any::<u8>()), 0..40),
        ) {
            let mut trials = Trials::default();
            order.iter().for_each(|number| trials.insert(trial(*number, number % 4 / 3)));
            changes.iter().for_each(|(at, to)| trials.change(*at, |trial| change(trial, *to)));
            let candidates: Vec<&TrialView> = trials.iter().filter(|trial| trial.repeat == 0).collect();
            prop_assert!(trials.iter().map(|trial| trial.number).eq(0..12));
            prop_assert_eq!(trials.candidates().collect::<Vec<_>>(), candidates.clone());
            prop_assert_eq!(trials.candidate(3), candidates[3]);
            let open: Vec<&TrialView> = trials.iter().filter(|trial| !trial.state.is_finished()).collect();
            prop_assert_eq!(trials.open().collect::<Vec<_>>(), open);
            prop_assert_eq!(trials.epochs(), candidates.iter().map(|trial| trial.curve.len() as u64).sum::<u64>());
            let of = |state| candidates.iter().copied().filter(move |trial| trial.state == state);
            prop_assert!(trials.pruned().eq(of(TrialState::Pruned)));
            prop_assert!(trials.complete().eq(of(TrialState::Complete)));
            prop_assert_eq!((trials.last_id(), trials.position(TrialId(7))), (Some(TrialId(34)), Some(2)));
            prop_assert!(trials.has(&trial(11, 0).architecture) && !trials.has(&trial(12, 0).architecture));
            prop_assert_eq!((trials.times(&trial(11, 0).architecture), trials.times(&trial(12, 0).architecture)), (2, 0));
        }
    }
}
