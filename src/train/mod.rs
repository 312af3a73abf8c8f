//! One trial, from architecture document to outcome. Knows no store: it reports through [`Progress`].

pub mod device;
pub mod trial;
