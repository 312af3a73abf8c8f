//! What the taggers have in common: a picture of the sound goes through convolutional blocks.
//!
//! A network is described as data first ([`Network`]), so that its taps and its cost are known without its weights. Its
//! weights then make [`Blocks`] of it: those of a frozen prefix, with their batch norms folded in, and those after it as
//! variables that are trained.

mod conv;
mod plan;
mod stack;

pub use plan::{BatchNorm, BlockPlan, Conv, Network, Pool};
pub use stack::{Blocks, Thaw, average};

pub(super) use conv::affine_of;
