//! The activity of one class on one track in time.

use std::collections::VecDeque;

/// A median filter, then a least duration, over activities that come one by one. Inactive is 0; before the first and
/// after the last frame all is inactive.
///
/// Only activities above the threshold are given to it: whether the median is above a threshold depends on no other, and
/// then it is one of them.
#[derive(Debug, Clone)]
pub(super) struct ActivityFilter {
    /// The last activities, as many as the median spans.
    recent: VecDeque<f32>,
    /// The last medians, as many as the least duration spans, and whether they are known to last that long.
    pending: VecDeque<(f32, bool)>,
    /// Active medians without a gap up to the last one.
    run: usize,
    /// Inactive activities without a gap up to the last one.
    silence: usize,
    /// Active frames without a gap up to the last one that was decided.
    age: u32,
}

impl ActivityFilter {
    /// One that has seen silence only.
    pub(super) fn new(median_frames: usize, min_frames: usize) -> Self {
        let (median, duration) = (median_frames.max(1), min_frames.max(1));
        Self {
            recent: vec![0.0; median].into(),
            pending: vec![(0.0, false); duration].into(),
            run: 0,
            silence: median + duration,
            age: 0,
        }
    }

    /// Whether another inactive frame changes nothing.
    pub(super) fn is_quiet(&self) -> bool {
        self.silence >= self.recent.len() + self.pending.len()
    }

    /// Active frames without a gap up to the last one that was decided, that one included.
    pub(super) fn age(&self) -> u32 {
        self.age
    }

    /// Takes the next frame's activity and gives that of the frame [`Rules::delay_frames`](super::Rules::delay_frames)
    /// before it.
    pub(super) fn push(&mut self, activity: f32) -> f32 {
        self.silence = if activity > 0.0 { 0 } else { self.silence.saturating_add(1) };
        self.recent.pop_front();
        self.recent.push_back(activity);
        let median = self.median();
        self.run = if median > 0.0 { self.run + 1 } else { 0 };
        self.pending.pop_front();
        self.pending.push_back((median, false));
        if self.run >= self.pending.len() {
            self.pending.iter_mut().for_each(|(_, lasts)| *lasts = true);
        }
        let decided = match self.pending.front() {
            Some((activity, true)) => *activity,
            _ => 0.0,
        };
        self.age = if decided > 0.0 { self.age.saturating_add(1) } else { 0 };
        decided
    }

    fn median(&self) -> f32 {
        let half = self.recent.len() / 2;
        if half == 0 {
            return self.recent[0];
        }
        if self.recent.iter().filter(|activity| **activity > 0.0).count() <= half {
            return 0.0;
        }
        let mut sorted: Vec<f32> = self.recent.iter().copied().collect();
        *sorted.select_nth_unstable_by(half, f32::total_cmp).1
    }
}
