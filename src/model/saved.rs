//! A trained model in a folder: what `train` leaves behind, what `export` hands over, what `eval` and `infer` read.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tch::nn::VarStore;
use tch::{Device, Tensor};

use super::arch::Architecture;
use super::decode::Decoding;
use super::detector::{self, Detector};
use super::prior::{Prior, load_tagger};
use super::weights;
use crate::backbone;
use crate::fs::{self, FileError};

/// Files of a model folder.
pub const WEIGHTS: &str = "model.safetensors";
/// See [`WEIGHTS`].
pub const ARCHITECTURE: &str = "architecture.json";
/// See [`WEIGHTS`].
pub const THRESHOLDS: &str = "thresholds.json";
/// See [`WEIGHTS`].
pub const CLASSES: &str = "classes.txt";

/// A model folder could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is missing or cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A JSON file does not say what it should.
    #[error("{}: {problem}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Key and problem.
        problem: String,
    },
    /// The weights cannot be read.
    #[error(transparent)]
    Weights(#[from] weights::Error),
    /// Metadata of the weights is missing or broken.
    #[error("{} was not written by this program: metadata key \"{key}\" is missing or broken", path.display())]
    Metadata {
        /// The weights file.
        path: PathBuf,
        /// The key.
        key: &'static str,
    },
    /// The weights do not fit the architecture.
    #[error("{}: {source}", path.display())]
    Mismatch {
        /// The weights file.
        path: PathBuf,
        /// Which tensors.
        source: detector::MismatchedVariables,
    },
    /// The pretrained tagger cannot be loaded.
    #[error(transparent)]
    Backbone(#[from] backbone::Error),
    /// It is another tagger than the one the model was trained with.
    #[error(
        "the weights of backbone {name} on this machine are not those the model was trained with (sha256 {found}, expected {expected})"
    )]
    OtherBackbone {
        /// Name in the registry.
        name: String,
        /// Found here.
        found: String,
        /// In the model.
        expected: String,
    },
    /// The recordings' sample rate cannot be brought to the tagger's.
    #[error(transparent)]
    Resample(#[from] backbone::resample::ResampleError),
    /// The network cannot be built.
    #[error(transparent)]
    Detector(#[from] detector::Error),
}

/// How a model came to be: what the weights file says beside the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Sample rate of the waveforms it takes, in Hz.
    pub sample_rate: u32,
    /// Gain on W before the tagger.
    pub prior_gain: f64,
    /// Of the tagger's weights; empty without a tagger.
    pub backbone_sha256: String,
    /// Seed of training.
    pub seed: u64,
    /// The best epoch, whose weights these are.
    pub epoch: u32,
    /// Fingerprint of the training data.
    pub data_fingerprint: String,
    /// Version of this program.
    pub version: String,
    /// Validation scores by name.
    pub validation: BTreeMap<String, Option<f64>>,
    /// What was there before training; older models have no such key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_start: Option<WarmStart>,
}

/// What a training took from another model before it began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmStart {
    /// The model folder or checkpoint.
    pub from: String,
    /// Tensors that were the same by name and shape, and are taken.
    pub tensors: usize,
    /// Of all.
    pub of_tensors: usize,
    /// Values in them.
    pub values: u64,
    /// Of all.
    pub of_values: u64,
    /// Tensors of a wider or deeper encoder that are made from those of the other one.
    #[serde(default)]
    pub grown: usize,
    /// Names of the tensors that began as in any training.
    pub others: Vec<String>,
}

impl std::fmt::Display for WarmStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, tensors, of_tensors, values, of_values, grown, .. } = self;
        write!(f, "{tensors} of {of_tensors} tensors ({values} of {of_values} values) are those of {from}")?;
        match grown {
            0 => Ok(()),
            _ => write!(f, ", and {grown} are grown from them"),
        }
    }
}

const ORIGIN_KEY: &str = "origin";

