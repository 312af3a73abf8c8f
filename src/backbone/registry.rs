//! Which taggers there are, and where their weights lie.

use std::path::{Path, PathBuf};

use tch::Device;

use super::aisfx::Aisfx;
use super::yamnet::Yamnet;
use super::{Error, Tagger};

/// Reads the weights of one kind of tagger.
type Load = fn(&Path, Device) -> Result<Box<dyn Tagger>, Error>;

/// A tagger that can be loaded.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Name for configuration files and `--backbone`.
    pub name: &'static str,
    /// What it is.
    pub summary: &'static str,
    /// Licence of the weights.
    pub licence: &'static str,
    /// File below the folder `backbones` of the cache.
    pub file: &'static str,
    /// Digest of the file that its references were computed from, in hexadecimal.
    pub sha256: &'static str,
    load: Load,
}

const ENTRIES: [Entry; 2] = [
    Entry {
        name: "aisfx",
        summary: "sound effects; conv net, 44.1 kHz, 512 features (Ma and Lerch 2022)",
        licence: "CC BY 4.0",
        file: "aisfx.pth",
        sha256: "499ea75909c932a2f94c35fa722fa4fabc5bcb7e84917209cc5f7402627b7eb5",
        load: |path, device| Ok(Box::new(Aisfx::load(path, device)?)),
    },
    Entry {
        name: "yamnet",
        summary: "AudioSet; MobileNet, 16 kHz, 1024 features (Plakal and Ellis 2019)",
        licence: "Apache-2.0",
        file: "yamnet.safetensors",
        sha256: "d4bac0515cf247c1cb39f0878de3bb476e2962ab02c6798810ef0d99858d1605",
        load: |path, device| Ok(Box::new(Yamnet::load(path, device)?)),
    },
];

/// All taggers, in the order they are listed in.
pub fn entries() -> &'static [Entry] {
    &ENTRIES
}

/// Reads the tagger called `name` onto `device`: from `weights`, or from its place in the cache
/// ([`default_weights`]).
pub fn load(name: &str, weights: Option<&Path>, device: Device) -> Result<Box<dyn Tagger>, Error> {
    let entry = find(name)?;
    let path = match weights {
        Some(path) => path.to_owned(),
        None => default_weights(name)?,
    };
    if !path.exists() {
        return Err(Error::Missing { name: entry.name, path });
    }
    (entry.load)(&path, device)
}

/// Where the weights of a tagger lie by default: `backbones/` in the [cache folder](crate::cache::cache_folder).
pub fn default_weights(name: &str) -> Result<PathBuf, Error> {
    Ok(crate::cache::cache_folder().join("backbones").join(find(name)?.file))
}

fn find(name: &str) -> Result<&'static Entry, Error> {
    let known = || ENTRIES.iter().map(|entry| entry.name).collect();
    let found = ENTRIES.iter().find(|entry| entry.name == name);
    found.ok_or_else(|| Error::Unknown { name: name.to_owned(), known: known() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_and_missing_files_say_what_to_do() {
        let unknown = load("aisfy", None, Device::Cpu).unwrap_err().to_string();
        assert!(unknown.contains("'aisfy'") && unknown.contains("aisfx"), "{unknown}");
        let missing = load("aisfx", Some(Path::new("/nowhere/a.pth")), Device::Cpu).unwrap_err().to_string();
        assert!(missing.contains("/nowhere/a.pth") && missing.contains("--weights"), "{missing}");
    }

    #[test]
    fn a_file_of_other_tensors_is_compared_by_name_and_shape() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/checkpoints");
        let error = load("aisfx", Some(&folder.join("tiny_zip.pth")), Device::Cpu).unwrap_err();
        let Error::Mismatch { problems, .. } = error else { panic!("{error}") };
        let words: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            words.contains(&"embedding_net.conv_block1.conv1.weight [64, 1, 3, 3] is missing".to_owned())
        );
        assert!(words.contains(&"fc1.base [4, 6] is unexpected".to_owned()));
    }
}
