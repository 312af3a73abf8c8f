//! The loop: snapshot, decide, store, keep workers running.
