//! What training minimises.
