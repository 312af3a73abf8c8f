//! What only training, only validation and only testing may use.

use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::rng;

/// Share of what there is that only the test subset uses; and of what is left then, only the validation subset.
const SHARE: f64 = 0.25;

/// Which part of a dataset. No two share a source group or a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subset {
    /// For training.
    Train,
    /// For choosing epochs, architectures and thresholds.
    Validation,
    /// For testing.
    Test,
}

impl Subset {
    /// Those of a dataset without validation.
    pub const TRAIN_TEST: [Self; 2] = [Self::Train, Self::Test];
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Name in paths of random streams, and in folders of the dataset (`dev-train-...`).
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "val",
            Self::Test => "test",
        }
    }
}

/// Things of one kind, divided between the subsets.
#[derive(Debug, Clone)]
pub(super) struct Divided<T> {
    train: Vec<T>,
    validation: Vec<T>,
    test: Vec<T>,
}

impl<T> Default for Divided<T> {
    fn default() -> Self {
        Self { train: Vec::new(), validation: Vec::new(), test: Vec::new() }
    }
}

impl<T> Divided<T> {
    /// Divides between `subsets` at random: a quarter is for testing, a quarter of the rest for validation. Each subset
    /// gets at least one where there are as many. `name` and `seed` decide which; what is for testing does not depend
    /// on whether there is validation.
    pub(super) fn new(mut things: Vec<T>, subsets: &[Subset], name: &str, seed: u64) -> Self {
        things.shuffle(&mut rng::stream(seed, &["scene", "bank", name]));
        let mut spare = |subset| {
            if !subsets.contains(&subset) {
                return Vec::new();
            }
            let share = (things.len() as f64 * SHARE).round() as usize;
            let rest = things.split_off(share.max(1).min(things.len().saturating_sub(1)));
            std::mem::replace(&mut things, rest)
        };
        let (test, validation) = (spare(Subset::Test), spare(Subset::Validation));
        Self { train: things, validation, test }
    }

    /// Those of a subset.
    pub(super) fn of(&self, subset: Subset) -> &[T] {
        match subset {
            Subset::Train => &self.train,
            Subset::Validation => &self.validation,
            Subset::Test => &self.test,
        }
    }

    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        Subset::ALL.iter().all(|subset| self.of(*subset).is_empty())
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
        for count in 3..40 {
            let of_three = Divided::new((0..count).collect(), &Subset::ALL, "things", 3);
            let of_two = Divided::new((0..count).collect(), &Subset::TRAIN_TEST, "things", 3);
            for (divided, subsets) in [(&of_three, &Subset::ALL[..]), (&of_two, &Subset::TRAIN_TEST)] {
                assert!(subsets.iter().all(|subset| !divided.of(*subset).is_empty()));
                let mut all: Vec<usize> = Subset::ALL.iter().flat_map(|s| divided.of(*s)).copied().collect();
                all.sort_unstable();
                assert_eq!(all, (0..count).collect::<Vec<_>>());
            }
            assert_eq!(of_three.of(Subset::Test), of_two.of(Subset::Test));
        }
        assert!(Divided::<u8>::new(Vec::new(), &Subset::ALL, "things", 3).is_empty());
    }
}