/// A trained model.
#[derive(Debug)]
pub struct SavedModel {
    /// The architecture document.
    pub architecture: Architecture,
    /// Class names in the order of the outputs.
    pub classes: Vec<String>,
    /// How activities become events: calibrated.
    pub decoding: Decoding,
    /// How it came to be.
    pub origin: Origin,
    /// The network's variables by name.
    pub variables: Vec<(String, Tensor)>,
}

impl SavedModel {
    /// Writes the files of a model folder.
    pub fn save(&self, folder: &Path) -> Result<(), Error> {
        let origin = serde_json::to_string(&self.origin)
            .map_err(|e| Error::Json { path: folder.join(WEIGHTS), problem: e.to_string() })?;
        let metadata = HashMap::from([(ORIGIN_KEY.to_owned(), origin)]);
        fs::write_json(&folder.join(ARCHITECTURE), &self.architecture)?;
        fs::write_json(&folder.join(THRESHOLDS), &self.decoding)?;
        fs::write_bytes(&folder.join(CLASSES), (self.classes.join("\n") + "\n").as_bytes())?;
        weights::write(&folder.join(WEIGHTS), &self.variables, metadata)?;
        Ok(())
    }

    /// Writes how activities become events alone, into a folder that has the rest.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save_decoding(&self, folder: &Path) -> Result<(), Error> {
        Ok(fs::write_json(&folder.join(THRESHOLDS), &self.decoding)?)
    }

    /// Reads a model folder.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(THRESHOLDS);
        let decoding: Decoding = read_json(&path)?;
        if let Some(problem) = decoding.problem() {
            return Err(Error::Json { path, problem });
        }
        let path = folder.join(CLASSES);
        let classes = std::fs::read_to_string(&path).map_err(FileError::at("read", &path))?;
        let path = folder.join(WEIGHTS);
        let file = weights::read(&path)?;
        let origin = file
            .metadata
            .get(ORIGIN_KEY)
            .and_then(|text| serde_json::from_str(text).ok())
            .ok_or(Error::Metadata { path, key: ORIGIN_KEY })?;
        let path = folder.join(ARCHITECTURE);
        let architecture: Architecture = read_json(&path)?;
        // Whoever edits a model's document gets words, not a network that cannot be.
        if let Some(problem) = architecture.validate().into_iter().next() {
            return Err(Error::Json { path, problem: problem.to_string() });
        }
        Ok(Self {
            architecture,
            classes: classes.lines().map(str::to_owned).collect(),
            decoding,
            origin,
            variables: file.tensors,
        })
    }

    /// Builds the detector with these weights and the tagger it was trained with.
    ///
    /// The returned store owns the variables; it is frozen.
    pub fn detector(&self, device: Device) -> Result<(VarStore, Detector), Error> {
        let config = &self.architecture.backbone;
        let mut vs = VarStore::new(device);
        let tagger = load_tagger(config, &vs)?;
        let found = tagger.as_ref().map_or("", |tagger| tagger.weights_sha256());
        if found != self.origin.backbone_sha256 {
            return Err(Error::OtherBackbone {
                name: config.name.clone(),
                found: found.to_owned(),
                expected: self.origin.backbone_sha256.clone(),
            });
        }
        let rate = self.origin.sample_rate;
        let prior = |tagger| Prior::new(tagger, &self.architecture, rate, self.origin.prior_gain, device);
        let prior = tagger.map(prior).transpose()?;
        let detector = Detector::new(&vs, &self.architecture, prior, rate, self.classes.len())?;
        detector::load_variables(&mut vs, &self.variables)
            .map_err(|source| Error::Mismatch { path: PathBuf::from(WEIGHTS), source })?;
        vs.freeze();
        Ok((vs, detector))
    }
}

/// Reads a JSON document, with the key path in its errors.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = std::fs::read_to_string(path).map_err(FileError::at("read", path))?;
    let mut reader = serde_json::Deserializer::from_str(&text);
    serde_path_to_error::deserialize(&mut reader).map_err(|e| Error::Json {
        path: path.to_owned(),
        problem: if e.path().iter().next().is_some() {
            format!("{}: {}", e.path(), e.inner())
        } else {
            e.inner().to_string()
        },
    })
}
