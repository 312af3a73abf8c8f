//! What a label file says, frame by frame.

use serde::{Deserialize, Serialize};

use super::doa::Direction;

/// Length of one label frame in milliseconds, as in all DCASE Task 3 data since 2020.
pub const FRAME_MS: u32 = 100;
/// Label frames in a second.
pub const FRAMES_PER_SECOND: usize = 10;

/// One row of a frame-wise label or prediction file: one active event in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FrameEvent {
    /// Label frame, from 0.
    pub frame: u32,
    /// Class index, from 0.
    pub class: u32,
    /// Which source it is, to tell two of one class apart; unique within a recording where the data has it.
    pub source: u32,
    /// Where it comes from.
    pub direction: Direction,
    /// How far away, in metres, where known.
    pub distance_m: Option<f64>,
}
