//! One trial, from architecture document to outcome.
