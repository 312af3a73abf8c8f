//! Folders for what is downloaded or computed once and used by many.

mod room;

pub use room::{Allowance, LimitError, Room};

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The cache folder: AT2SELD_CACHE, else `at2seld` in XDG_CACHE_HOME, else `~/.cache/at2seld`.
///
/// The same rule as in tools/setup.py, which fills it. The folder need not exist.
pub fn cache_folder() -> PathBuf {
    resolve(&|name| std::env::var_os(name), &std::env::home_dir().unwrap_or_default())
}

/// Where the set-up puts the checkpoint of the default tagger, aiSFX.
pub fn default_backbone() -> PathBuf {
    cache_folder().join("backbones").join("aisfx.pth")
}

fn resolve(variable: &dyn Fn(&str) -> Option<OsString>, home: &Path) -> PathBuf {
    if let Some(chosen) = variable("AT2SELD_CACHE").filter(|value| !value.is_empty()) {
        return PathBuf::from(chosen);
    }
    // The XDG convention asks to ignore relative values.
    let base = variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|base| base.is_absolute());
    base.unwrap_or_else(|| home.join(".cache")).join("at2seld")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(set: &[(&str, &str)]) -> PathBuf {
        let get = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        resolve(&get, Path::new("/home/a"))
    }

    #[test]
    fn the_program_s_own_variable_wins_then_xdg_then_home() {
        let both = [("AT2SELD_CACHE", "/c"), ("XDG_CACHE_HOME", "/x")];
        assert_eq!(with(&both), Path::new("/c"));
        assert_eq!(with(&both[1..]), Path::new("/x/at2seld"));
        assert_eq!(with(&[]), Path::new("/home/a/.cache/at2seld"));
    }

    #[test]
    fn empty_and_relative_values_are_ignored() {
        let set = [("AT2SELD_CACHE", ""), ("XDG_CACHE_HOME", "cache")];
        assert_eq!(with(&set), Path::new("/home/a/.cache/at2seld"));
    }
}
