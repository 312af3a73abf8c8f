//! Variations of training chunks: what is drawn for each, and what it does to sound and labels.
//!
//! Everything that changes what the tagger hears would make its cached output wrong. So of the variations only the
//! mixing of scenes touches W as the tagger gets it (such chunks go through the tagger again); rotations leave W
//! as it is, and level, shift and masks are applied to the descriptors of the spatial path alone.

mod config;
pub mod rotation;
mod variation;

pub use config::{AugmentConfig, RotationKind};
pub use rotation::{Rotation, SWAPS};
pub use variation::{Stripe, Variation, Variations};
