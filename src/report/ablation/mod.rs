//! What the trainings of a winner show, as tables, a document and a figure.

mod figure;
mod folder;
mod tables;
#[cfg(test)]
mod tests;

pub use folder::write;
pub use tables::tables;
