//! What a trial will have reached in the end, by what others came to that had once stood where it stands now.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::curve::Start;
use super::regression::{Prior, Regression};
use super::{Curve, Judged};

/// Fewest curves to the end that say anything.
const LEAST: usize = 3;
/// The latest trials to the end that are learnt from.
const LEARNT: usize = 512;
/// The complete trials are learnt from up to a multiple of this share of their number, one in so many.
const STEPS: usize = 128;
/// Losses further above the median than so many times the distance of the best one below it are cut off there, so that one
/// that diverged does not bend the line.
const REACH: f64 = 3.0;
/// Differences between trials stay as they are, whatever the pace,
const STANDING: Prior = Prior { slope: 1.0, weight: 1.0 };
const PACE: Prior = Prior { slope: 0.0, weight: 1.0 };
/// and what is trained says no more than that, which takes more to doubt: there are many parameters.
const TRAIT: Prior = Prior { slope: 0.0, weight: 20.0 };
/// The narrowest belief.
const TINY: f64 = 1e-12;

/// A belief about the loss that a trial will have in the end: a t distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// Its middle.
    pub mean: f64,
    /// Its scale.
    pub scale: f64,
    /// Its degrees of freedom.
    pub freedom: f64,
}

impl Forecast {
    /// Whether there is no doubt: another trial has come to this one's end.
    pub fn is_certain(&self) -> bool {
        self.scale == 0.0
    }

    /// How likely the loss will be below this one.
    pub fn chance_below(&self, loss: f64) -> f64 {
        match StudentsT::new(self.mean, self.scale.max(TINY), self.freedom) {
            Ok(belief) => belief.cdf(loss),
            Err(_) => 1.0,
        }
    }
}

/// What forecasters of one stage have worked out, kept from turn to turn as long as they learn from the same trials.
#[derive(Debug, Default)]
pub struct Learnt {
    /// The numbers of the trials that it was learnt from.
    of: Mutex<Vec<Option<u32>>>,
    /// For each number of epochs.
    lines: Mutex<BTreeMap<u32, Option<Line>>>,
    /// By number of the trial.
    forecasts: Mutex<Vec<Option<Known>>>,
}

/// The forecast for a trial when its curve had so many points.
#[derive(Debug, Clone, Copy)]
struct Known {
    points: usize,
    forecast: Option<Forecast>,
}

