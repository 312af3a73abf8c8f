//! Rows to tables. Pure: nothing here reads a store or a file.

pub mod table;
