//! Fetching weights over HTTP into the cache: the only part of the program, besides a database on another machine,
//! that uses a network.
//!
//! A file is fetched from the first address that serves it (mirrors, then the registry's), into a partial file that a
//! later call continues, and takes its place only when its digest is the expected one. Where the registry has no
//! digest, that of the first pull is recorded beside the weights and asked of later ones.
//!
//! ```no_run
//! use at2seld::backbone::{pull, registry};
//!
//! let entry = registry::find("cnn6")?;
//! let pulled = pull::pull(entry, &pull::Options::default(), &pull::Silent)?;
//! println!("{} is at {}", pulled.name, pulled.weights.path.display());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod classes;
mod client;
mod digest;
mod download;
mod error;
mod exchange;
mod lock;
mod partial;
mod watch;
mod weights;

pub use address::{check_address, mirrors, without_secrets};
pub use classes::ClassNames;
pub use error::{Failure, PullError, Reason};
pub use watch::{Notice, Silent, Watch};
pub use weights::{Options, Pulled, Stored, Verified, pull};
