//! What the official code does, frame by frame and class by class, without regard to speed.

use super::*;

/// Reference row, predicted row, angle.
type Match = (usize, usize, f64);

/// Rows of a class in a frame, in the order of the file.
fn rows(events: &[FrameEvent], frame: usize, class: usize) -> Vec<&FrameEvent> {
    events.iter().filter(|e| (e.frame as usize, e.class as usize) == (frame, class)).collect()
}

/// The assignment of least total, by trying all.
fn matched(a: &[Direction], b: &[Direction], coordinates: Coordinates) -> Vec<Match> {
    fn all(a: usize, free: &[usize]) -> Vec<Vec<(usize, usize)>> {
        let Some(last) = a.checked_sub(1) else { return vec![vec![]] };
        let mut found = Vec::new();
        for (position, &column) in free.iter().enumerate() {
            let mut rest = free.to_vec();
            rest.remove(position);
            for mut pairs in all(last, &rest) {
                pairs.push((last, column));
                found.push(pairs);
            }
        }
        found
    }
    let swapped = a.len() > b.len();
    let (short, long) = if swapped { (b, a) } else { (a, b) };
    let columns: Vec<usize> = (0..long.len()).collect();
    let angle = |&(row, column): &(usize, usize)| coordinates.angle_deg(short[row], long[column]);
    let total = |pairs: &Vec<(usize, usize)>| pairs.iter().map(angle).sum::<f64>();
    let best = all(short.len(), &columns).into_iter().min_by(|x, y| total(x).total_cmp(&total(y))).unwrap();
    let pair = |pair: &(usize, usize)| match swapped {
        true => (pair.1, pair.0, angle(pair)),
        false => (pair.0, pair.1, angle(pair)),
    };
    best.iter().map(pair).collect()
}

fn directions(rows: &[&FrameEvent]) -> Vec<Direction> {
    rows.iter().map(|event| event.direction).collect()
}

/// The directions of a class in a frame, as the official label arrays hold them.
fn labels(events: &[FrameEvent], frame: usize, class: usize, variant: Variant) -> Vec<Direction> {
    let all = directions(&rows(events, frame, class));
    if variant == Variant::Regression {
        return all.last().copied().into_iter().collect();
    }
    let mut cells: Vec<Direction> = Vec::new();
    for direction in all {
        let cell = |degrees: f64, low: f64, high: f64| {
            f64::max(low, f64::min(high, degrees)).div_euclid(10.0) * 10.0
        };
        let cell = Direction {
            azimuth_deg: cell(direction.azimuth_deg, -180.0, 170.0),
            elevation_deg: cell(direction.elevation_deg, -40.0, 40.0),
        };
        if !cells.contains(&cell) {
            cells.push(cell);
        }
    }
    cells
}

/// Which classes are active in every frame.
type Active = Vec<[bool; CLASSES]>;

/// Detection over dense arrays of class by frame, and directions frame by frame.
pub(super) fn dcase2019(recordings: &[(&[FrameEvent], &[FrameEvent])], options: Options) -> Values {
    let variant = options.variant;
    let (mut sum, mut predictions, mut right, mut frames) = (0.0, 0, 0, 0);
    let mut sequences: Vec<[Active; 2]> = Vec::new();
    for &(reference, prediction) in recordings {
        for frame in 0..FRAMES {
            let all = |events| (0..CLASSES).flat_map(|class| labels(events, frame, class, variant)).collect();
            let (there, predicted): (Vec<Direction>, Vec<Direction>) = (all(reference), all(prediction));
            frames += 1;
            right += usize::from(there.len() == predicted.len());
            predictions += predicted.len();
            sum += matched(&there, &predicted, options.coordinates).iter().map(|m| m.2).sum::<f64>();
        }
        let active = |events: &[FrameEvent]| -> Active {
            let of = |frame| std::array::from_fn(|class| !rows(events, frame, class).is_empty());
            (0..FRAMES).map(of).collect()
        };
        let sides = [active(reference), active(prediction)];
        match (variant, sequences.last_mut()) {
            (Variant::Regression, Some(last)) => {
                last.iter_mut().zip(sides).for_each(|(all, more)| all.extend(more));
            }
            _ => sequences.push(sides),
        }
    }
    let [hits, references, systems, errors] = detection(&sequences, options.frames_per_second);
    let eps = f64::EPSILON;
    let (precision, recall) = (hits / (systems + eps), hits / (references + eps));
    let no_prediction = if variant == Variant::Grid { f64::NAN } else { 0.0 };
    let le = if predictions == 0 { no_prediction } else { sum / predictions as f64 };
    let f = 2.0 * precision * recall / (precision + recall + eps);
    Values::of_four(errors / references, f, le, right as f64 / frames as f64)
}

