//! Where worker processes run.
