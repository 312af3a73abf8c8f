//! What only training and what only testing may use.

use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::rng;

/// Share of what there is that only the test subset uses.
const TEST_SHARE: f64 = 0.25;

/// Which part of a dataset. The two share no source group and no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subset {
    /// For training.
    Train,
    /// For testing.
    Test,
}

impl Subset {
    /// Name in paths of random streams.
    pub(super) fn name(self) -> &'static str {
        if self == Self::Train { "train" } else { "test" }
    }
}

/// Things of one kind, divided between the subsets.
#[derive(Debug, Clone)]
pub(super) struct Divided<T> {
    train: Vec<T>,
    test: Vec<T>,
}

impl<T> Default for Divided<T> {
    fn default() -> Self {
        Self { train: Vec::new(), test: Vec::new() }
    }
}

impl<T> Divided<T> {
    /// Divides at random, a quarter for testing; of two or more, each subset gets at least one. `name` and `seed`
    /// decide which.
    pub(super) fn new(mut things: Vec<T>, name: &str, seed: u64) -> Self {
        things.shuffle(&mut rng::stream(seed, &["scene", "bank", name]));
        let share = (things.len() as f64 * TEST_SHARE).round() as usize;
        let train = things.split_off(share.max(1).min(things.len().saturating_sub(1)));
        Self { train, test: things }
    }

    /// Those of a subset.
    pub(super) fn of(&self, subset: Subset) -> &[T] {
        if subset == Subset::Train { &self.train } else { &self.test }
    }

    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.train.is_empty() && self.test.is_empty()
    }
}

impl<T> Divided<Vec<T>> {
    /// A random member of a random group: groups first, so that one of many takes is not heard more than one of
    /// few.
    pub(super) fn pick(&self, subset: Subset, rng: &mut ChaCha8Rng) -> Option<&T> {
        self.of(subset).choose(rng)?.choose(rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subset_gets_something_and_nothing_is_in_both() {
        for count in 2..40 {
            let divided = Divided::new((0..count).collect(), "things", 3);
            let (train, test) = (divided.of(Subset::Train), divided.of(Subset::Test));
            assert!(!train.is_empty() && !test.is_empty() && train.len() + test.len() == count);
            assert!(train.iter().all(|thing| !test.contains(thing)));
        }
        assert!(Divided::<u8>::new(Vec::new(), "things", 3).is_empty());
    }
}
