//! Candidates compared by several losses: which dominate which, how crowded they lie, and one loss in place of several.
//!
//! Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II" (2002).

use rand::{Rng, RngExt};

use super::Observation;

/// How much the sum of the losses counts beside the largest.
const SUM: f64 = 0.05;

/// All losses of a candidate, lower is better.
pub(super) type Losses = Vec<f64>;

/// All losses of a candidate that has been trained; `None` for others.
pub(super) fn losses(observation: &Observation<'_>) -> Option<Losses> {
    let all = || observation.loss().into_iter().chain(observation.also.iter().copied());
    is_known(observation).then(|| all().collect())
}

/// Whether a candidate has been trained.
pub(super) fn is_known(observation: &Observation<'_>) -> bool {
    observation.loss().is_some() && observation.also.iter().all(|loss| loss.is_finite())
}

/// Whether `a` is nowhere worse than `b` and somewhere better.
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| a <= b) && a.iter().zip(b).any(|(a, b)| a < b)
}

/// The front of each: 0 where no other dominates it, 1 where only those of front 0 do, and so on.
pub(super) fn fronts(all: &[Losses]) -> Vec<usize> {
    let mut front = vec![usize::MAX; all.len()];
    let mut left: Vec<usize> = (0..all.len()).collect();
    for number in 0.. {
        let is_free = |at: &usize| left.iter().all(|other| !dominates(&all[*other], &all[*at]));
        let (free, rest): (Vec<usize>, Vec<usize>) = left.iter().partition(|at| is_free(at));
        free.iter().for_each(|at| front[*at] = number);
        left = rest;
        // Losses that are no numbers would dominate each other in no order.
        if left.is_empty() || free.is_empty() {
            break;
        }
    }
    front
}

/// How far the neighbours of each within its front are apart, summed over losses in units of their range; infinite at the ends.
pub(super) fn crowding(all: &[Losses], front: &[usize]) -> Vec<f64> {
    let mut crowding = vec![0.0; all.len()];
    let last = front.iter().copied().filter(|front| *front != usize::MAX).max().unwrap_or(0);
    for number in 0..=last {
        let members: Vec<usize> = (0..all.len()).filter(|at| front[*at] == number).collect();
        (0..all.first().map_or(0, Vec::len)).for_each(|loss| {
            let mut order: Vec<(usize, f64)> = members.iter().map(|at| (*at, all[*at][loss])).collect();
            order.sort_by(|a, b| a.1.total_cmp(&b.1));
            let (Some(first), Some(end)) = (order.first(), order.last()) else { return };
            let range = end.1 - first.1;
            crowding[first.0] = f64::INFINITY;
            crowding[end.0] = f64::INFINITY;
            if range > 0.0 {
                order.windows(3).for_each(|w| crowding[w[1].0] += (w[2].1 - w[0].1) / range);
            }
        });
    }
    crowding
}

/// The same candidates with one loss in place of several, by weights that are drawn: the largest weighted loss, and a little
/// of their sum, each in units of its range (Knowles, "ParEGO", 2006). From candidate to candidate another part of the front
/// is looked for.
pub(in crate::search) fn scalarised<'a>(
    history: &[Observation<'a>],
    rng: &mut dyn Rng,
) -> Vec<Observation<'a>> {
    let all: Vec<Option<Losses>> = history.iter().map(losses).collect();
    let count = history.iter().map(|o| 1 + o.also.len()).max().unwrap_or(1);
    let mut weights: Vec<f64> =
        (0..count).map(|_| -rng.random::<f64>().max(f64::MIN_POSITIVE).ln()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    let range = |at: usize| {
        let known = || all.iter().flatten().filter_map(|losses| losses.get(at)).copied();
        let low = known().fold(f64::INFINITY, f64::min);
        (low, (known().fold(f64::NEG_INFINITY, f64::max) - low).max(f64::MIN_POSITIVE))
    };
    let ranges: Vec<(f64, f64)> = (0..count).map(range).collect();
    let one = |losses: &Losses| {
        let weighted =
            losses.iter().zip(&ranges).zip(&weights).map(|((l, (low, range)), w)| w * (l - low) / range);
        weighted.clone().fold(0.0, f64::max) + SUM * weighted.sum::<f64>()
    };
    let replaced = |(observation, losses): (&Observation<'a>, &Option<Losses>)| Observation {
        value: losses.as_ref().map(one),
        also: Vec::new(),
        ..observation.clone()
    };
    history.iter().zip(&all).map(replaced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::snapshot::Assignment;

    #[test]
    fn fronts_peel_off_one_after_another() {
        let all =
            [[1.0, 4.0], [2.0, 2.0], [4.0, 1.0], [2.0, 3.0], [4.0, 4.0], [2.0, 2.0]].map(|l| l.to_vec());
        assert_eq!(fronts(&all), [0, 0, 0, 1, 2, 0]);
        assert!(dominates(&[1.0, 2.0], &[1.0, 3.0]) && !dominates(&[1.0, 2.0], &[1.0, 2.0]));
        assert_eq!(fronts(&[]), Vec::<usize>::new());
    }

    #[test]
    fn ends_of_a_front_are_never_crowded() {
        let all = [[0.0, 10.0], [1.0, 9.0], [5.0, 5.0], [10.0, 0.0]].map(|l| l.to_vec());
        let crowding = crowding(&all, &fronts(&all));
        assert!(crowding[0].is_infinite() && crowding[3].is_infinite());
        assert!((crowding[1] - 1.0).abs() < 1e-12 && (crowding[2] - 1.8).abs() < 1e-12, "{crowding:?}");
    }

    #[test]
    fn whatever_the_weights_what_dominates_has_the_smaller_loss() {
        let empty = Assignment::new();
        let observe = |value, also: f64| Observation {
            assignment: &empty,
            value,
            also: vec![also],
            doubt: 0.0,
            running: false,
        };
        let history =
            [observe(Some(1.0), 5.0), observe(Some(2.0), 6.0), observe(Some(0.5), 9.0), observe(None, 1.0)];
        for seed in 0..50 {
            let one = scalarised(&history, &mut crate::rng::stream(seed, &["weights"]));
            let loss = |at: usize| one[at].value.unwrap();
            assert!(loss(0) < loss(1) && one[3].value.is_none());
            assert!(one.iter().all(|o| o.also.is_empty()));
        }
    }
}
