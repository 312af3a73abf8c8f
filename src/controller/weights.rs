//! Which weights a candidate's tagger has: whether they are there and fit, and what they are by their content, because the
//! file behind a name or a path can change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use tch::Device;

use super::candidates::{architecture, combinations, parameters};
use super::error::ControllerError;
use crate::backbone;
use crate::model::arch::Architecture;
use crate::search::SearchSpace;
use crate::search::space::Parameter;

/// Loads every tagger that the stages of a space can propose, so that missing or wrong weights are found before any trial.
///
/// # Errors
/// The first stage with a tagger that cannot be loaded.
pub(super) fn check(space: &SearchSpace) -> Result<(), ControllerError> {
    let mut known = BTreeSet::new();
    let concerns = |p: &Parameter| p.sets(|key| ["backbone.name", "backbone.weights"].contains(&key));
    for stage in &space.stages {
        let Some(combinations) = combinations(&parameters(space, stage, &concerns)) else { continue };
        for combination in combinations {
            let Some(Architecture { backbone: config, .. }) = architecture(&space.fixed, &combination) else {
                continue;
            };
            if !config.is_none() && known.insert((config.name.clone(), config.weights.clone())) {
                backbone::load(&config.name, config.weights.as_deref(), Device::Cpu, None)
                    .map_err(|source| ControllerError::Tagger { stage: stage.name.clone(), source })?;
            }
        }
    }
    Ok(())
}

/// Digests of the files of weights that candidates have named so far.
#[derive(Debug, Default)]
pub(super) struct WeightsSeen {
    /// By path, with the length and time of the file that was read.
    digests: Mutex<BTreeMap<PathBuf, (u64, SystemTime, String)>>,
}

impl WeightsSeen {
    /// The digest of the weights that a candidate's tagger will be loaded from; `None` when there are none, and the trial
    /// will say so.
    pub(super) fn digest(&self, architecture: &serde_json::Value) -> Option<String> {
        let config = Architecture::from_value(architecture.clone()).ok()?.backbone;
        let path = backbone::registry::weights_of(&config.name, config.weights.as_deref()).ok()?;
        let found = path.metadata().ok()?;
        let (length, changed) = (found.len(), found.modified().ok()?);
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of_length, of_time, digest)) = digests.get(&path)
            && (*of_length, *of_time) == (length, changed)
        {
            return Some(digest.clone());
        }
        let digest = backbone::weights_sha256(&path).ok()?;
        digests.insert(path, (length, changed, digest.clone()));
        Some(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_under_the_same_path_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.pth");
        let architecture = serde_json::json!({"backbone": {"name": "cnn6", "weights": path}});
        let seen = WeightsSeen::default();
        assert_eq!(seen.digest(&architecture), None);
        std::fs::write(&path, "one").unwrap();
        let first = seen.digest(&architecture);
        assert!(first.is_some());
        assert_eq!(seen.digest(&architecture), first);
        std::fs::write(&path, "another").unwrap();
        assert_ne!(seen.digest(&architecture), first);
    }
}
