//! A tagger by its name.

use std::path::{Path, PathBuf};

use tch::Device;

use super::entry::find;
use crate::backbone::{Error, Tagger, Thaw};

/// Reads the tagger called `name` onto `device`: from `weights`, or from its place in the cache
/// ([`Entry::weights`](super::Entry::weights)). Blocks that `thaw` names become variables; without it all are frozen.
///
/// # Errors
/// No such name, no file, or a file that is not for its network.
pub fn load(
    name: &str,
    weights: Option<&Path>,
    device: Device,
    thaw: Option<&Thaw>,
) -> Result<Box<dyn Tagger>, Error> {
    let entry = find(name)?;
    let path = weights_of(name, weights)?;
    if !path.exists() {
        return Err(Error::Missing { name: entry.name.clone(), path, obtain: entry.how_to_obtain() });
    }
    let tagger = entry.network.load(&path, device, thaw)?;
    if path == entry.target()
        && let Some(expected) = entry.sha256.as_ref().filter(|expected| *expected != tagger.weights_sha256())
    {
        tracing::warn!(
            "{} is not the file that the registry knows as {}: its sha256 is {}, expected {expected}",
            path.display(),
            entry.name,
            tagger.weights_sha256()
        );
    }
    Ok(tagger)
}

/// The file that [`load`] reads.
///
/// # Errors
/// No such name.
pub fn weights_of(name: &str, weights: Option<&Path>) -> Result<PathBuf, Error> {
    Ok(weights.map_or(find(name)?.weights(), Path::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_and_missing_files_say_what_to_do() {
        let unknown = load("aisfy", None, Device::Cpu, None).unwrap_err().to_string();
        assert!(unknown.contains("'aisfy'") && unknown.contains("aisfx"), "{unknown}");
        let missing =
            load("aisfx", Some(Path::new("/nowhere/a.pth")), Device::Cpu, None).unwrap_err().to_string();
        assert!(missing.contains("/nowhere/a.pth") && missing.contains("--weights"), "{missing}");
        assert!(missing.contains("make setup"), "{missing}");
        let missing =
            load("cnn14", Some(Path::new("/nowhere/a.pth")), Device::Cpu, None).unwrap_err().to_string();
        assert!(
            missing.contains("backbone pull cnn14") && missing.contains("https://zenodo.org"),
            "{missing}"
        );
        assert!(!missing.contains("make setup"), "{missing}");
    }

    #[test]
    fn a_file_of_other_tensors_is_compared_by_name_and_shape() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/checkpoints");
        let error = load("aisfx", Some(&folder.join("tiny_zip.pth")), Device::Cpu, None).unwrap_err();
        let Error::Mismatch { problems, .. } = error else { panic!("{error}") };
        let words: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            words.contains(&"embedding_net.conv_block1.conv1.weight [64, 1, 3, 3] is missing".to_owned())
        );
        assert!(words.contains(&"fc1.base [4, 6] is unexpected".to_owned()));
    }
}
