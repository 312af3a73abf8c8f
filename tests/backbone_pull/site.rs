//! A cache and a registry of a test's own, and the program run on them.

use std::path::PathBuf;

use assert_cmd::Command;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Everything in the environment that a pull listens to.
const VARIABLES: [&str; 12] = [
    "AT2SELD_MIRROR",
    "AT2SELD_BACKBONES",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];

pub struct Site {
    folder: tempfile::TempDir,
}

/// What a run left.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// The one row that was printed.
    pub fn row(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        serde_json::from_str::<Value>(&self.stdout).unwrap()[0].clone()
    }

    /// Asserts how it ended and that all of `words` are in what it says.
    pub fn ends(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in: {}", self.stderr);
        }
    }
}

/// 200 kB that do not repeat.
pub fn content(seed: u8) -> Vec<u8> {
    (0..6250u32).flat_map(|block| Sha256::digest([&block.to_le_bytes()[..], &[seed]].concat())).collect()
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Site {
    /// A registry with the tagger `net`, stored as `net.pth`, and further keys.
    pub fn new(keys: &str) -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        site.register(keys);
        site
    }

    /// Replaces the registry.
    pub fn register(&self, keys: &str) {
        let text = format!("[[backbone]]\nname = \"net\"\nnetwork = \"cnn6\"\n{keys}\n");
        std::fs::write(self.path("mine.toml"), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file beside the weights.
    pub fn cached(&self, name: &str) -> PathBuf {
        self.path("cache/backbones").join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.cached(name)).unwrap()
    }

    /// Names of all files beside the weights, but for the lock.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.cached("")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !name.ends_with(".lock"));
        names.sort();
        names
    }

    pub fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("at2seld"));
        for name in VARIABLES {
            command.env_remove(name);
        }
        command.env("AT2SELD_BACKBONES", self.path("mine.toml")).env("AT2SELD_CACHE", self.path("cache"));
        command.arg("backbone").args(args);
        command
    }

    pub fn pull(&self, args: &[&str]) -> Run {
        self.pull_with(args, &[])
    }

    pub fn pull_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Run {
        let mut command = self.command(&[&["pull", "net", "--format", "json"], args].concat());
        command.envs(variables.iter().copied());
        let output = Command::from_std(command).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// The keys for weights at an address whose digest is known.
pub fn known(url: &str, content: &[u8]) -> String {
    format!("url = \"{url}\"\nsha256 = \"{}\"", sha256(content))
}

pub fn unknown(url: &str) -> String {
    format!("url = \"{url}\"")
}
