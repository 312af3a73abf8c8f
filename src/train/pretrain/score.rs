//! How well classes are told apart.

/// Average precision of one class: the mean over its clips of the share of right ones among all that score at least as
/// high (the area under the precision-recall curve as a sum of steps; clips of one score are one step). `None` without a
/// clip of the class.
///
/// * `scores`: one a clip, higher where the class is more likely.
/// * `relevant`: whether a clip is of the class.
///
/// # Panics
/// The two differ in length.
pub fn average_precision(scores: &[f32], relevant: &[bool]) -> Option<f64> {
    assert_eq!(scores.len(), relevant.len(), "this is a bug: one score and one truth a clip");
    let mut ranked: Vec<(f32, bool)> = scores.iter().copied().zip(relevant.iter().copied()).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = relevant.iter().filter(|is| **is).count();
    let (mut seen, mut found, mut sum) = (0, 0, 0.0);
    for step in ranked.chunk_by(|a, b| a.0 == b.0) {
        let new = step.iter().filter(|(_, is)| *is).count();
        (seen, found) = (seen + step.len(), found + new);
        sum += new as f64 * found as f64 / seen as f64;
    }
    (positives > 0).then(|| sum / positives as f64)
}

/// Scores of single clips.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Average precision of every class.
    pub average_precision: Vec<Option<f64>>,
    /// Their mean, over classes that have clips: macro average precision, in 0..1.
    pub map: f64,
    /// Share of clips whose own class has the highest score, in 0..1.
    pub top1: f64,
}

impl Scores {
    /// Of clips that have one class each.
    ///
    /// * `scores`: of every clip, one a class.
    /// * `classes`: that of every clip.
    pub fn of(scores: &[Vec<f32>], classes: &[usize]) -> Self {
        let count = scores.first().map_or(0, Vec::len);
        let of_class = |class: usize| {
            let column: Vec<f32> = scores.iter().map(|clip| clip[class]).collect();
            let relevant: Vec<bool> = classes.iter().map(|own| *own == class).collect();
            average_precision(&column, &relevant)
        };
        let average_precision: Vec<Option<f64>> = (0..count).map(of_class).collect();
        let right = scores.iter().zip(classes).filter(|(clip, class)| is_highest(clip, **class)).count();
        let known: Vec<f64> = average_precision.iter().flatten().copied().collect();
        Self {
            map: known.iter().sum::<f64>() / known.len().max(1) as f64,
            top1: right as f64 / scores.len().max(1) as f64,
            average_precision,
        }
    }
}

/// Whether no other class scores as high.
fn is_highest(scores: &[f32], class: usize) -> bool {
    scores.iter().enumerate().all(|(other, score)| other == class || *score < scores[class])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-12)
    }

    #[test]
    fn equals_what_one_counts_by_hand() {
        let truth = [true, false, true, false];
        assert!(close(average_precision(&[0.9, 0.8, 0.7, 0.1], &truth), (1.0 + 2.0 / 3.0) / 2.0));
        assert!(close(average_precision(&[0.9, 0.2, 0.7, 0.1], &truth), 1.0));
        assert!(close(average_precision(&[0.1, 0.8, 0.2, 0.9], &truth), (1.0 / 3.0 + 2.0 / 4.0) / 2.0));
        // All in one step: the share of the class.
        assert!(close(average_precision(&[0.5; 4], &truth), 0.5));
        // One alone, then a step of three with the other.
        assert!(close(average_precision(&[0.9, 0.5, 0.5, 0.5], &truth), (1.0 + 2.0 / 4.0) / 2.0));
        assert_eq!(average_precision(&[0.5; 4], &[false; 4]), None);
        assert_eq!(average_precision(&[], &[]), None);
    }

    #[test]
    fn macro_scores_leave_out_classes_without_clips() {
        let clips = [vec![0.9, 0.1, 0.2], vec![0.3, 0.4, 0.9], vec![0.5, 0.5, 0.1]];
        let scores = Scores::of(&clips, &[0, 1, 1]);
        assert_eq!(scores.average_precision[2], None);
        assert!(close(scores.average_precision[0], 1.0) && close(scores.average_precision[1], 1.0));
        assert_eq!(scores.map, 1.0);
        // The second is taken for class 2, the third is undecided.
        assert!((scores.top1 - 1.0 / 3.0).abs() < 1e-12);
    }

    fn clips() -> impl Strategy<Value = Vec<(i16, bool)>> {
        prop::collection::vec((-20i16..20, any::<bool>()), 1..40)
    }

    fn split(clips: &[(i16, bool)]) -> (Vec<f32>, Vec<bool>) {
        clips.iter().map(|(score, is)| (f32::from(*score), *is)).unzip()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn only_the_order_of_scores_counts_and_not_that_of_clips(mut clips in clips()) {
            let (scores, truth) = split(&clips);
            let value = average_precision(&scores, &truth);
            let cubed: Vec<f32> = scores.iter().map(|score| score.powi(3) - 7.0).collect();
            prop_assert_eq!(average_precision(&cubed, &truth), value);
            clips.reverse();
            let (scores, truth) = split(&clips);
            let reversed = average_precision(&scores, &truth);
            prop_assert_eq!(value.is_some(), truth.contains(&true));
            if let (Some(value), Some(reversed)) = (value, reversed) {
                prop_assert!((value - reversed).abs() < 1e-12);
            }
        }

        #[test]
        fn no_ranking_is_better_than_the_right_one_and_none_worse_than_its_reverse(clips in clips()) {
            let (scores, truth) = split(&clips);
            let Some(value) = average_precision(&scores, &truth) else { return Ok(()) };
            let right: Vec<f32> = truth.iter().map(|is| f32::from(u8::from(*is))).collect();
            prop_assert_eq!(average_precision(&right, &truth), Some(1.0));
            // Every clip in a step of its own, those of the class last.
            let (others, own) = (truth.iter().filter(|is| !**is).count(), truth.iter().filter(|is| **is).count());
            let worst = (1..=own).map(|n| n as f64 / (others + n) as f64).sum::<f64>() / own as f64;
            prop_assert!((worst - 1e-12..=1.0).contains(&value), "{} < {}", value, worst);
        }
    }
}
