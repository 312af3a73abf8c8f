//! Which taggers there are, and where their weights lie.

use std::path::{Path, PathBuf};

use tch::Device;

use super::aisfx::Aisfx;
use super::panns::{self, Panns};
use super::small::Small;
use super::yamnet::Yamnet;
use super::{Error, Tagger, Thaw};

/// Reads the weights of one kind of tagger.
type Load = fn(&Path, Device, Option<&Thaw>) -> Result<Box<dyn Tagger>, Error>;

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
    /// Digest of the file that its references were computed from, in hexadecimal, where it is known.
    pub sha256: Option<&'static str>,
    /// How to get that file: what to do, in words.
    pub obtain: &'static str,
    load: Load,
}

const ENTRIES: [Entry; 8] = [
    Entry {
        name: "aisfx",
        summary: "sound effects; conv net, 44.1 kHz, 512 features (Ma and Lerch 2022)",
        licence: "CC BY 4.0",
        file: "aisfx.pth",
        sha256: Some("499ea75909c932a2f94c35fa722fa4fabc5bcb7e84917209cc5f7402627b7eb5"),
        obtain: "run `make setup`",
        load: |path, device, thaw| Ok(Box::new(Aisfx::load(path, device, thaw)?)),
    },
    Entry {
        name: "yamnet",
        summary: "AudioSet; MobileNet, 16 kHz, 1024 features (Plakal and Ellis 2019)",
        licence: "Apache-2.0",
        file: "yamnet.safetensors",
        sha256: Some("d4bac0515cf247c1cb39f0878de3bb476e2962ab02c6798810ef0d99858d1605"),
        obtain: "store its weights there in one of the layouts that the README names",
        load: |path, device, thaw| Ok(Box::new(Yamnet::load(path, device, thaw)?)),
    },
    Entry {
        name: "cnn6",
        summary: "AudioSet; conv net, 32 kHz, 4.8 M parameters, 512 features (PANNs, Kong et al. 2020)",
        licence: "CC BY 4.0",
        file: "cnn6.pth",
        sha256: None,
        obtain: "store https://zenodo.org/record/3987831/files/Cnn6_mAP%3D0.343.pth there",
        load: |path, device, thaw| Ok(Box::new(Panns::load(&panns::CNN6, path, device, thaw)?)),
    },
    Entry {
        name: "cnn10",
        summary: "AudioSet; conv net, 32 kHz, 5.2 M parameters, 512 features (PANNs, Kong et al. 2020)",
        licence: "CC BY 4.0",
        file: "cnn10.pth",
        sha256: None,
        obtain: "store https://zenodo.org/record/3987831/files/Cnn10_mAP%3D0.380.pth there",
        load: |path, device, thaw| Ok(Box::new(Panns::load(&panns::CNN10, path, device, thaw)?)),
    },
    Entry {
        name: "cnn14",
        summary: "AudioSet; conv net, 32 kHz, 80.8 M parameters, 2048 features (PANNs, Kong et al. 2020)",
        licence: "CC BY 4.0",
        file: "cnn14.pth",
        sha256: Some("0dc499e40e9761ef5ea061ffc77697697f277f6a960894903df3ada000e34b31"),
        obtain: "store https://zenodo.org/record/3987831/files/Cnn14_mAP%3D0.431.pth there",
        load: |path, device, thaw| Ok(Box::new(Panns::load(&panns::CNN14, path, device, thaw)?)),
    },
    Entry {
        name: "mobilenetv1",
        summary: "AudioSet; depthwise conv net, 32 kHz, 4.8 M parameters, 1024 features (PANNs, Kong et al. 2020)",
        licence: "CC BY 4.0",
        file: "mobilenetv1.pth",
        sha256: None,
        obtain: "store https://zenodo.org/record/3987831/files/MobileNetV1_mAP%3D0.389.pth there",
        load: |path, device, thaw| Ok(Box::new(Panns::load(&panns::MOBILENETV1, path, device, thaw)?)),
    },
    Entry {
        name: "epanns",
        summary: "AudioSet; pruned Cnn14, 32 kHz, 23.2 M parameters, 1024 features (E-PANNs, Singh et al. 2023)",
        licence: "see https://doi.org/10.5281/zenodo.7939403",
        file: "epanns.pth",
        sha256: None,
        obtain: "store https://zenodo.org/records/7939403/files/checkpoint_closeto_.44.pt there",
        load: |path, device, thaw| Ok(Box::new(Panns::load(&panns::EPANNS, path, device, thaw)?)),
    },
    Entry {
        name: "small",
        summary: "your own sounds, by `backbone pretrain`; MobileNet, 24 kHz, 0.48 M parameters, 512 features",
        licence: "yours, and that of the sounds it is trained on",
        file: "small.safetensors",
        sha256: None,
        obtain: "train it by `at2seld backbone pretrain`",
        load: |path, device, thaw| Ok(Box::new(Small::load(path, device, thaw)?)),
    },
];

/// All taggers, in the order they are listed in.
pub fn entries() -> &'static [Entry] {
    &ENTRIES
}

/// Reads the tagger called `name` onto `device`: from `weights`, or from its place in the cache
/// ([`default_weights`]). Blocks that `thaw` names become variables; without it all are frozen.
pub fn load(
    name: &str,
    weights: Option<&Path>,
    device: Device,
    thaw: Option<&Thaw>,
) -> Result<Box<dyn Tagger>, Error> {
    let entry = find(name)?;
    let path = match weights {
        Some(path) => path.to_owned(),
        None => default_weights(name)?,
    };
    if !path.exists() {
        return Err(Error::Missing { name: entry.name, path, obtain: entry.obtain });
    }
    (entry.load)(&path, device, thaw)
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
        let unknown = load("aisfy", None, Device::Cpu, None).unwrap_err().to_string();
        assert!(unknown.contains("'aisfy'") && unknown.contains("aisfx"), "{unknown}");
        let missing =
            load("aisfx", Some(Path::new("/nowhere/a.pth")), Device::Cpu, None).unwrap_err().to_string();
        assert!(missing.contains("/nowhere/a.pth") && missing.contains("--weights"), "{missing}");
        assert!(missing.contains("make setup"), "{missing}");
        let missing =
            load("cnn14", Some(Path::new("/nowhere/a.pth")), Device::Cpu, None).unwrap_err().to_string();
        assert!(missing.contains("https://") && !missing.contains("make setup"), "{missing}");
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
