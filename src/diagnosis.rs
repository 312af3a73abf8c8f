//! What `at2seld doctor` reports: whether this machine can do the work, and what is missing.
//!
//! Looks only; the one thing it changes is that libtorch's CUDA half gets opened.

use std::path::{Path, PathBuf};

use serde::Serialize;
use sqlx::{ConnectOptions, Connection};

use crate::backbone::{prefix_cache, registry};
use crate::cache::{Allowance, Room};
use crate::train::descriptors;
use crate::train::device::{self, CudaStatus};
use crate::{cache, system};

/// The libtorch that the bindings of this program were made for.
const LIBTORCH_VERSION: &str = "2.11.0";

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// Version of this program.
    pub version: &'static str,
    /// The loaded libtorch.
    pub libtorch: LibtorchFound,
    /// The processor.
    pub cpu: CpuFound,
    /// GPUs.
    pub cuda: CudaFound,
    /// The user's cache folder.
    pub cache: FolderFound,
    /// Caches in it that have a limit.
    pub caches: Vec<CacheFound>,
    /// Where names of taggers come from besides the program itself.
    pub registry: RegistryFound,
    /// Checkpoints of pretrained taggers in the cache.
    pub backbones: Vec<BackboneFound>,
    /// The store that was asked about.
    pub store: StoreFound,
    /// Free space where files are written.
    pub disk: Vec<DiskFound>,
    /// Why work on the CPU is not possible; empty when it is.
    pub problems: Vec<String>,
}

/// The loaded libtorch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LibtorchFound {
    /// From the file `build-version` beside its `lib`, or the `version.py` of a PyTorch.
    pub version: Option<String>,
    /// The version this program needs.
    pub expected: &'static str,
    /// The folder its CPU half was loaded from.
    pub folder: Option<String>,
}

/// The processor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CpuFound {
    /// As Rust names it: "x86_64".
    pub architecture: &'static str,
    /// Vector instruction sets.
    pub features: Vec<&'static str>,
    /// Threads this process may run at once.
    pub threads: usize,
    /// Threads libtorch uses inside one operation unless told otherwise.
    pub libtorch_threads: i32,
}

/// GPUs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CudaFound {
    /// Whether `--device cuda:0` works.
    pub available: bool,
    /// Names that `--device` takes.
    pub devices: Vec<String>,
    /// The libtorch_cuda that was opened.
    pub library: Option<String>,
    /// Why not.
    pub message: Option<String>,
}

/// A folder and how much it holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FolderFound {
    /// Its path.
    pub folder: String,
    /// Whether it exists.
    pub exists: bool,
    /// Bytes of all files below it.
    pub bytes: u64,
}

/// A cache of what is computed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CacheFound {
    /// What it holds.
    pub name: &'static str,
    /// Its path.
    pub folder: String,
    /// Things in it: one for each tagger (or descriptor), its settings, and the dataset.
    pub entries: usize,
    /// Bytes that they take, or will take when they are whole.
    pub bytes: u64,
    /// Bytes that they may take; `None` when the variable is no number.
    pub limit_bytes: Option<u64>,
    /// The variable of the environment that says how many GB.
    pub variable: &'static str,
    /// What is wrong with the variable.
    pub message: Option<String>,
}

/// The user's registry of taggers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RegistryFound {
    /// Its path, if there is one.
    pub file: Option<String>,
    /// Names of all taggers, the built-in ones included.
    pub names: Vec<String>,
    /// What is wrong with it.
    pub message: Option<String>,
}

/// A checkpoint of a pretrained tagger.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BackboneFound {
    /// File name without its ending.
    pub name: String,
    /// Its path.
    pub file: String,
    /// Whether it is there.
    pub present: bool,
    /// Its size.
    pub bytes: u64,
}

/// A store.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoreFound {
    /// As given.
    pub url: String,
    /// Whether there is a database.
    pub exists: bool,
    /// Number of the last migration; `None` for a database without one.
    pub schema: Option<i64>,
    /// Whether this user may write to it.
    pub writable: bool,
    /// Why it could not be looked at.
    pub message: Option<String>,
}

/// Free space.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiskFound {
    /// Where.
    pub folder: String,
    /// How much; `None` when the system does not say.
    pub free_bytes: Option<u64>,
}

/// Looks at everything; `store` is the address of a store.
pub fn diagnose(store: &str) -> Diagnosis {
    let libtorch = libtorch();
    let cache = cache::cache_folder();
    let free =
        |folder: &Path| DiskFound { folder: text(folder), free_bytes: system::free_bytes(folder).ok() };
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    Diagnosis {
        version: env!("CARGO_PKG_VERSION"),
        problems: problems(&libtorch),
        libtorch,
        cpu: CpuFound {
            architecture: std::env::consts::ARCH,
            features: system::cpu_features(),
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            libtorch_threads: tch::get_num_threads(),
        },
        cuda: cuda(),
        caches: vec![
            cache_found("prefixes of taggers", &cache.join(prefix_cache::FOLDER), prefix_cache::ALLOWANCE),
            cache_found("descriptors", &cache.join(descriptors::FOLDER), descriptors::ALLOWANCE),
        ],
        registry: registry(),
        backbones: backbones(&cache),
        store: look_at_store(store),
        disk: vec![free(&here), free(&cache)],
        cache: FolderFound {
            folder: text(&cache),
            exists: cache.is_dir(),
            bytes: system::folder_bytes(&cache),
        },
    }
}

