//! What training minimises: its part of the architecture document.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Over what the assignment of tracks to events is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Permutation {
    /// One assignment for a whole chunk (PIT).
    Chunk,
    /// One assignment for every label frame (tPIT).
    Frame,
}

/// Loss of activities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActivityLoss {
    /// Binary cross-entropy.
    Bce,
    /// Focal loss (Lin et al., arXiv 1708.02002): what is right already counts less.
    Focal,
}

/// How much the classes count in the activity loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClassBalance {
    /// All alike.
    None,
    /// Inversely to how many label frames of the training data have them.
    InverseFrequency,
    /// Inversely to the effective number of these frames (Cui et al., arXiv 1901.05555).
    EffectiveNumber,
}

/// Distance between predicted and true direction vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoaDistance {
    /// Squared error of the Cartesian vectors.
    Mse,
    /// Absolute error of the Cartesian vectors.
    L1,
    /// One minus the cosine of the angle.
    Cosine,
    /// The angle in radians.
    Angular,
}

/// On which targets directions count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoaTargets {
    /// Where there is an event.
    Active,
    /// Everywhere: the vector of no event is zero.
    All,
}

/// How activity and direction losses are weighted against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LossWeighting {
    /// By `doa_weight` and `distance_weight`.
    Fixed,
    /// By the uncertainty of each, which is learned (Kendall et al., arXiv 1705.07115), beginning with those weights.
    Uncertainty,
}

/// Loss of distances in metres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DistanceLoss {
    /// Squared error.
    Mse,
    /// Absolute error as a share of the distance.
    Relative,
}

/// What training minimises.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// Over what tracks are assigned to events. Vectors of several tracks have an assignment for every label frame (ADPIT).
    pub permutation: Permutation,
    /// Loss of activities.
    pub activity: ActivityLoss,
    /// How little the focal loss counts what is right already; 0 is the cross-entropy.
    pub focal_gamma: f64,
    /// Weight of active outputs in the focal loss, against one minus it for the others, in (0, 1).
    pub focal_alpha: f64,
    /// How much the classes count.
    pub class_balance: ClassBalance,
    /// The effective number of n frames is (1 - beta^n) / (1 - beta), here and in `train.sampling`; in [0, 1).
    pub effective_beta: f64,
    /// Targets of activity are this share of the way from what they are to 0.5, in [0, 1).
    pub label_smoothing: f64,
    /// Distance of directions; of class-wise vectors, the squared error alone.
    pub doa: DoaDistance,
    /// On which targets; class-wise vectors are zero where the class is not active.
    pub doa_on: DoaTargets,
    /// Weight of the direction loss against the activity loss, which has weight 1; of class-wise formats, where both are
    /// one, without effect.
    pub doa_weight: f64,
    /// Loss of distances, on active targets.
    pub distance: DistanceLoss,
    /// Weight of it.
    pub distance_weight: f64,
    /// How the weights are found.
    pub weighting: LossWeighting,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            permutation: Permutation::Frame,
            activity: ActivityLoss::Bce,
            focal_gamma: 2.0,
            focal_alpha: 0.25,
            class_balance: ClassBalance::None,
            effective_beta: 0.9999,
            label_smoothing: 0.0,
            doa: DoaDistance::Mse,
            doa_on: DoaTargets::Active,
            doa_weight: 1.0,
            distance: DistanceLoss::Relative,
            distance_weight: 1.0,
            weighting: LossWeighting::Fixed,
        }
    }
}
