//! Bringing a sequence with its own frame rate to label frames.

use tch::{Kind, Tensor};

/// Length of a label frame in seconds.
pub const LABEL_FRAME_S: f64 = crate::seld::event::FRAME_MS as f64 / 1000.0;

/// Times of the centres of the label frames of a sequence that already has their rate.
///
/// `like`: `[B, T, C]`. Returns `[T]` float32, seconds from the start. The length stays symbolic in a trace.
pub fn frame_centres_like(like: &Tensor) -> Tensor {
    let count = like.select(0, 0).select(1, 0).ones_like().cumsum(0, Kind::Float);
    (count - 0.5) * LABEL_FRAME_S
}

/// Times of the centres of `frames` label frames from frame `first` on: `[frames]`, seconds from the start.
pub fn frame_centres(first: i64, frames: i64) -> Tensor {
    let count = Tensor::arange_start(first, first + frames, (Kind::Float, tch::Device::Cpu));
    (count + 0.5) * LABEL_FRAME_S
}

/// Linear interpolation of a sequence at given times; the ends are held.
///
/// * `sequence`: `[B, P, S]`, frame j centred at `first_s + j * hop_s` seconds.
/// * `times_s`: `[T]`, seconds.
///
/// Returns `[B, T, P]`.
pub fn interpolate(sequence: &Tensor, first_s: f64, hop_s: f64, times_s: &Tensor) -> Tensor {
    // The index of the last frame as a tensor: as a number it would be frozen into a trace.
    let last = sequence.select(0, 0).select(0, 0).ones_like().sum(Kind::Float) - 1.0;
    let position = ((times_s - first_s) / hop_s).clamp_min(0.0).minimum(&last);
    let before = position.floor();
    let after = (&before + 1.0).minimum(&last);
    let weight = &position - &before;
    let before = sequence.index_select(2, &before.to_kind(Kind::Int64));
    let after = sequence.index_select(2, &after.to_kind(Kind::Int64));
    (&before + (after - &before) * weight).transpose(1, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_in_time_is_its_own_interpolation() {
        let (first_s, hop_s) = (0.08, 0.19);
        let ramp = Tensor::arange(40, (Kind::Float, tch::Device::Cpu)) * hop_s + first_s;
        let times = frame_centres(3, 50);
        let aligned = interpolate(&ramp.view([1, 1, -1]), first_s, hop_s, &times).flatten(0, -1);
        assert!((aligned - times).abs().max().double_value(&[]) < 1e-5);
    }

    #[test]
    fn the_ends_are_held() {
        let sequence = Tensor::from_slice(&[5.0f32, 7.0]).view([1, 1, 2]);
        let aligned = interpolate(&sequence, 1.0, 1.0, &Tensor::from_slice(&[0.0f32, 1.5, 9.0]));
        assert_eq!(Vec::<f32>::try_from(aligned.flatten(0, -1)).unwrap(), [5.0, 6.0, 7.0]);
    }

    #[test]
    fn centres_from_a_shape_and_from_numbers_agree() {
        let like = Tensor::zeros([2, 7, 3], (Kind::Float, tch::Device::Cpu));
        assert_eq!(frame_centres_like(&like), frame_centres(0, 7));
    }
}
