//! Turns a pretrained general-purpose audio tagger into a sound event localization and detection (SELD)
//! system, and searches for the architecture that does it best.
//!
//! Parts, from leaf to root; a part imports only parts above it in this list:
//!
//! | part | owns |
//! | --- | --- |
//! | [`audio`] | samples on the CPU: reading, writing, resampling |
//! | [`seld`] | events, frames, directions, DCASE CSV files, metrics |
//! | [`scene`] | synthesis of labelled spatial datasets |
//! | [`dataset`] | the folders datasets come in, their splits, classes, labels, problems and statistics |
//! | [`features`] | waveform tensors to time-frequency descriptors |
//! | [`backbone`] | pretrained taggers, their checkpoints, the cache of what they compute |
//! | [`model`] | the architecture document and the network it describes |
//! | [`loss`] | what training minimises |
//! | [`train`] | one trial, from architecture document to outcome |
//! | [`search`] | pure decisions: what to try next, what to prune, what a stage hands on |
//! | [`store`] | studies, stages, trials, curves and leases in a database |
//! | [`engine`] | where worker processes run |
//! | [`worker`] | claims trials and supervises the process that trains them |
//! | [`controller`] | the loop from snapshot to decision to store |
//! | [`export`] | the folder a trained model is handed over in |
//! | [`ablation`] | what the winner of a study owes to each ingredient of its training |
//! | [`report`] | rows to tables and pictures |
//! | [`diagnosis`] | what `doctor` says |
//! | [`cli`] | the command line |
//!
//! Shared by all: [`ids`], [`fs`], [`rng`], [`cache`], [`system`], [`tensor_file`] and
//! [`torch_ext`].

pub mod ablation;
pub mod audio;
pub mod backbone;
pub mod cache;
pub mod cli;
pub mod controller;
pub mod dataset;
pub mod diagnosis;
pub mod engine;
pub mod export;
pub mod features;
pub mod fs;
pub mod ids;
pub mod loss;
pub mod model;
pub mod report;
pub mod rng;
pub mod scene;
pub mod search;
pub mod seld;
pub mod simulate;
pub mod store;
pub mod system;
pub mod tensor_file;
pub mod torch_ext;
pub mod train;
pub mod worker;
