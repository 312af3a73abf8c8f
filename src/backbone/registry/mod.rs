//! Which taggers there are by name, and where their weights lie and come from.
//!
//! The entries are data: `backbones.toml` at the root of the repository, compiled in, and what the user's own file
//! adds to it. An [`Entry`] names one of the built-in [`Network`]s, so a fine-tuned Cnn14 becomes a tagger of its own
//! by a few lines in a file. Nothing here goes to the network: that is [`pull`](super::pull).

mod document;
mod entry;
mod load;
mod network;

pub use document::{RegistryError, user_file};
pub use entry::{Entry, entries, find};
pub use load::{load, weights_of};
pub use network::Network;