fn cache_found(name: &'static str, folder: &Path, allowance: Allowance) -> CacheFound {
    let room = Room::of(folder, allowance);
    let (entries, bytes) = Room::with_limit(folder, 0).taken();
    CacheFound {
        name,
        folder: text(folder),
        entries,
        bytes,
        limit_bytes: room.as_ref().ok().map(Room::limit),
        variable: allowance.variable,
        message: room.err().map(|error| error.to_string()),
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn libtorch() -> LibtorchFound {
    let library = system::loaded_library("libtorch_cpu.so");
    let folder = library.as_deref().and_then(Path::parent);
    let version = folder.and_then(Path::parent).and_then(|root| {
        let read = |name: &str| std::fs::read_to_string(root.join(name)).ok();
        let of_pytorch = || read("version.py").and_then(|source| version_of_pytorch(&source));
        read("build-version").map(|version| version.trim().to_owned()).or_else(of_pytorch)
    });
    LibtorchFound { version, expected: LIBTORCH_VERSION, folder: folder.map(text) }
}

/// From the line `__version__ = '2.11.0+cu130'`.
fn version_of_pytorch(source: &str) -> Option<String> {
    let line = source.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(line.trim().trim_matches(['\'', '"']).to_owned())
}

fn problems(libtorch: &LibtorchFound) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(version) = &libtorch.version
        && version.split('+').next() != Some(LIBTORCH_VERSION)
    {
        problems.push(format!("libtorch {version} is loaded, {LIBTORCH_VERSION} is needed"));
    }
    let computed = tch::Tensor::f_ones([2, 2], (tch::Kind::Float, tch::Device::Cpu))
        .and_then(|ones| ones.f_matmul(&ones))
        .and_then(|product| f64::try_from(product.f_sum(tch::Kind::Float)?));
    match computed {
        Ok(8.0) => {}
        Ok(sum) => problems.push(format!("libtorch computes wrongly: {sum} for 8")),
        Err(error) => problems.push(format!("libtorch does not compute: {error}")),
    }
    problems
}

fn cuda() -> CudaFound {
    match device::open_cuda() {
        CudaStatus::Available { devices, library } => CudaFound {
            available: true,
            devices: (0..*devices).map(|index| format!("cuda:{index}")).collect(),
            library: Some(text(library)),
            message: None,
        },
        CudaStatus::Unavailable { reason } => {
            CudaFound { available: false, devices: Vec::new(), library: None, message: Some(reason.clone()) }
        }
    }
}

fn registry() -> RegistryFound {
    let file = registry::user_file().map(|file| text(&file));
    match registry::entries() {
        Ok(entries) => {
            let names = entries.iter().map(|entry| entry.name.clone()).collect();
            RegistryFound { file, names, message: None }
        }
        Err(error) => RegistryFound { file, names: Vec::new(), message: Some(error.to_string()) },
    }
}

/// The default tagger, there or not, then whatever other checkpoints the cache holds, by name.
fn backbones(cache: &Path) -> Vec<BackboneFound> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(cache.join("backbones"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|file| {
            file.extension()
                .is_some_and(|ending| ending == "pth" || ending == "pt" || ending == "safetensors")
        })
        .collect();
    let default = cache::default_backbone();
    files.retain(|file| *file != default);
    files.sort();
    files.insert(0, default);
    files
        .iter()
        .map(|file| {
            let found = std::fs::metadata(file).ok();
            BackboneFound {
                name: file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
                file: text(file),
                present: found.is_some(),
                bytes: found.map_or(0, |found| found.len()),
            }
        })
        .collect()
}

fn look_at_store(url: &str) -> StoreFound {
    let mut found =
        StoreFound { url: url.to_owned(), exists: false, schema: None, writable: false, message: None };
    let Some(file) = url.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest)) else {
        found.message = Some("not looked at: only addresses that begin with sqlite: are".into());
        return found;
    };
    let file = Path::new(file.split('?').next().unwrap_or(file));
    let Ok(metadata) = std::fs::metadata(file) else {
        return found;
    };
    found.exists = true;
    if !metadata.is_file() {
        found.message = Some("is not a file".into());
        return found;
    }
    found.writable = rustix::fs::access(file, rustix::fs::Access::WRITE_OK).is_ok();
    match schema_of(file) {
        Ok(schema) => found.schema = schema,
        Err(error) => found.message = Some(format!("cannot be read: {error}")),
    }
    found
}

/// The number of the last migration that was applied to a SQLite database.
fn schema_of(file: &Path) -> Result<Option<i64>, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).read_only(true);
        let mut connection = options.connect().await?;
        let tables: i64 =
            sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'")
                .fetch_one(&mut connection)
                .await?;
        let schema = if tables == 0 {
            None
        } else {
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&mut connection).await?
        };
        connection.close().await?;
        Ok(schema)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_no_database_or_not_there_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let url = format!("sqlite:{}", file.display());
        assert!(!look_at_store(&url).exists);
        std::fs::write(&file, "this is a text, long enough to be read as a header of a database".repeat(4))
            .unwrap();
        let found = look_at_store(&url);
        assert!(found.exists && found.message.unwrap().contains("not a database"));
        std::fs::write(&file, "").unwrap();
        let found = look_at_store(&url);
        assert_eq!((found.exists, found.schema, found.message), (true, None, None));
        assert!(look_at_store("postgres://x/y").message.is_some());
    }

    #[test]
    fn a_pytorch_names_its_version() {
        let source = "from typing import Optional\n__version__ = '2.11.0+cu130'\ndebug = False\n";
        assert_eq!(version_of_pytorch(source).as_deref(), Some("2.11.0+cu130"));
        assert_eq!(version_of_pytorch("debug = False"), None);
    }

    #[test]
    fn another_libtorch_is_a_problem() {
        let found = LibtorchFound { version: Some("2.9.0".into()), expected: LIBTORCH_VERSION, folder: None };
        assert!(problems(&found)[0].contains("2.9.0"));
    }
}
