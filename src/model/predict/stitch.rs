//! Which track of one window goes on as which track of the next.

use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;

use crate::model::decode::{FrameRow, Prediction};

/// Similarities are compared in whole steps, so that the assignment is the same on every platform.
const STEPS: f64 = 1e6;

/// Puts the tracks of overlapping windows into one order.
#[derive(Debug, Default)]
pub(super) struct Stitcher {
    /// First label frame and tracks, in the common order, of the last window.
    last: Option<(i64, Prediction)>,
}

impl Stitcher {
    /// The window from label frame `first` on with its tracks in the order of the windows before.
    pub(super) fn align(&mut self, first: i64, window: Prediction) -> Prediction {
        let window = match &self.last {
            Some((last_first, last)) => {
                let skip = usize::try_from(first - last_first).unwrap_or(0);
                reorder(&window, &assignment(last, skip, &window))
            }
            None => window,
        };
        self.last = Some((first, window.clone()));
        window
    }
}

/// For every track of `last`, the track of `next` that goes on from it, where frame `skip` of `last` is frame 0 of `next`.
///
/// The assignment is the one at the least squared distance over the frames that both have, where a track is, for every
/// class, its direction scaled by the activity of the class (the activity-coupled vectors of Shimada et al., "ACCDOA",
/// ICASSP 2021). Squares of lengths are the same for every assignment, so what is maximised is the sum of products. Among
/// equals tracks keep their place.
pub(super) fn assignment(last: &Prediction, skip: usize, next: &Prediction) -> Vec<usize> {
    let tracks = last.tracks;
    let mut similarity = vec![0.0; tracks * tracks];
    for (before, after) in (skip..last.frames()).zip(0..next.frames()) {
        add_products(&mut similarity, last.row(before), next.row(after), tracks);
    }
    let weights = Matrix::from_fn(tracks, tracks, |(row, column)| {
        // One step more is less than any similarity that means something, and more than none.
        (similarity[row * tracks + column] * STEPS).round() as i64 + i64::from(row == column)
    });
    kuhn_munkres(&weights).1
}

fn add_products(similarity: &mut [f64], before: FrameRow, after: FrameRow, tracks: usize) {
    let classes = before.activity.len() / tracks.max(1);
    let dot = |a: &[f32], b: &[f32]| f64::from(a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>());
    for i in 0..tracks {
        let row = &before.activity[i * classes..(i + 1) * classes];
        for j in 0..tracks {
            let activity = dot(row, &after.activity[j * classes..(j + 1) * classes]);
            if activity > 0.0 {
                let directions = [before.direction, after.direction].map(|all| all.as_chunks::<3>().0);
                similarity[i * tracks + j] += activity * dot(&directions[0][i], &directions[1][j]);
            }
        }
    }
}

/// Track `order[i]` becomes track i.
fn reorder(window: &Prediction, order: &[usize]) -> Prediction {
    let moved = |values: &[f32], width: usize| -> Vec<f32> {
        let of_frame =
            |frame: &[f32]| order.iter().flat_map(|j| frame[j * width..(j + 1) * width].to_vec()).collect();
        values
            .chunks_exact((order.len() * width).max(1))
            .flat_map(|frame| -> Vec<f32> { of_frame(frame) })
            .collect()
    };
    Prediction {
        tracks: window.tracks,
        classes: window.classes,
        activity: moved(&window.activity, window.classes),
        direction: moved(&window.direction, 3),
        distance: window.distance.as_ref().map(|distance| moved(distance, 1)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seld::doa::Direction;

    const CLASSES: usize = 3;

    /// A recording of `frames` frames in which every track has a class and a direction of its own, and is active half of
    /// the time.
    fn recording(frames: usize, tracks: usize) -> Prediction {
        let mut whole = Prediction::empty(tracks, CLASSES, true);
        for (frame, track) in (0..frames).flat_map(|frame| (0..tracks).map(move |track| (frame, track))) {
            let is_active = (frame / 7 + track).is_multiple_of(2);
            let activity = (0..CLASSES).map(|class| match class == track % CLASSES && is_active {
                true => 0.8,
                false => 0.05,
            });
            whole.activity.extend(activity);
            let azimuth_deg = 70.0 * track as f64 + frame as f64 * 0.5;
            let direction = Direction { azimuth_deg, elevation_deg: 0.0 }.to_vector();
            whole.direction.extend(direction.map(|c| c as f32));
            whole.distance.as_mut().unwrap().push(track as f32);
        }
        whole
    }

    fn cut(whole: &Prediction, first: usize, frames: usize) -> Prediction {
        let mut part = Prediction::empty(whole.tracks, whole.classes, true);
        for row in whole.rows().skip(first).take(frames) {
            part.activity.extend_from_slice(row.activity);
            part.direction.extend_from_slice(row.direction);
            part.distance.as_mut().unwrap().extend_from_slice(row.distance.unwrap());
        }
        part
    }

    proptest! {
        #[test]
        fn tracks_in_any_order_come_back_in_that_of_the_first_window(
            tracks in 1usize..6, seed in prop::collection::vec(any::<prop::sample::Index>(), 40),
        ) {
            let (length, step) = (30, 12);
            let whole = recording(150, tracks);
            let mut seed = seed.into_iter().cycle();
            let mut stitcher = Stitcher::default();
            for (count, first) in (0..=150 - length).step_by(step).enumerate() {
                let window = cut(&whole, first, length);
                let mut order: Vec<usize> = (0..tracks).collect();
                if count > 0 {
                    for i in (1..tracks).rev() {
                        order.swap(i, seed.next().unwrap().index(i + 1));
                    }
                }
                let shuffled = reorder(&window, &order);
                prop_assert_eq!(stitcher.align(first as i64, shuffled), window);
            }
        }
    }

    #[test]
    fn silence_changes_no_order() {
        let silent = Prediction { activity: vec![0.0; 10 * 4 * CLASSES], ..recording(10, 4) };
        assert_eq!(assignment(&silent, 5, &silent), [0, 1, 2, 3]);
        let whole = recording(10, 4);
        assert_eq!(assignment(&whole, 10, &whole), [0, 1, 2, 3], "nothing in common");
    }
}
