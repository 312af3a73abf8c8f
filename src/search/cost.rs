//! What a candidate costs, which is known before it is trained.

use serde_json::Value;

/// The cost of a candidate, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    /// Trainable parameters.
    pub params: Option<f64>,
    /// Multiply-adds per second of sound.
    pub macs: Option<f64>,
    /// Bytes of activations that a training step keeps, of all chunks of a batch.
    pub memory: Option<f64>,
    /// Seconds in which a chunk of sound is heard.
    pub latency: Option<f64>,
}

/// Tells what candidates cost.
pub trait Appraiser {
    /// The cost of a document; `None` when it cannot be built.
    fn appraise(&self, document: &Value) -> Option<Cost>;
}

/// Knows no cost, for searches without constraints.
impl Appraiser for () {
    fn appraise(&self, _: &Value) -> Option<Cost> {
        None
    }
}
