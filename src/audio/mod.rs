//! Samples on the CPU: reading and writing sound files, resampling. No tensors.
