//! What candidates cost on a study's dataset: as the network that would be trained, built and not run.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;
use tch::Device;
use tch::nn::VarStore;

use crate::dataset::{Layout, OpenOptions};
use crate::model::arch::Architecture;
use crate::model::detector::Detector;
use crate::model::prior::{Prior, load_tagger};
use crate::search::candidate::Document;
use crate::search::cost::{Appraiser, Cost};
use crate::store::Study;

/// The level of the tagger's input changes no cost.
const GAIN: f64 = 1.0;

/// Builds candidates to see what they cost.
#[derive(Debug)]
pub(super) struct Builder {
    data: PathBuf,
    layout: Option<Layout>,
    /// Sample rate (Hz) and classes of the dataset, once they are asked for; none when it cannot be read.
    dataset: OnceLock<Option<(u32, usize)>>,
    /// What is known already: a sampler that keeps to good candidates draws the same ones again.
    known: Mutex<HashMap<Document, Option<Cost>>>,
}

impl Builder {
    pub(super) fn of(study: &Study) -> Self {
        Self {
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

    fn build(&self, document: &Value) -> Option<Cost> {
        let (sample_rate, classes) = self.dataset()?;
        let arch = Architecture::from_value(document.clone()).ok()?;
        let vs = VarStore::new(Device::Cpu);
        let tagger = load_tagger(&arch.backbone, &vs).ok()?;
        let prior = tagger.map(|tagger| Prior::new(tagger, &arch, sample_rate, GAIN, Device::Cpu));
        let detector = Detector::new(&vs, &arch, prior.transpose().ok()?, sample_rate, classes).ok()?;
        let cost = detector.cost(&arch);
        Some(Cost {
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
