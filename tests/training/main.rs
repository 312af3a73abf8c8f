//! Trials through `train`: what goes into them, what comes out, what the caches keep.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod descriptors;
mod hearing;
mod site;
mod tagger;
