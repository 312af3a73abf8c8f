//! Rows to tables and pictures. Nothing here reads a store or a dataset.

pub mod dataset;
pub mod descriptors;
pub mod picture;
pub mod table;
