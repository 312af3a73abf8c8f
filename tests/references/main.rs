//! Compares with numbers from the field's own Python code: the cases in `tests/fixtures`, and those in every
//! folder of `AT2SELD_REFERENCE_DIRS` (separated by colons). A module a kind of case.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod backbones;
mod checkpoints;
mod features;
mod folders;
mod metrics;
mod panns;
mod tables;
mod tensors;
mod torch_file;
mod yamnet;
