//! Losses as the process takes them.

use super::super::Observation;

/// Losses further above the median than so many times the distance of the best one below it are cut off there: that of a
/// diverged candidate says that it is bad, not how bad others are.
const REACH: f64 = 2.0;

/// The losses of all candidates, cut off, with mean 0 and variance 1. One that failed is as bad as the worst; one that is
/// still being trained is taken for a middling one, so that the next one goes elsewhere (Ginsbourger et al., "Kriging is
/// well-suited to parallelize optimization", 2010: the constant liar). With them, in the same units, how far each may be off.
pub(super) fn standardised(history: &[Observation<'_>]) -> (Vec<f64>, Vec<f64>) {
    let mut known: Vec<f64> = history.iter().filter_map(Observation::loss).collect();
    if known.is_empty() {
        return (vec![0.0; history.len()], vec![0.0; history.len()]);
    }
    let best = known.iter().copied().fold(f64::INFINITY, f64::min);
    let worst = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let middle = (known.len() - 1) / 2;
    let median = *known.select_nth_unstable_by(middle, f64::total_cmp).1;
    let most = if median > best { median + REACH * (median - best) } else { worst };
    let cut_off = |o: &Observation<'_>| match o.loss() {
        Some(loss) => loss.min(most),
        None if o.running => median,
        None => worst.min(most),
    };
    let losses: Vec<f64> = history.iter().map(cut_off).collect();
    let count = losses.len() as f64;
    let mean = losses.iter().sum::<f64>() / count;
    let deviation = (losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / count).sqrt();
    let unit = if deviation > 0.0 { deviation } else { f64::INFINITY };
    // Where losses are cut off, so are doubts about them.
    let doubt = |o: &Observation<'_>| o.doubt.min(most - best) / unit;
    (losses.iter().map(|loss| (loss - mean) / unit).collect(), history.iter().map(doubt).collect())
}

/// At most `count` candidates, in the order of proposal: the better half of those places for the best ones, the others
/// evenly for all the rest.
pub(super) fn telling(losses: &[f64], count: usize) -> Vec<usize> {
    if losses.len() <= count {
        return (0..losses.len()).collect();
    }
    let mut order: Vec<usize> = (0..losses.len()).collect();
    order.sort_by(|a, b| losses[*a].total_cmp(&losses[*b]).then(a.cmp(b)));
    let rest = order.split_off(count / 2);
    let places = count - order.len();
    order.extend((0..places).map(|place| rest[place * rest.len() / places]));
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::snapshot::Assignment;

    #[test]
    fn an_outlier_does_not_drown_the_differences_of_the_others() {
        let empty = Assignment::new();
        let observe = |value: f64| Observation {
            assignment: &empty,
            value: Some(value),
            also: Vec::new(),
            doubt: 0.0,
            running: false,
        };
        let (losses, _) = standardised(&[1.0, 2.0, 3.0, 1e9].map(observe));
        assert!(losses[2] - losses[0] > 1.0, "{losses:?}");
        let mean: f64 = losses.iter().sum::<f64>() / 4.0;
        let variance = losses.iter().map(|loss| loss * loss).sum::<f64>() / 4.0;
        assert!(mean.abs() < 1e-12 && (variance - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_unknown_are_worst_when_they_failed_and_middling_while_they_run() {
        let empty = Assignment::new();
        let observe =
            |value, running| Observation { assignment: &empty, value, also: Vec::new(), doubt: 0.0, running };
        let history = [
            observe(Some(1.0), false),
            observe(Some(2.0), false),
            observe(Some(3.0), false),
            observe(None, false),
            observe(Some(f64::NAN), false),
            observe(None, true),
        ];
        let (losses, _) = standardised(&history);
        assert_eq!((losses[3], losses[4], losses[5]), (losses[2], losses[2], losses[1]));
        assert_eq!(standardised(&history[3..]).0, [0.0; 3]);
        let same = [observe(Some(1.0), false), observe(Some(1.0), false)];
        assert_eq!(standardised(&same).0, [0.0; 2]);
    }

    #[test]
    fn a_doubt_is_in_the_units_of_the_losses() {
        let empty = Assignment::new();
        let observe = |(value, doubt)| Observation {
            assignment: &empty,
            value: Some(value),
            also: Vec::new(),
            doubt,
            running: false,
        };
        let (losses, doubts) = standardised(&[(1.0, 0.0), (2.0, 0.5), (3.0, 1e9)].map(observe));
        let unit = losses[1] - losses[0];
        assert!((doubts[1] - 0.5 * unit).abs() < 1e-12 && doubts[0] == 0.0, "{losses:?} {doubts:?}");
        // No doubt is larger than the losses that are not cut off can differ.
        assert!((doubts[2] - 3.0 * unit).abs() < 1e-12);
    }

    #[test]
    fn the_best_and_some_of_the_rest_are_remembered() {
        let losses: Vec<f64> = (0..1000).map(|at| f64::from((at * 7919) % 1000)).collect();
        let telling = telling(&losses, 100);
        assert_eq!(telling.len(), 100);
        assert!(telling.is_sorted_by(|a, b| a < b));
        let best = telling.iter().filter(|at| losses[**at] < 50.0).count();
        assert_eq!(best, 50);
        assert!(telling.iter().any(|at| losses[*at] > 900.0));
        assert_eq!(super::telling(&losses[..3], 100), [0, 1, 2]);
    }
}
