//! Events, frames, directions of arrival, DCASE CSV files and the DCASE metrics. No tensors; no files but CSV.

pub mod csv;
pub mod doa;
pub mod evaluation;
pub mod event;
pub mod metric;
pub mod tree;
