//! Where the windows lie that the network hears.

use crate::seld::event::FRAMES_PER_SECOND;

/// Length and distance of windows, in label frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    length: i64,
    step: i64,
}

/// A length or distance of windows that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WindowError {
    /// Shorter than the network can be given.
    #[error("a window of {window_s} s is too short: the network needs {shortest_s} s at least")]
    Short {
        /// Asked for.
        window_s: f64,
        /// Needed.
        shortest_s: f64,
    },
    /// Longer than memory should be asked for.
    #[error("a window of {window_s} s is too long: {longest_s} s at most")]
    Long {
        /// Asked for.
        window_s: f64,
        /// Allowed.
        longest_s: f64,
    },
    /// Windows would leave gaps, or never move.
    #[error("windows of {window_s} s cannot follow each other every {hop_s} s: from 0.1 s to their length")]
    Hop {
        /// Length of a window.
        window_s: f64,
        /// Asked for.
        hop_s: f64,
    },
}

/// A window longer than this, in seconds, is refused: a network's activations grow with it.
const LONGEST_S: f64 = 60.0;

/// Whole label frames in some seconds.
fn frames(seconds: f64) -> i64 {
    (seconds * FRAMES_PER_SECOND as f64).round() as i64
}

impl Layout {
    /// Windows of some seconds, each half over the one before.
    pub fn halves(window_s: f64) -> Self {
        let length = frames(window_s).max(1);
        Self { length, step: (length / 2).max(1) }
    }

    /// Windows of some seconds at a distance of some seconds; `shortest`: label frames that the network needs.
    ///
    /// # Errors
    /// Windows that are too short or too long, or that would leave gaps.
    pub fn new(window_s: f64, hop_s: Option<f64>, shortest: i64) -> Result<Self, WindowError> {
        if frames(window_s) < shortest.max(1) || window_s.is_nan() {
            let shortest_s = shortest.max(1) as f64 / FRAMES_PER_SECOND as f64;
            return Err(WindowError::Short { window_s, shortest_s });
        }
        if window_s > LONGEST_S {
            return Err(WindowError::Long { window_s, longest_s: LONGEST_S });
        }
        let halves = Self::halves(window_s);
        match hop_s {
            None => Ok(halves),
            Some(hop_s) if (1..=halves.length).contains(&frames(hop_s)) => {
                Ok(Self { step: frames(hop_s), ..halves })
            }
            Some(hop_s) => Err(WindowError::Hop { window_s, hop_s }),
        }
    }

    /// Label frames of a window.
    pub fn length(self) -> i64 {
        self.length
    }

    /// Label frames from window to window.
    pub fn step(self) -> i64 {
        self.step
    }

    /// Label frames at the end of a window that the next one judges.
    pub fn margin(self) -> i64 {
        (self.length - self.step) / 2
    }

    /// The next window while the recording goes on, when frames up to `covered` have been judged.
    pub(super) fn next(self, covered: i64) -> Window {
        let first = (covered - self.margin()).max(0);
        let keep_from = covered - first;
        let keep = first + self.margin() + self.step - covered;
        Window { first, frames: self.length, keep_from, keep }
    }

    /// The next window when it is known that the recording has `total` frames, at least one of which is not judged: it is
    /// the last one when it reaches the end, and then it begins early enough to be whole.
    pub(super) fn next_of(self, covered: i64, total: i64) -> Window {
        let length = self.length.min(total);
        let first = (covered - self.margin()).clamp(0, total - length);
        let is_last = first + length >= total;
        let until = if is_last { total } else { first + self.margin() + self.step };
        Window { first, frames: length, keep_from: covered - first, keep: until - covered }
    }
}

/// A stretch of label frames, and the part of it that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) first: i64,
    pub(super) frames: i64,
    /// Counted from `first`.
    pub(super) keep_from: i64,
    pub(super) keep: i64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn kept_parts_cover_everything_once(
            total in 1i64..500, length in 1i64..120, step in 1i64..120, heard in 0i64..500,
        ) {
            let layout = Layout { length, step: step.min(length) };
            let mut covered = 0;
            // First those that lie within what has been heard, then, at the end, the others.
            loop {
                let window = layout.next(covered);
                if window.first + window.frames > heard.min(total) {
                    break;
                }
                prop_assert_eq!(window.first + window.keep_from, covered);
                prop_assert!(window.keep > 0 && window.keep_from + window.keep <= window.frames);
                prop_assert_eq!(window, layout.next_of(covered, total.max(window.first + window.frames + 1)));
                covered += window.keep;
            }
            while covered < total {
                let window = layout.next_of(covered, total);
                prop_assert_eq!(window.first + window.keep_from, covered);
                prop_assert!(window.keep > 0 && window.keep_from + window.keep <= window.frames);
                prop_assert!(window.first >= 0 && window.first + window.frames <= total);
                covered += window.keep;
            }
            prop_assert_eq!(covered, total);
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert_eq!(Layout::new(5.0, None, 1), Ok(Layout { length: 50, step: 25 }));
        assert_eq!(Layout::new(5.0, Some(0.5), 1).map(Layout::margin), Ok(22));
        assert!(matches!(Layout::new(0.2, None, 5), Err(WindowError::Short { .. })));
        assert!(matches!(Layout::new(f64::NAN, None, 5), Err(WindowError::Short { .. })));
        assert!(matches!(Layout::new(100.0, None, 5), Err(WindowError::Long { .. })));
        for hop_s in [0.0, 0.04, 5.2, f64::NAN] {
            assert!(matches!(Layout::new(5.0, Some(hop_s), 5), Err(WindowError::Hop { .. })), "{hop_s}");
        }
    }
}
