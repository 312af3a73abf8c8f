//! Dry events: trimmed, at one level, and where they sound.

use std::ops::Range;

use super::SAMPLE_RATE;
use super::noise::mean_power;
use super::source::Source;
use crate::seld::event::{FRAMES_PER_SECOND, FrameEvent};

/// Samples of a label frame.
pub(super) const FRAME: usize = SAMPLE_RATE as usize / FRAMES_PER_SECOND;
/// Window of the level measurement, in samples: 10 ms.
const WINDOW: usize = SAMPLE_RATE as usize / 100;
/// Power relative to an event's loudest window below which it counts as silent: 24 dB down, where noise and
/// reverberation begin to hide it.
const SILENT_POWER: f64 = 4e-3;
/// Pauses shorter than this belong to the event (steps, words), in samples: 0.6 s.
const PAUSE: usize = SAMPLE_RATE as usize * 6 / 10;
/// Fade at both ends of an event, in samples: 5 ms.
const FADE: usize = SAMPLE_RATE as usize / 200;

/// A dry event at unit power while it sounds.
pub(super) struct Clip {
    /// Mono samples, without silence at the ends.
    pub(super) samples: Vec<f32>,
    /// Where it sounds.
    active: Vec<Range<usize>>,
}

impl Clip {
    /// Trims silence, cuts to `limit` samples, fades the ends and brings the sounding part to unit power.
    pub(super) fn new(mut samples: Vec<f32>, limit: usize) -> Self {
        let active = active_spans(&samples);
        if let (Some(first), Some(last)) = (active.first(), active.last()) {
            samples.truncate(last.end);
            samples.drain(..first.start);
        }
        samples.truncate(limit);
        let fade = FADE.min(samples.len() / 2);
        for n in 0..fade {
            let weight = n as f32 / fade as f32;
            samples[n] *= weight;
            let end = samples.len() - 1 - n;
            samples[end] *= weight;
        }
        let active = active_spans(&samples);
        let (energy, length) = active.iter().fold((0.0, 0), |(energy, length), span| {
            (energy + mean_power(&samples[span.clone()]) * span.len() as f64, length + span.len())
        });
        let scale = if energy > 0.0 { (length as f64 / energy).sqrt() as f32 } else { 0.0 };
        samples.iter_mut().for_each(|x| *x *= scale);
        Self { samples, active }
    }

    /// Length in seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(SAMPLE_RATE)
    }

    /// Label rows of this event, begun at sample `start` at `source`, in a recording of so many frames: the frames
    /// that its sound, as it arrives at the array, covers by at least half (or the one it covers most, if it is
    /// that short), with the place at the middle of the frame.
    pub(super) fn label(
        &self,
        frames: usize,
        start: usize,
        source: &dyn Source,
        (class, number): (u32, u32),
    ) -> Vec<FrameEvent> {
        let arrival = start + source.delay_samples();
        let mut covered = vec![0; frames];
        for span in &self.active {
            let span = arrival + span.start..arrival + span.end;
            let touched =
                covered.iter_mut().enumerate().take(span.end.div_ceil(FRAME)).skip(span.start / FRAME);
            for (frame, samples) in touched {
                *samples += span.end.min((frame + 1) * FRAME) - span.start.max(frame * FRAME);
            }
        }
        let most = covered.iter().copied().max().unwrap_or(0);
        let heard = |(_, covered): &(usize, usize)| *covered > 0 && *covered >= most.min(FRAME / 2);
        let row = |(frame, _)| {
            let centre: usize = frame * FRAME + FRAME / 2;
            let seconds = centre.saturating_sub(arrival) as f64 / f64::from(SAMPLE_RATE);
            let place = source.at(seconds);
            FrameEvent {
                frame: frame as u32,
                class,
                source: number,
                direction: place.direction,
                distance_m: Some(place.distance_m),
            }
        };
        covered.into_iter().enumerate().filter(heard).map(row).collect()
    }
}

/// Where a sound is not silent, with short pauses filled.
fn active_spans(samples: &[f32]) -> Vec<Range<usize>> {
    let powers: Vec<f64> = samples.chunks(WINDOW).map(mean_power).collect();
    let threshold = powers.iter().copied().fold(0.0, f64::max) * SILENT_POWER;
    let mut spans: Vec<Range<usize>> = Vec::new();
    for (i, power) in powers.iter().enumerate() {
        if *power <= threshold {
            continue;
        }
        let window = i * WINDOW..((i + 1) * WINDOW).min(samples.len());
        match spans.last_mut() {
            Some(last) if window.start - last.end < PAUSE => last.end = window.end,
            _ => spans.push(window),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::path::{Path, Position};
    use crate::scene::room::tests::plain;
    use crate::scene::source::SimulatedSource;
    use crate::seld::doa::Direction;

    #[test]
    fn labels_follow_the_sound() {
        let steady = vec![0.5; 6_000];
        let clip = Clip::new([vec![0.0; 4_800], steady, vec![0.0; 9_600]].concat(), 48_000);
        assert_eq!((clip.samples.len(), clip.active.len(), clip.active[0].clone()), (6_000, 1, 0..6_000));
        let direction = Direction { azimuth_deg: 170.0, elevation_deg: 0.0 };
        let path = Path {
            start: Position { direction, distance_m: 1.0 },
            azimuth_speed: 40.0,
            elevation_speed: 0.0,
            radial_speed: 0.4,
        };
        let room = plain([6.0, 5.0, 3.0], 0.3);
        let source = SimulatedSource { room: &room, array: [3.0, 2.5, 1.5], path };
        // Arrives 70 samples later, at 2400: frames 1 and 2 whole, and half of 3.
        let labels = clip.label(10, 2_330, &source, (5, 2));
        assert_eq!(labels.iter().map(|row| row.frame).collect::<Vec<_>>(), [1, 2, 3]);
        assert!((labels[0].direction.azimuth_deg - 172.0).abs() < 1e-9);
        assert!((labels[2].direction.azimuth_deg - 180.0).abs() < 1e-9);
        assert!((labels[2].distance_m.unwrap() - 1.1).abs() < 1e-9);
    }

    #[test]
    fn tails_that_cannot_be_heard_are_not_labelled() {
        // Falls by 60 dB in a second: 24 dB after 0.4 s.
        let dying: Vec<f32> = (0..48_000).map(|n| 10f32.powf(-3.0 * n as f32 / 24_000.0)).collect();
        let clip = Clip::new(dying, 96_000);
        assert!((clip.seconds() - 0.41).abs() < 0.02, "{}", clip.seconds());
    }
}
