//! DCASE 2019: detection and direction apart.
//!
//! Detection is the error rate and F-score of class activity in one-second segments (Mesaros et al., "Metrics for
//! polyphonic sound event detection", Applied Sciences 2016). Direction is matched frame by frame over all classes
//! together (Adavanne et al., "Direction of arrival estimation for multiple sound sources using convolutional
//! recurrent neural network", EUSIPCO 2018); the recall is the share of frames with the right number of events.
//! Follows the official evaluator with its peculiarities: the last frame of a segment is not looked at for
//! detection, and unmatched predictions divide the sum of angles like matched ones.

use std::sync::Arc;

use super::blocks::by_frame;
use super::detections::Detections;
use super::errors::{Errors, f_score};
use super::matching::Matcher;
use super::options::{Options, Variant};
use super::scores::{Scores, Values};
use crate::seld::doa::Direction;
use crate::seld::event::FrameEvent;

/// See [`super::Tally`].
#[derive(Debug, Clone)]
pub(super) struct Tally {
    options: Options,
    pub(super) classes: usize,
    direction: DirectionCounts,
    /// Of recordings cut into segments one by one (`grid`).
    detection: DetectionCounts,
    /// Recordings joined end to end before segments are cut (`regression`): where a segment begins depends on all
    /// that came before, so they are kept.
    joined: Vec<Arc<Activity>>,
}

#[derive(Debug, Clone, Default)]
struct DirectionCounts {
    frames: u64,
    /// With as many events in the prediction as in the reference.
    right_frames: u64,
    predictions: u64,
    angle_sum_deg: f64,
}

/// Counts of classes in segments.
#[derive(Debug, Clone, Default)]
struct DetectionCounts {
    hits: u64,
    references: u64,
    predictions: u64,
    errors: Errors,
}

/// When classes are active in a recording: (frame, class), sorted.
#[derive(Debug, Clone, Default)]
struct Activity {
    frames: u64,
    reference: Vec<(u64, u32)>,
    prediction: Vec<(u64, u32)>,
}

impl Tally {
    pub(super) fn new(classes: usize, options: Options) -> Self {
        let (direction, detection) = (DirectionCounts::default(), DetectionCounts::default());
        Self { options, classes, direction, detection, joined: Vec::new() }
    }

    pub(super) fn add_recording(
        &mut self,
        reference: &[FrameEvent],
        prediction: &[FrameEvent],
        scored_frames: usize,
    ) {
        let sides = [reference, prediction].map(|events| self.labels(events, scored_frames));
        let [reference, prediction] = &sides;
        self.direction.add(reference, prediction, scored_frames as u64, &self.options);
        let [reference, prediction] =
            sides.each_ref().map(|events| events.iter().map(|e| (u64::from(e.frame), e.class)).collect());
        let activity = Activity { frames: scored_frames as u64, reference, prediction };
        match self.options.variant {
            Variant::Grid => {
                let alone = [Arc::new(activity)];
                self.detection.merge(&detection(&alone, self.options.frames_per_second));
            }
            Variant::Regression => self.joined.push(Arc::new(activity)),
        }
    }

    /// The events as the official label arrays hold them: sorted by frame and class; one a cell of the grid, or
    /// one a class, where a later row replaces an earlier one.
    fn labels(&self, events: &[FrameEvent], scored_frames: usize) -> Vec<FrameEvent> {
        let scored =
            |e: &&FrameEvent| (e.frame as usize) < scored_frames && (e.class as usize) < self.classes;
        let mut labels: Vec<FrameEvent> = by_frame(events).iter().filter(scored).copied().collect();
        labels.sort_by_key(|event| (event.frame, event.class));
        match self.options.variant {
            Variant::Grid => {
                for event in &mut labels {
                    event.direction = grid_cell(event.direction);
                }
                let cell = |e: &FrameEvent| {
                    (e.frame, e.class, e.direction.azimuth_deg as i64, e.direction.elevation_deg as i64)
                };
                labels.sort_by_key(cell);
                labels.dedup_by_key(|event| cell(event));
            }
            Variant::Regression => labels.dedup_by(|later, earlier| {
                let same = (later.frame, later.class) == (earlier.frame, earlier.class);
                if same {
                    *earlier = *later;
                }
                same
            }),
        }
        labels
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.widen(other.classes);
        self.direction.merge(&other.direction);
        self.detection.merge(&other.detection);
        self.joined.extend(other.joined.iter().cloned());
    }

    pub(super) fn widen(&mut self, classes: usize) {
        self.classes = self.classes.max(classes);
    }

    fn detection(&self) -> DetectionCounts {
        match self.options.variant {
            Variant::Grid => self.detection.clone(),
            Variant::Regression => detection(&self.joined, self.options.frames_per_second),
        }
    }

    pub(super) fn detections(&self) -> Detections {
        let DetectionCounts { hits, references, predictions, .. } = self.detection();
        Detections { hits, references, predictions }
    }

