//! What candidates cost on a study's dataset: as the network that would be trained, built and, only where their latency counts,
//! run.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use serde_json::Value;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use crate::dataset::{Layout, OpenOptions};
use crate::model::arch::Architecture;
use crate::model::detector::Detector;
use crate::model::prior::{Prior, load_tagger};
use crate::search::SearchSpace;
use crate::search::candidate::Document;
use crate::search::cost::{Appraiser, Cost};
use crate::search::space::Quantity;
use crate::store::Study;
use crate::train::device;

/// The level of the tagger's input changes no cost.
const GAIN: f64 = 1.0;
/// Runs that are timed, after one that is not.
const RUNS: usize = 3;

/// Builds candidates to see what they cost.
#[derive(Debug)]
pub(super) struct Builder {
    data: PathBuf,
    layout: Option<Layout>,
    device: Device,
    threads: usize,
    /// Whether candidates are run to see how long they take.
    times: bool,
    /// Sample rate (Hz) and classes of the dataset, once they are asked for; none when it cannot be read.
    dataset: OnceLock<Option<(u32, usize)>>,
    /// What is known already: a sampler that keeps to good candidates draws the same ones again.
    known: Mutex<HashMap<Document, Option<Cost>>>,
}

impl Builder {
    pub(super) fn of(study: &Study, space: &SearchSpace) -> Self {
        let constraints = space.stages.iter().flat_map(|stage| &stage.constraints);
        let device = study.settings.devices.first().and_then(|device| device::parse(device).ok());
        Self {
            device: device.unwrap_or(Device::Cpu),
            threads: study.settings.threads,
            times: constraints.into_iter().any(|constraint| constraint.quantity == Quantity::Latency),
            data: study.settings.data.clone(),
            layout: study.settings.layout,
            dataset: OnceLock::new(),
            known: Mutex::default(),
        }
    }

    fn dataset(&self) -> Option<(u32, usize)> {
        *self.dataset.get_or_init(|| {
            let options = OpenOptions { layout: self.layout, ..OpenOptions::default() };
            let dataset = options.open(&self.data).inspect_err(|error| tracing::error!("{error}")).ok()?;
            Some((dataset.sample_rate, dataset.classes.len()))
        })
    }

    /// Seconds in which a chunk is heard: the best of some runs, because other programs only make it longer.
    fn latency(&self, detector: &Detector, arch: &Architecture) -> Option<f64> {
        tch::set_num_threads(self.threads as i32);
        let samples = (arch.train.chunk_s * f64::from(detector.sample_rate())) as i64;
        let silence = Tensor::zeros([1, 4, samples], (Kind::Float, self.device));
        let run = || {
            let begun = Instant::now();
            let found = tch::no_grad(|| detector.forward(&silence));
            // On a GPU the work is done when its result is read.
            f64::try_from(found.activity.sum(Kind::Double)).ok()?;
            Some(begun.elapsed().as_secs_f64())
        };
        run()?;
        (0..RUNS).filter_map(|_| run()).reduce(f64::min)
    }

    fn build(&self, document: &Value) -> Option<Cost> {
        let (sample_rate, classes) = self.dataset()?;
        let arch = Architecture::from_value(document.clone()).ok()?;
        // Only what is run must be where it would run.
        let device = if self.times { self.device } else { Device::Cpu };
        let vs = VarStore::new(device);
        let tagger = load_tagger(&arch.backbone, &vs).ok()?;
        let prior = tagger.map(|tagger| Prior::new(tagger, &arch, sample_rate, GAIN, device));
        let detector = Detector::new(&vs, &arch, prior.transpose().ok()?, sample_rate, classes).ok()?;
        let cost = detector.cost(&arch);
        let latency = if self.times { Some(self.latency(&detector, &arch)?) } else { None };
        Some(Cost {
            latency,
            params: Some(cost.parameters as f64),
            macs: Some(cost.macs_per_second as f64),
            memory: Some(cost.activation_bytes as f64 * arch.train.batch as f64),
        })
    }
}

impl Appraiser for Builder {
    fn appraise(&self, document: &Value) -> Option<Cost> {
        let key = Document::from(document);
        if let Some(cost) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return *cost;
        }
        let cost = self.build(document);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, cost);
        cost
    }
}
