//! Running a detector over recordings of any length in bounded memory.
//!
//! The network hears windows that overlap. Of each, the middle counts, so that no frame is judged at a window's edge; the
//! tracks of one window are matched to those of the one before where the two overlap. [`Listener`] takes a recording in
//! pieces of any length, and what it says does not depend on them; [`predict`] gives it a whole one, and
//! [`EventStream`] goes on to events.

mod events;
mod listener;
mod stitch;
mod turns;
mod windows;

use tch::Device;

use super::decode::Prediction;
use super::detector::Detector;

pub use events::{EventStream, Latency};
pub use listener::Listener;
pub use turns::{Turns, TurnsError};
pub use windows::{Layout, WindowError};

/// Tracks of one recording, heard in windows of `window_s` seconds, each half over the one before.
///
/// * `waveform`: W, Y, Z, X one after the other, at the detector's sample rate.
/// * `turns`: how often each window is heard, turned otherwise.
///
/// # Errors
/// What libtorch says.
pub fn predict(
    detector: &Detector,
    waveform: &[f32],
    window_s: f64,
    turns: Turns,
    device: Device,
) -> Result<Prediction, tch::TchError> {
    let samples = waveform.len() / 4;
    let planes = [0, 1, 2, 3].map(|channel| &waveform[channel * samples..(channel + 1) * samples]);
    let mut listener = Listener::new(detector, Layout::halves(window_s), turns, device);
    let mut whole: Option<Prediction> = None;
    let mut found = |found: Prediction| match &mut whole {
        Some(whole) => whole.append(&found),
        None => whole = Some(found),
    };
    // No more at a time than a window or two, so that only one copy of the recording is in memory.
    let step = detector.sample_rate() as usize;
    for begin in (0..samples).step_by(step) {
        let piece = planes.map(|plane| &plane[begin..(begin + step).min(samples)]);
        listener.push(&piece, &mut found)?;
    }
    listener.finish(&mut found)?;
    // Without a sample there is nothing to say.
    Ok(whole.unwrap_or_else(|| Prediction::empty(0, 0, false)))
}