    pub(super) fn scores(&self) -> Scores {
        let DetectionCounts { hits, references, predictions, errors } = self.detection();
        let direction = &self.direction;
        let le = match (self.options.variant, direction.predictions) {
            (Variant::Regression, 0) => 0.0,
            (_, predictions) => direction.angle_sum_deg / predictions as f64,
        };
        let lr = direction.right_frames as f64 / direction.frames as f64;
        let er = errors.total() / references as f64;
        let overall = Values::of_four(er, f_score(hits, references, predictions), le, lr);
        Scores { overall, classwise: Vec::new() }
    }

    pub(super) fn named(&self) -> Vec<(&'static str, Vec<f64>)> {
        let detection = self.detection();
        let one = |count: u64| vec![count as f64];
        let mut named = vec![
            ("TP", one(detection.hits)),
            ("Nref", one(detection.references)),
            ("Nsys", one(detection.predictions)),
            ("doa_loss_pred", vec![self.direction.angle_sum_deg]),
            ("doa_loss_pred_cnt", one(self.direction.predictions)),
            ("nb_good_pks", one(self.direction.right_frames)),
            ("nb_frames", one(self.direction.frames)),
        ];
        named.extend(detection.errors.named());
        named
    }
}

/// The cell of the 10-degree grid that the official labels put a direction in: clipped, then rounded down.
fn grid_cell(direction: Direction) -> Direction {
    let cell = |degrees: f64, low: f64, high: f64| (degrees.clamp(low, high) / 10.0).floor() * 10.0;
    Direction {
        azimuth_deg: cell(direction.azimuth_deg, -180.0, 170.0),
        elevation_deg: cell(direction.elevation_deg, -40.0, 40.0),
    }
}

impl DirectionCounts {
    /// Adds a recording whose events are sorted by frame and lie before `frames`.
    fn add(&mut self, reference: &[FrameEvent], prediction: &[FrameEvent], frames: u64, options: &Options) {
        let mut matcher = Matcher::new(options.coordinates);
        let (mut reference, mut prediction) = (reference, prediction);
        self.frames += frames;
        // Silent frames are right.
        self.right_frames += frames;
        let next = |rest: &[FrameEvent]| rest.first().map(|event| event.frame);
        while let Some(frame) = [next(reference), next(prediction)].into_iter().flatten().min() {
            let take = |rest: &mut &[FrameEvent]| {
                let (taken, remaining) = rest.split_at(rest.iter().take_while(|e| e.frame == frame).count());
                *rest = remaining;
                taken.iter().map(|event| event.direction).collect::<Vec<_>>()
            };
            let (there, predicted) = (take(&mut reference), take(&mut prediction));
            self.right_frames -= u64::from(there.len() != predicted.len());
            self.predictions += predicted.len() as u64;
            let pairs = matcher.least_angle(there.into_iter(), predicted.into_iter());
            self.angle_sum_deg += pairs.iter().map(|pair| pair.angle_deg).sum::<f64>();
        }
    }

    fn merge(&mut self, other: &Self) {
        self.frames += other.frames;
        self.right_frames += other.right_frames;
        self.predictions += other.predictions;
        self.angle_sum_deg += other.angle_sum_deg;
    }
}

impl DetectionCounts {
    fn merge(&mut self, other: &Self) {
        self.hits += other.hits;
        self.references += other.references;
        self.predictions += other.predictions;
        self.errors.merge(&other.errors);
    }
}

/// Counts over recordings joined end to end. The last frame of every segment is left out: a segment with only
/// that frame active is silent.
fn detection(joined: &[Arc<Activity>], frames_per_segment: usize) -> DetectionCounts {
    let length = frames_per_segment.max(1) as u64;
    let (mut reference, mut prediction) = (Vec::new(), Vec::new());
    let mut begin = 0;
    for activity in joined {
        let segments = |rows: &[(u64, u32)], all: &mut Vec<(u64, u32)>| {
            let rows = rows.iter().map(|&(frame, class)| (begin + frame, class));
            let seen = rows.filter(|(frame, _)| frame % length != length - 1);
            all.extend(seen.map(|(frame, class)| (frame / length, class)));
        };
        segments(&activity.reference, &mut reference);
        segments(&activity.prediction, &mut prediction);
        begin += activity.frames;
    }
    for all in [&mut reference, &mut prediction] {
        all.sort_unstable();
        all.dedup();
    }
    let mut counts = DetectionCounts {
        references: reference.len() as u64,
        predictions: prediction.len() as u64,
        ..DetectionCounts::default()
    };
    let of_segment = |all: &[(u64, u32)], segment: u64| {
        let begin = all.partition_point(|&(s, _)| s < segment);
        let end = all.partition_point(|&(s, _)| s <= segment);
        begin..end
    };
    let mut segments: Vec<u64> = reference.iter().chain(&prediction).map(|&(segment, _)| segment).collect();
    segments.sort_unstable();
    segments.dedup();
    for segment in segments {
        let there = &reference[of_segment(&reference, segment)];
        let predicted = &prediction[of_segment(&prediction, segment)];
        let hits = there.iter().filter(|class| predicted.binary_search(class).is_ok()).count();
        counts.hits += hits as u64;
        counts.errors.add((there.len() - hits) as u64, (predicted.len() - hits) as u64);
    }
    counts
}
