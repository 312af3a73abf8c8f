//! What a trial trains on: the recordings on both sides of the validation split, and what the caches have of them.

use std::path::Path;

use tch::Device;
use tch::nn::VarStore;

use super::Error;
use super::data::{Batch, Chunk, Shape, Side};
use super::descriptors::{Descriptors, Subject};
use super::prefix::Prefixes;
use super::slots::Scope;
use super::trial::TrialSpec;
use crate::dataset::{Dataset, OpenOptions, Recording};
use crate::fs;
use crate::model::arch::{Architecture, OutputFormat};
use crate::model::prior::{self, Heard, Prior, load_tagger};
use crate::seld::event::FRAMES_PER_SECOND;

/// A dataset with what the caches have of its training recordings.
pub(super) struct Material {
    pub(super) dataset: Dataset,
    pub(super) fingerprint: String,
    /// None without a tagger.
    pub(super) prefixes: Option<Prefixes>,
    pub(super) descriptors: Descriptors,
}

impl Material {
    /// Opens the dataset and the caches: what the frozen blocks of the tagger make of every training recording, and its
    /// descriptors, where they are cached. Also returns the tagger at the level that suits the dataset, on the device of
    /// `vs`, where it has its variables.
    pub(super) fn open(spec: &TrialSpec, vs: &VarStore) -> Result<(Self, Option<Prior>), Error> {
        let dataset =
            OpenOptions { layout: spec.layout, ..OpenOptions::cached(&spec.cache) }.open(&spec.data)?;
        let fingerprint = dataset.fingerprint()?;
        let tagger = load_tagger(&spec.architecture.backbone, vs)?;
        let gain = gain(&dataset, &fingerprint, &spec.cache)?;
        let prior = |tagger| Prior::new(tagger, &spec.architecture, dataset.sample_rate, gain, vs.device());
        let prior = tagger.map(prior).transpose()?;
        let recordings = dataset.training();
        let subject = Subject {
            recordings: &recordings,
            sample_rate: dataset.sample_rate,
            fingerprint: &fingerprint,
            device: vs.device(),
            threads: spec.threads,
        };
        let open = |prior| Prefixes::open(&spec.cache, &spec.architecture, prior, subject);
        let prefixes = prior.as_ref().map(open).transpose()?;
        let descriptors = Descriptors::open(&spec.cache, &spec.architecture, subject)?;
        Ok((Self { dataset, fingerprint, prefixes, descriptors }, prior))
    }

    /// The two sides of the validation split.
    ///
    /// # Errors
    /// Labels cannot be read any more, or do not say the distances that are asked for.
    pub(super) fn sides(&self, validation: f64, shape: Shape) -> Result<(Side<'_>, Side<'_>), Error> {
        let all = self.dataset.training();
        let (fit, held_out) = self.dataset.holdout(validation);
        let positions = |side: Vec<&Recording>| -> Vec<usize> {
            side.iter().filter_map(|r| all.iter().position(|other| other.name == r.name)).collect()
        };
        let side = |indices: Vec<usize>| Side::new(indices.into_iter().map(|i| (all[i], i)).collect(), shape);
        Ok((side(positions(fit))?, side(positions(held_out))?))
    }

    /// Reads chunks of one of its sides into tensors on the device.
    pub(super) fn load(&self, side: &Side, chunks: &[Chunk]) -> Result<Batch, Error> {
        side.load(chunks, self.prefixes.as_ref(), &self.descriptors)
    }

    /// What the tagger's prefix made of the chunks of a batch; `None` without a tagger.
    pub(super) fn heard(&self, prior: Option<&Prior>, batch: &Batch) -> Result<Option<Heard>, Error> {
        let heard = |(prefixes, prior): (&Prefixes, &Prior)| prefixes.heard(prior, batch);
        self.prefixes.as_ref().zip(prior).map(heard).transpose()
    }

    /// Sizes of this dataset's chunks.
    pub(super) fn shape(&self, arch: &Architecture, device: Device) -> Shape {
        Shape {
            samples_per_frame: self.dataset.sample_rate as usize / FRAMES_PER_SECOND,
            frames: arch.train.chunk_frames(),
            tracks: arch.tracks.count as usize,
            scope: match arch.output.format {
                OutputFormat::Tracks => Scope::All,
                OutputFormat::Accdoa | OutputFormat::MultiAccdoa => Scope::Class,
            },
            distance: arch.output.distance,
            classes: self.dataset.classes.len(),
            device,
        }
    }
}

/// The gain on W for this dataset. Peaks are read once and kept beside the caches.
fn gain(dataset: &Dataset, fingerprint: &str, cache: &Path) -> Result<f64, Error> {
    let path = cache.join("peaks").join(format!("{fingerprint}.json"));
    let kept = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Vec<f32>>(&bytes).ok());
    let peaks = match kept {
        Some(peaks) => peaks,
        None => {
            let peak = |r: &&Recording| Ok(r.read_channel0()?.iter().fold(0f32, |peak, x| peak.max(x.abs())));
            let peaks = dataset.training().iter().map(peak).collect::<Result<Vec<f32>, Error>>()?;
            fs::write_json(&path, &peaks)?;
            peaks
        }
    };
    Ok(prior::level(peaks))
}