/// Hits, references, predictions and errors over the segments of each sequence.
fn detection(sequences: &[[Active; 2]], length: usize) -> [f64; 4] {
    let (mut hits, mut references, mut systems, mut errors) = (0.0, 0.0, 0.0, 0.0);
    for [there, predicted] in sequences {
        for begin in (0..there.len()).step_by(length) {
            let end = (begin + length - 1).min(there.len());
            let active = |side: &Active, class: usize| side[begin..end].iter().any(|frame| frame[class]);
            let (mut missed, mut extra) = (0.0, 0.0);
            for class in 0..CLASSES {
                match (active(there, class), active(predicted, class)) {
                    (true, true) => hits += 1.0,
                    (true, false) => missed += 1.0,
                    (false, true) => extra += 1.0,
                    (false, false) => {}
                }
                references += f64::from(u8::from(active(there, class)));
                systems += f64::from(u8::from(active(predicted, class)));
            }
            errors += f64::max(missed, extra);
        }
    }
    [hits, references, systems, errors]
}

/// Class presence in segments; angles of a frame are summed, frames averaged.
pub(super) fn dcase2020(recordings: &[(&[FrameEvent], &[FrameEvent])], options: Options) -> Values {
    let (mut tp, mut references, mut systems, mut errors) = (0.0, 0.0, 0.0, 0.0);
    let mut distances: Vec<f64> = Vec::new();
    let length = options.frames_per_second;
    for &(reference, prediction) in recordings {
        for begin in (0..FRAMES).step_by(length) {
            let frames = begin..begin + length;
            let (mut missed, mut extra) = (0.0, 0.0);
            for class in 0..CLASSES {
                let active = |events: &[FrameEvent]| {
                    frames.clone().any(|frame| !rows(events, frame, class).is_empty())
                };
                let (there, predicted) = (active(reference), active(prediction));
                references += f64::from(u8::from(there));
                systems += f64::from(u8::from(predicted));
                let sums: Vec<f64> = frames
                    .clone()
                    .map(|frame| {
                        [reference, prediction].map(|events| directions(&rows(events, frame, class)))
                    })
                    .filter(|[there, predicted]| !there.is_empty() && !predicted.is_empty())
                    .map(|[there, predicted]| matched(&there, &predicted, options.coordinates))
                    .map(|pairs| pairs.iter().map(|pair| pair.2).sum::<f64>())
                    .collect();
                let distance = sums.iter().sum::<f64>() / sums.len() as f64;
                if !sums.is_empty() {
                    distances.push(distance);
                }
                if there && !sums.is_empty() && distance <= options.doa_threshold_deg {
                    tp += 1.0;
                } else if there {
                    missed += 1.0;
                } else if predicted {
                    extra += 1.0;
                }
            }
            errors += f64::max(missed, extra);
        }
    }
    let eps = f64::EPSILON;
    let f_score = |hits: f64| {
        let (precision, recall) = (hits / (systems + eps), hits / (references + eps));
        2.0 * precision * recall / (precision + recall + eps)
    };
    let count = distances.len() as f64;
    let le = if distances.is_empty() { 180.0 } else { distances.iter().sum::<f64>() / count };
    Values::of_four(errors / (references + eps), f_score(tp), le, f_score(count))
}

