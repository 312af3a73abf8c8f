//! Rows to tables.
