//! Pretrained taggers, their checkpoints, the cache of what they compute.

pub mod checkpoint;