/// Counts by class as the official arrays: TP, FP, FP_spatial, FN, Nref, total_DE, DE_TP; and S + D + I.
pub(super) fn dcase2022(
    recordings: &[(&[FrameEvent], &[FrameEvent])],
    options: Options,
) -> ([[f64; 7]; CLASSES], f64) {
    let mut counts = [[0.0; 7]; CLASSES];
    let mut errors = 0.0;
    let length = options.frames_per_second;
    for (reference, prediction) in recordings {
        for segment in 0..FRAMES.div_ceil(length) {
            let frames = segment * length..(segment + 1) * length;
            let (mut loc_fn, mut loc_fp) = (0.0, 0.0);
            for (class, counts) in counts.iter_mut().enumerate() {
                let busiest = |events: &[FrameEvent]| {
                    frames.clone().map(|frame| rows(events, frame, class).len()).max().unwrap() as f64
                };
                let (n, m) = (busiest(reference), busiest(prediction));
                let [tp, fp, spatial, missed, nref, total, de_tp] = counts;
                *nref += n;
                let mut tracks: Vec<Vec<f64>> = vec![Vec::new(); n as usize];
                for frame in frames.clone() {
                    let there = directions(&rows(reference, frame, class));
                    let predicted = directions(&rows(prediction, frame, class));
                    for (track, _, angle) in matched(&there, &predicted, options.coordinates) {
                        tracks[track].push(angle);
                    }
                }
                tracks.retain(|angles| !angles.is_empty());
                if n > 0.0 && m > 0.0 && tracks.is_empty() {
                    loc_fn += m;
                    *missed += m;
                    continue;
                }
                for angles in tracks {
                    let mean = angles.iter().sum::<f64>() / angles.len() as f64;
                    *total += mean;
                    *de_tp += 1.0;
                    if mean <= options.doa_threshold_deg {
                        *tp += 1.0;
                    } else {
                        *spatial += 1.0;
                        loc_fp += 1.0;
                    }
                }
                let (more, fewer) = (f64::max(0.0, m - n), f64::max(0.0, n - m));
                *fp += more;
                loc_fp += more;
                *missed += fewer;
                loc_fn += fewer;
            }
            errors += f64::max(loc_fn, loc_fp);
        }
    }
    (counts, errors)
}

/// F, LE, LR, DE, RDE of every class, and the error rate.
pub(super) fn dcase2024(
    reference: &[FrameEvent],
    prediction: &[FrameEvent],
    options: Options,
) -> ([[f64; 5]; CLASSES], f64) {
    let mut values = [[0.0; 5]; CLASSES];
    let mut in_frame = [[0.0f64; 2]; FRAMES];
    let mut references = 0.0;
    for (class, values) in values.iter_mut().enumerate() {
        let (mut tp, mut spatial, mut fp, mut missed) = (0.0, 0.0, 0.0, 0.0);
        let mut errors: Vec<[f64; 3]> = Vec::new();
        for (frame, in_frame) in in_frame.iter_mut().enumerate() {
            let (there, predicted) = (rows(reference, frame, class), rows(prediction, frame, class));
            references += there.len() as f64;
            for (r, p, angle) in matched(&directions(&there), &directions(&predicted), options.coordinates) {
                let (truth, said) = (there[r].distance_m.unwrap(), predicted[p].distance_m.unwrap());
                let error = (truth - said).abs();
                let relative = error / (truth + f64::EPSILON);
                errors.push([angle, error, relative]);
                let limit = |limit: Option<f64>| limit.unwrap_or(f64::INFINITY);
                let right = angle <= options.doa_threshold_deg
                    && error <= limit(options.distance_threshold_m)
                    && relative <= limit(options.relative_distance_threshold);
                tp += f64::from(u8::from(right));
                spatial += f64::from(u8::from(!right));
                in_frame[0] += f64::from(u8::from(!right));
            }
            let surplus = predicted.len() as f64 - there.len() as f64;
            fp += surplus.max(0.0);
            missed += (-surplus).max(0.0);
            in_frame[0] += surplus.max(0.0);
            in_frame[1] += (-surplus).max(0.0);
        }
        let n = errors.len() as f64;
        let mean = |of: usize| errors.iter().map(|e| e[of]).sum::<f64>() / n;
        let f = tp / (f64::EPSILON + tp + spatial + 0.5 * (fp + missed));
        *values = [f, mean(0), n / (f64::EPSILON + n + missed), mean(1), mean(2)];
    }
    let errors: f64 = in_frame.iter().map(|[extra, missed]| extra.max(*missed)).sum();
    (values, errors / (references + f64::EPSILON))
}
