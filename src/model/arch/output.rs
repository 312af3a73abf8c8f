//! What the network says about an event, and how: its part of the architecture document.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How activity and direction are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputFormat {
    /// For every track, the activity of each class and one direction (Cao et al., arXiv 2010.13092).
    Tracks,
    /// For every class, a vector towards the event as long as it is active (Shimada et al., arXiv 2010.15306).
    Accdoa,
    /// For every track and class, such a vector (Shimada et al., arXiv 2110.07124).
    MultiAccdoa,
}

/// What is said about an event, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OutputConfig {
    /// How activity and direction are said.
    pub format: OutputFormat,
    /// Also how far away it is; needs labels that say so.
    pub distance: bool,
}

impl Default for OutputConfig {
    fn default() -> Self {
        Self { format: OutputFormat::Tracks, distance: false }
    }
}
