//! Trials through `train`: what goes into them, what comes out, what the caches keep.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod descriptors;
mod ends;
mod hearing;
mod losses;
mod numbers;
mod site;
mod tagger;
mod warm_start;