impl Learnt {
    /// Forgets everything unless it was learnt from these.
    fn learn_from(&self, trials: &[Judged<'_>]) {
        let numbers = trials.iter().map(|trial| trial.number);
        let mut of = lock(&self.of);
        if !of.iter().copied().eq(numbers.clone()) {
            *of = numbers.collect();
            lock(&self.lines).clear();
            lock(&self.forecasts).clear();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half written in there.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From the best loss after so many epochs, how fast it fell of late, and what was trained, to the loss in the end: Bayesian
/// linear regression over the trials that were trained to the end, one for each number of epochs.
#[derive(Debug)]
pub struct Forecaster<'a> {
    complete: Vec<Judged<'a>>,
    traits: Vec<Vec<f64>>,
    /// Which of them begin alike.
    twins: HashMap<Start, Vec<usize>>,
    best: Option<f64>,
    epochs: u32,
    learnt: Arc<Learnt>,
}

impl<'a> Forecaster<'a> {
    /// By those of the trials that came as far as `epochs`, for trials that are to be trained as long.
    pub fn new(trials: impl Iterator<Item = Judged<'a>>, epochs: u32) -> Self {
        Self::by(trials, epochs, |count| count, Arc::default())
    }

    /// The same for a stage of which these trials are complete, in the order of their numbers, with what was worked out on the
    /// turn before. Of many trials the last hundredth is not learnt from yet, so that most turns need nothing new.
    pub fn going_on(complete: impl Iterator<Item = Judged<'a>>, epochs: u32, learnt: Arc<Learnt>) -> Self {
        Self::by(complete, epochs, |count| count - count % (count / STEPS).max(1), learnt)
    }

    fn by(
        trials: impl Iterator<Item = Judged<'a>>,
        epochs: u32,
        settled: impl Fn(usize) -> usize,
        learnt: Arc<Learnt>,
    ) -> Self {
        let mut complete = Vec::new();
        let mut best = None;
        for trial in trials {
            if let Some(loss) = trial.curve.best(epochs).filter(|loss| loss.is_finite()) {
                best = Some(best.map_or(loss, |best: f64| best.min(loss)));
                complete.push(trial);
            }
        }
        complete.truncate(settled(complete.len()));
        complete.drain(..complete.len().saturating_sub(LEARNT));
        learnt.learn_from(&complete);
        let traits = complete.iter().map(Judged::traits).collect();
        let mut twins: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, trial) in complete.iter().enumerate() {
            trial.curve.start().into_iter().for_each(|start| twins.entry(start).or_default().push(at));
        }
        Self { complete, traits, twins, best, epochs, learnt }
    }

    /// How many trials came to the end, of those that it learns from.
    pub fn count(&self) -> usize {
        self.complete.len()
    }

    /// The smallest loss in the end.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// The belief about a trial that has not begun; `None` when too few are known.
    pub fn unknown(&self) -> Option<Forecast> {
        if self.count() < LEAST {
            return None;
        }
        let most = most(self.last());
        let count = self.count() as f64;
        let mean = self.last().map(|loss| loss.min(most)).sum::<f64>() / count;
        let squares: f64 = self.last().map(|loss| (loss.min(most) - mean).powi(2)).sum();
        let scale = (squares / (count - 1.0) * (1.0 + 1.0 / count)).sqrt();
        Some(Forecast { mean, scale, freedom: count - 1.0 })
    }

    /// What the trial came to whose curve this one repeats, where there is one: a parameter may say nothing where others
    /// have certain values, and all trials have the same seed.
    pub fn twin(&self, trial: &Judged<'_>) -> Option<f64> {
        let alike = self.twins.get(&trial.curve.start()?)?;
        let mut alike = alike.iter().map(|at| self.complete[*at].curve);
        alike.find(|other| trial.curve.repeats(other))?.best(self.epochs)
    }

    /// The belief about what a trial will come to; `None` when it has no loss yet, or too few are known.
    pub fn forecast(&self, trial: &Judged<'_>) -> Option<Forecast> {
        let Some(at) = trial.number.map(|number| number as usize) else { return self.work_out(trial) };
        let points = trial.curve.count();
        let known = lock(&self.learnt.forecasts).get(at).copied().flatten();
        if let Some(known) = known.filter(|known| known.points == points) {
            return known.forecast;
        }
        let forecast = self.work_out(trial);
        let mut known = lock(&self.learnt.forecasts);
        let length = known.len().max(at + 1);
        known.resize(length, None);
        known[at] = Some(Known { points, forecast });
        forecast
    }

    fn work_out(&self, trial: &Judged<'_>) -> Option<Forecast> {
        if let Some(mean) = self.twin(trial) {
            return Some(Forecast { mean, scale: 0.0, freedom: 1.0 });
        }
        let epoch = trial.curve.epoch();
        let stands = stands(&trial.curve, epoch)?;
        let mut lines = lock(&self.learnt.lines);
        let line = lines.entry(epoch).or_insert_with(|| self.line(epoch)).as_ref()?;
        Some(line.regression.at(&row(stands, line.most, &trial.traits())))
    }

    fn last(&self) -> impl Iterator<Item = f64> {
        self.complete.iter().filter_map(|trial| trial.curve.best(self.epochs))
    }

    fn line(&self, epoch: u32) -> Option<Line> {
        let triple = |(trial, traits): (&Judged<'a>, _)| {
            Some((stands(&trial.curve, epoch)?, trial.curve.best(self.epochs)?, traits))
        };
        let known: Vec<_> = self.complete.iter().zip(&self.traits).filter_map(triple).collect();
        if known.len() < LEAST {
            return None;
        }
        let most = [0, 1].map(|at| most(known.iter().map(|(stands, ..)| stands[at])));
        let most_last = self::most(known.iter().map(|(_, last, _)| *last));
        let last: Vec<f64> = known.iter().map(|(_, last, _)| last.min(most_last)).collect();
        let rows: Vec<Vec<f64>> =
            known.iter().map(|(stands, _, traits)| row(*stands, most, traits)).collect();
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut priors = vec![TRAIT; width];
        priors[..2].copy_from_slice(&[STANDING, PACE]);
        Some(Line { regression: Regression::through(&rows, &last, &priors), most })
    }
}

#[derive(Debug)]
struct Line {
    regression: Regression,
    /// Where trials stand is cut off here.
    most: [f64; 2],
}

/// Where a trial stands and what it is.
fn row(stands: [f64; 2], most: [f64; 2], traits: &[f64]) -> Vec<f64> {
    let stands = [stands[0].min(most[0]), stands[1].min(most[1])];
    stands.into_iter().chain(traits.iter().copied()).collect()
}

/// Where a curve stands after an epoch: its best loss, and how much larger that was after half of the epochs.
fn stands(curve: &Curve<'_>, epoch: u32) -> Option<[f64; 2]> {
    let now = curve.best(epoch).filter(|loss| loss.is_finite())?;
    let before = curve.best(epoch.div_ceil(2)).filter(|loss| loss.is_finite()).unwrap_or(now);
    Some([now, before - now])
}

/// Where losses that are far above the rest are cut off.
fn most(losses: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = losses.collect();
    sorted.sort_by(f64::total_cmp);
    let (best, median) = (sorted[0], sorted[(sorted.len() - 1) / 2]);
    if median > best { median + REACH * (median - best) } else { sorted[sorted.len() - 1] }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::Trial;
    use super::*;
    use crate::search::space::{Domain, Parameter, ParameterSpace};

    fn trial(losses: &[f64]) -> Trial {
        Trial { epochs: 4, ..Trial::of(0, losses) }
    }

    /// The forecast for `own` by trials of 4 epochs.
    fn forecast_by(own: &Trial, trials: &[Trial]) -> Option<Forecast> {
        Forecaster::new(trials.iter().map(Trial::judged), 4).forecast(&own.judged())
    }

    fn forecast(own: &[f64], curves: &[[f64; 4]]) -> Option<Forecast> {
        let trials: Vec<Trial> = curves.iter().map(|curve| trial(curve)).collect();
        forecast_by(&trial(own), &trials)
    }

    #[test]
    fn follows_a_line_that_the_curves_lie_on() {
        let curves = [1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4].map(|x| [x, 0.9 * x, 0.8 * x, 0.7 * x]);
        let found = forecast(&[1.5, 1.35], &curves).unwrap();
        assert!((found.mean - 1.05).abs() < 0.05 && found.scale < 0.2, "{found:?}");
        let late = forecast(&[1.5, 1.35, 1.2], &curves).unwrap();
        assert!((late.mean - 1.05).abs() < 0.05, "{late:?}");
        assert!(found.chance_below(0.5) < 0.05 && found.chance_below(1.6) > 0.95);
        assert_eq!(forecast(&[1.5], &curves[..2]), None);
        assert_eq!(forecast(&[f64::NAN], &curves), None);
    }

    #[test]
    fn what_says_nothing_leaves_the_spread_of_all() {
        let curves = [(1.0, 0.5), (1.1, 0.1), (1.2, 0.9), (1.3, 0.2), (1.4, 0.8), (1.5, 0.4)]
            .map(|(first, last)| [first, 1.0_f64.min(first), last, last]);
        let found = forecast(&[1.05], &curves).unwrap();
        assert!(found.scale > 0.25 && (found.mean - 0.5).abs() < 0.3, "{found:?}");
    }

    #[test]
    fn of_two_that_stand_equal_the_one_that_falls_faster_comes_further() {
        // A fast fall goes on as fast, from whatever it begins.
        let curves = [
            (2.0, 0.1),
            (2.2, 0.4),
            (2.1, 0.2),
            (2.4, 0.5),
            (1.9, 0.3),
            (2.3, 0.15),
            (2.0, 0.45),
            (2.2, 0.25),
        ]
        .map(|(first, fall)| [first, first - fall, first - 2.0 * fall, first - 3.0 * fall]);
        let (slow, fast) = (forecast(&[2.0, 1.9], &curves).unwrap(), forecast(&[2.3, 1.9], &curves).unwrap());
        assert!(fast.mean < slow.mean - 0.1, "{slow:?} {fast:?}");
    }

    #[test]
    fn one_that_diverged_does_not_bend_the_line() {
        let mut curves = [1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4].map(|x| [x, 0.9 * x, 0.8 * x, 0.7 * x]);
        let before = forecast(&[1.5, 1.35], &curves).unwrap();
        curves[7] = [1e9; 4];
        let after = forecast(&[1.5, 1.35], &curves).unwrap();
        assert!((before.mean - after.mean).abs() < 0.05 && after.scale < 0.3, "{before:?} {after:?}");
        let belief = Forecaster::new(std::iter::empty(), 4).unknown();
        assert_eq!(belief, None);
    }

    #[test]
    fn what_is_trained_says_what_the_curve_does_not() {
        let parameter = |key: &str, domain| Parameter { key: key.into(), domain, when: Vec::new() };
        let space = ParameterSpace::new(vec![
            parameter("kind", Domain::Choice(vec![json!("slow"), json!("fast")])),
            parameter("width", Domain::Int { low: 1, high: 64, step: 1, log: true }),
        ])
        .unwrap();
        let of = |kind: &str, losses: &[f64]| Trial {
            space: space.clone(),
            parameters: [("kind".to_owned(), json!(kind)), ("width".to_owned(), json!(8))].into(),
            ..trial(losses)
        };
        // Slow ones begin alike and end better.
        let curve = |n: u32, last: f64| {
            let first = 2.0 + 0.05 * f64::from(n * 7 % 10);
            [first, first - 0.5, first - 1.0, last + 0.01 * f64::from(n % 4)]
        };
        let known: Vec<Trial> = (0..60)
            .map(|n| if n % 3 == 0 { of("slow", &curve(n, 0.2)) } else { of("fast", &curve(n, 0.9)) })
            .collect();
        let own = [2.17, 1.67];
        let (slow, fast) = (
            forecast_by(&of("slow", &own), &known).unwrap(),
            forecast_by(&of("fast", &own), &known).unwrap(),
        );
        assert!(slow.mean < 0.4 && fast.mean > 0.7, "{slow:?} {fast:?}");
        let middling = forecast_by(&trial(&own), &known).unwrap();
        assert!((middling.mean - 0.68).abs() < 0.05, "{middling:?}");
    }

    #[test]
    fn one_that_repeats_another_comes_to_the_same() {
        let known = [[2.0, 1.0, 0.7, 0.5], [2.0, 1.1, 0.8, 0.7], [2.0, 1.2, 0.9, 0.9], [2.0, 1.2, 0.8, 0.1]];
        let same = forecast(&[2.0, 1.2, 0.8], &known).unwrap();
        assert_eq!((same.mean, same.scale), (0.1, 0.0));
        assert!(forecast(&[2.0, 1.2], &known).unwrap().scale > 0.0, "two epochs say too little");
        assert!(forecast(&[2.0, 1.2, 0.81], &known).unwrap().scale > 0.0);
    }

    #[test]
    fn what_was_worked_out_on_earlier_turns_changes_nothing() {
        let curve = |n: u32| {
            let first = 1.0 + f64::from(n * 37 % 101) / 50.0;
            [first, 0.9 * first, 0.8 * first, 0.6 * first + f64::from(n * 13 % 7) / 50.0]
        };
        let trials: Vec<Trial> = (0..400).map(|n| Trial { epochs: 4, ..Trial::of(n, &curve(n)) }).collect();
        let ended: Vec<Trial> =
            (400..420).map(|n| Trial { epochs: 4, ..Trial::of(n, &curve(n)[..2]) }).collect();
        let learnt = Arc::<Learnt>::default();
        let mut seen = Vec::new();
        // The sixth completes late.
        for (count, late) in
            [(100, false), (100, false), (101, true), (385, false), (387, true), (389, true), (390, true)]
        {
            let complete = || {
                let in_time = |trial: &&Trial| late || trial.number != Some(5);
                trials.iter().take(count).filter(in_time).map(Trial::judged)
            };
            let forecasts = |learnt: Arc<Learnt>| -> Vec<_> {
                let forecaster = Forecaster::going_on(complete(), 4, learnt);
                ended.iter().map(|trial| forecaster.forecast(&trial.judged())).collect()
            };
            let found = forecasts(learnt.clone());
            assert_eq!(found, forecasts(Arc::default()), "{count}");
            seen.push(found);
        }
        assert!(seen[0] == seen[1] && seen[1] != seen[2] && seen[3] != seen[4], "what is new is learnt from");
        assert!(seen[4] == seen[5] && seen[5] != seen[6], "every third one");
    }
}
