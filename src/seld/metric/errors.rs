//! Substitutions, deletions and insertions: what the error rate counts.

/// Keeps ratios of nothing by nothing defined, as in the official code.
pub(super) const EPS: f64 = f64::EPSILON;

/// Summed over blocks of frames.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Errors {
    pub(super) substitutions: u64,
    pub(super) deletions: u64,
    pub(super) insertions: u64,
}

impl Errors {
    /// Adds a block: a miss and a false alarm in the same block are one substitution.
    pub(super) fn add(&mut self, missed: u64, false_alarms: u64) {
        let both = missed.min(false_alarms);
        self.substitutions += both;
        self.deletions += missed - both;
        self.insertions += false_alarms - both;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.substitutions += other.substitutions;
        self.deletions += other.deletions;
        self.insertions += other.insertions;
    }

    /// All three together.
    pub(super) fn total(&self) -> f64 {
        (self.substitutions + self.deletions + self.insertions) as f64
    }

    /// By the names that the official code gives them.
    pub(super) fn named(&self) -> [(&'static str, Vec<f64>); 3] {
        let one = |count: u64| vec![count as f64];
        [("S", one(self.substitutions)), ("D", one(self.deletions)), ("I", one(self.insertions))]
    }
}

/// The harmonic mean of precision and recall, as the evaluators of 2019 and 2020 compute it.
pub(super) fn f_score(hits: u64, references: u64, predictions: u64) -> f64 {
    let (precision, recall) =
        (hits as f64 / (predictions as f64 + EPS), hits as f64 / (references as f64 + EPS));
    2.0 * precision * recall / (precision + recall + EPS)
}
