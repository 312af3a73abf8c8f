//! Running a detector over a whole recording in bounded memory.

use tch::{Device, Kind, Tensor};

use super::align;
use super::decode::Prediction;
use super::detector::Detector;
use crate::seld::event::FRAMES_PER_SECOND;

/// Tracks of one recording.
///
/// The tagger hears the whole recording, as in training. The network hears windows of `window_s` seconds, each
/// half over the one before; the middle of a window counts, so that no frame is judged at a window's edge.
///
/// * `waveform`: W, Y, Z, X one after the other, at the detector's sample rate.
pub fn predict(
    detector: &Detector,
    waveform: &[f32],
    window_s: f64,
    device: Device,
) -> Result<Prediction, tch::TchError> {
    let _guard = tch::no_grad_guard();
    let samples = (waveform.len() / 4) as i64;
    let frame_samples = i64::from(detector.sample_rate()) / FRAMES_PER_SECOND as i64;
    let frames = (samples + frame_samples - 1) / frame_samples;
    let heard = detector.prior().map(|prior| (prior, prior.prefix_of(waveform, device)));
    let audio = Tensor::from_slice(waveform).view([4, samples]);
    // Silence follows what is too short.
    let total = frames.max(detector.shortest());
    let mut activity = Vec::new();
    let mut direction = Vec::new();
    let mut shape = [0; 4];
    for window in windows(total, (window_s * FRAMES_PER_SECOND as f64).round() as i64) {
        let begin = window.first * frame_samples;
        let length = window.frames * frame_samples;
        let piece = audio.narrow(1, begin, length.min(samples - begin));
        let piece = piece.f_constant_pad_nd([0, length - piece.size()[1]])?.unsqueeze(0).to(device);
        let seconds = |frames: i64| frames as f64 * align::LABEL_FRAME_S;
        let heard = heard
            .as_ref()
            .map(|(prior, recording)| prior.window(recording, seconds(window.first), seconds(window.frames)));
        let found = detector.detect(&detector.describe(&piece), heard.as_ref());
        shape = <[i64; 4]>::try_from(found.activity.size())
            .map_err(|size| tch::TchError::Shape(format!("activity has shape {size:?}")))?;
        let middle = |x: &Tensor| {
            let kept = x.squeeze_dim(0).narrow(0, window.keep_from, window.keep);
            Vec::<f32>::try_from(kept.flatten(0, -1).to_kind(Kind::Float).to(Device::Cpu).contiguous())
        };
        activity.extend(middle(&found.activity)?);
        direction.extend(middle(&found.direction)?);
    }
    let [tracks, classes] = [shape[2], shape[3]];
    activity.truncate((frames * tracks * classes) as usize);
    direction.truncate((frames * tracks * 3) as usize);
    Ok(Prediction { tracks: tracks as usize, classes: classes as usize, activity, direction })
}

/// A stretch of label frames, and the part of it that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    first: i64,
    frames: i64,
    /// Counted from `first`.
    keep_from: i64,
    keep: i64,
}

/// Windows of `length` label frames whose kept parts cover `0..total` once, in order.
fn windows(total: i64, length: i64) -> Vec<Window> {
    let length = length.clamp(1, total.max(1));
    let step = (length / 2).max(1);
    let margin = (length - step) / 2;
    let mut out = Vec::new();
    let mut covered = 0;
    while covered < total {
        let first = (covered - margin).clamp(0, total - length);
        let is_last = first + length >= total;
        let until = if is_last { total } else { first + margin + step };
        out.push(Window { first, frames: length, keep_from: covered - first, keep: until - covered });
        covered = until;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::windows;

    proptest! {
        #[test]
        fn kept_parts_cover_everything_once(total in 0i64..500, length in 1i64..120) {
            let mut next = 0;
            for window in windows(total, length) {
                prop_assert_eq!(window.first + window.keep_from, next);
                prop_assert!(window.keep > 0 && window.keep_from + window.keep <= window.frames);
                prop_assert!(window.first >= 0 && window.first + window.frames <= total.max(1));
                next += window.keep;
            }
            prop_assert_eq!(next, total);
        }
    }
}
