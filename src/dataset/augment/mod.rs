//! Augmentations that transform sound and labels together.

pub mod rotation;
