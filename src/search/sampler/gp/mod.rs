//! Gaussian-process search: try next where the loss is expected to fall furthest below the best one.
//!
//! Jones et al., "Efficient Global Optimization of Expensive Black-Box Functions" (1998).

mod acquisition;
mod losses;
mod observed;
mod points;
mod shape;
mod surrogate;

use std::sync::{Arc, Mutex};

use rand::{Rng, RngExt};
use schemars::JsonSchema;
use serde::Deserialize;

use self::acquisition::Acquisition;
use self::observed::Observed;
use self::points::{Axis, axes};
use self::shape::Shape;
use self::surrogate::Surrogate;
use super::{Observation, Request, Sampler, random};
use crate::search::registry::Kind;
use crate::search::schema;
use crate::search::snapshot::Assignment;
use crate::search::space::ParameterSpace;

/// Observations that the shape of the process is chosen by, and that the process remembers: its cost is their cube.
const SHAPED_BY: usize = 96;
const REMEMBERED: usize = 160;
/// Up to so many observations the shape is chosen anew for each, then each time that they have grown by a tenth.
const ANEW: usize = 24;
/// Least and most candidates drawn at random first, unless the options say how many.
const STARTUP: (usize, usize) = (3, 8);
/// Observations after which the shape stays: those that it is chosen by are few of so many.
const SETTLED: usize = 4096;
/// The latest candidates, looked at for having taught something.
const LATEST: usize = 6;

/// Options of the sampler.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
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

pub(super) const KIND: Kind<dyn Sampler> = Kind {
    name: "gp",
    build: |options| {
        serde_path_to_error::deserialize(options)
            .map(|options| Arc::new(GaussianProcess { options, latest: Mutex::default() }) as _)
    },
    options: schema::of::<Options>,
};

impl Sampler for GaussianProcess {
    fn sample(&self, request: &Request<'_>, rng: &mut dyn Rng) -> Assignment {
        let Request { space, history, .. } = *request;
        if history.count() < self.startup(request.planned) {
            return random::draw(space, rng);
        }
        let history = history.all();
        if rng.random_bool(self.exploration(history)) {
            return random::draw(space, rng);
        }
        let axes = axes(space);
        let shape = self.shape(space, &axes, history);
        let (losses, doubts) = losses::standardised(history);
        let remembered = losses::telling(&losses, REMEMBERED);
        let observed = Observed::of(space, history, &losses, &doubts, &remembered);
        let Some(surrogate) = Surrogate::fit(&axes, &observed, &shape) else {
            return random::draw(space, rng);
        };
        let known = losses.iter().zip(&doubts).filter(|(_, doubt)| **doubt == 0.0).map(|(loss, _)| *loss);
        let best = known.fold(f64::INFINITY, f64::min);
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

    /// How likely the next candidate is drawn at random: the more, the more of the latest ones that were trained to the end
    /// had exactly the loss of another. They taught nothing, as where the loss has plateaus, on which the process would go on
    /// forever.
    fn exploration(&self, history: &[Observation<'_>]) -> f64 {
        let known = || history.iter().rev().filter(|o| o.doubt == 0.0).filter_map(Observation::loss);
        let latest: Vec<f64> = known().take(LATEST).collect();
        let mut equal = [0; LATEST];
        for loss in known() {
            latest.iter().zip(&mut equal).for_each(|(own, equal)| *equal += usize::from(*own == loss));
        }
        let tied = equal.iter().filter(|equal| **equal > 1).count() as f64;
        self.options.exploration.max(tied / latest.len().max(1) as f64).clamp(0.0, 1.0)
    }

    /// The shape by the first observations, up to the last number at which it is chosen anew.
    fn shape(&self, space: &ParameterSpace, axes: &[Axis], history: &[Observation<'_>]) -> Shape {
        let mut count = ANEW;
        while count + count / 10 <= history.len().min(SETTLED) {
            count += count / 10;
        }
        let history = &history[..count.min(history.len())];
        let (losses, doubts) = losses::standardised(history);
        let telling = losses::telling(&losses, SHAPED_BY);
        let observed = Observed::of(space, history, &losses, &doubts, &telling);
        let mut latest = self.latest.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match latest.as_ref() {
            Some((of, shape)) if of.is(&observed) => shape.clone(),
            _ => {
                let shape = Shape::most_probable(axes, &observed);
                *latest = Some((observed, shape.clone()));
                shape
            }
        }
    }
}
