//! Gaussian-process search: try next where the loss is expected to fall furthest below the best one.
//!
//! Jones et al., "Efficient Global Optimization of Expensive Black-Box Functions" (1998).

mod acquisition;
mod losses;
mod points;
mod shape;
mod surrogate;

use std::sync::{Arc, Mutex};

use rand::{Rng, RngExt};
use serde::Deserialize;
use serde_json::Value;

use self::acquisition::Acquisition;
use self::points::{Axis, Point, axes, place};
use self::shape::Shape;
use self::surrogate::Surrogate;
use super::{Observation, Request, Sampler, random};
use crate::search::snapshot::Assignment;
use crate::search::space::{OptionsError, ParameterSpace};

/// Observations that the shape of the process is chosen by, and that the process remembers: its cost is their cube.
const SHAPED_BY: usize = 96;
const REMEMBERED: usize = 160;
/// Up to so many observations the shape is chosen anew for each, then each time that they have grown by a tenth.
const ANEW: usize = 24;
/// Least and most candidates drawn at random first, unless the options say how many.
const STARTUP: (usize, usize) = (3, 8);
/// The latest candidates, looked at for having taught something.
const LATEST: usize = 12;

/// Options of the sampler.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Candidates drawn at random before the first fit; a third of those that are planned where it is not given, from 3 to 8.
    pub startup: Option<usize>,
    /// Draws of which the most promising are improved step by step.
    pub candidates: usize,
    /// Share of candidates that are drawn at random all the same, in [0, 1].
    pub exploration: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { startup: None, candidates: 200, exploration: 0.1 }
    }
}

/// The sampler.
#[derive(Debug, Default)]
pub struct GaussianProcess {
    options: Options,
    /// What the latest shape was chosen by, and the shape: to choose it again would give the same.
    latest: Mutex<Option<(Observed, Shape)>>,
}

/// Points and their losses, with mean 0 and variance 1.
type Observed = (Vec<Point>, Vec<f64>);

pub(super) fn build(options: Value) -> Result<Arc<dyn Sampler>, OptionsError> {
    let options = serde_path_to_error::deserialize::<_, Options>(options)?;
    Ok(Arc::new(GaussianProcess { options, latest: Mutex::default() }))
}

impl Sampler for GaussianProcess {
    fn sample(&self, request: &Request<'_>, rng: &mut dyn Rng) -> Assignment {
        let Request { space, history, .. } = *request;
        if history.len() < self.startup(request.planned) || rng.random_bool(self.exploration(history)) {
            return random::draw(space, rng);
        }
        let axes = axes(space);
        let shape = self.shape(space, &axes, history);
        let losses = losses::standardised(history);
        let remembered = losses::telling(&losses, REMEMBERED);
        let points = remembered.iter().map(|at| place(space, history[*at].assignment)).collect();
        let values: Vec<f64> = remembered.iter().map(|at| losses[*at]).collect();
        let Some(surrogate) = Surrogate::fit(&axes, points, &values, &shape) else {
            return random::draw(space, rng);
        };
        let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
        Acquisition { request, surrogate, best }.most_promising(&losses, self.options.candidates, rng)
    }
}

impl GaussianProcess {
    /// How many candidates are drawn at random first, of so many planned.
    fn startup(&self, planned: Option<usize>) -> usize {
        let (least, most) = STARTUP;
        let by_plan = planned.map_or(most, |planned| (planned / 3).clamp(least, most));
        // One observation has no variance.
        self.options.startup.unwrap_or(by_plan).max(2)
    }

    /// How likely the next candidate is drawn at random: the more, the more of the latest ones had exactly the loss of
    /// another. They taught nothing, as where the loss has plateaus, on which the process would go on forever.
    fn exploration(&self, history: &[Observation<'_>]) -> f64 {
        let is_tied = |o: &&Observation<'_>| {
            let loss = o.loss();
            loss.is_some() && history.iter().filter(|other| other.loss() == loss).nth(1).is_some()
        };
        let latest = &history[history.len().saturating_sub(LATEST)..];
        let tied = latest.iter().filter(is_tied).count() as f64 / latest.len().max(1) as f64;
        self.options.exploration.max(tied).clamp(0.0, 1.0)
    }

    /// The shape by the first observations, up to the last number at which it is chosen anew.
    fn shape(&self, space: &ParameterSpace, axes: &[Axis], history: &[Observation<'_>]) -> Shape {
        let mut count = ANEW;
        while count + count / 10 <= history.len() {
            count += count / 10;
        }
        let history = &history[..count.min(history.len())];
        let losses = losses::standardised(history);
        let telling = losses::telling(&losses, SHAPED_BY);
        let points: Vec<Point> = telling.iter().map(|at| place(space, history[*at].assignment)).collect();
        let values: Vec<f64> = telling.iter().map(|at| losses[*at]).collect();
        let mut latest = self.latest.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match latest.as_ref() {
            Some(((of, with), shape)) if same(of, &points) && *with == values => shape.clone(),
            _ => {
                let shape = Shape::most_probable(axes, &points, &values);
                *latest = Some(((points, values), shape.clone()));
                shape
            }
        }
    }
}

/// Whether points are the same; absence is equal to itself.
fn same(a: &[Point], b: &[Point]) -> bool {
    let bits = |points: &[Point]| points.iter().flatten().map(|x| x.to_bits()).collect::<Vec<_>>();
    a.len() == b.len() && bits(a) == bits(b)
}
