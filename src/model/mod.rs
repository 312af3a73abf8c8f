//! The architecture document and the network it describes.

pub mod arch;
mod check;

pub use check::ArchitectureProblem;
