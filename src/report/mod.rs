//! Rows to tables and pictures. Nothing here reads a store or a dataset.

pub mod ablation;
mod chart;
pub mod dataset;
pub mod descriptors;
pub mod evaluation;
pub mod picture;
mod plot;
pub mod regret;
pub mod study;
pub mod table;
