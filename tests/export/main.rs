//! The export folder as whoever receives it sees it: `model.pt` against the network it came from, in Rust and in
//! plain Python, and the files beside it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod drawn;
mod hearing;
mod network;
mod python;
mod story;
