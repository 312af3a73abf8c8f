//! One recording as it is labelled and as a model hears it.

use super::truth::Truth;
use crate::seld::event::FrameEvent;

/// What diagnostics see of one recording. Events are in the classes that count.
#[derive(Clone, Copy)]
pub struct Heard<'a> {
    /// The room or other place, see [`room`](super::room).
    pub room: &'a str,
    /// Length in label frames T.
    pub frames: u32,
    /// The labels.
    pub truth: &'a Truth,
    /// What the model says at its thresholds.
    pub events: &'a [FrameEvent],
    /// What is scored: `events`, or the directions with activity known from the labels.
    pub scored: &'a [FrameEvent],
    /// The greatest activity of each class over all tracks, `[T, K]`, row-major, in 0..1.
    pub strongest: &'a [f32],
    /// What the model says at this threshold for all classes.
    pub events_at: &'a (dyn Fn(f64) -> Vec<FrameEvent> + Sync),
}
