//! The definitions, written out with loops.

use tch::Tensor;

use crate::loss::Target;
use crate::model::arch::{
    ActivityLoss, Architecture, ClassBalance, DistanceLoss, DoaDistance, DoaTargets, LossWeighting,
    Permutation,
};
use crate::model::network::Output;

/// A tensor read element by element.
struct Grid(Tensor);

impl Grid {
    fn at(&self, index: &[i64]) -> f64 {
        self.0.double_value(index)
    }

    fn vector(&self, index: &[i64]) -> [f64; 3] {
        [0, 1, 2].map(|axis| self.at(&[index, &[axis]].concat()))
    }
}

/// The loss of a batch. `class_frames`: as `Loss::new` has them.
pub(super) fn loss(arch: &Architecture, class_frames: &[u64], output: &Output, target: &Target) -> f64 {
    let weights = class_weights(arch, class_frames);
    let grid = |x: &Tensor| Grid(x.shallow_clone());
    let truth = Truth {
        activity: grid(&target.activity),
        direction: grid(&target.direction),
        distance: target.distance.as_ref().map(grid),
    };
    match output {
        Output::Tracks { activity, direction, distance } => {
            let said = Truth {
                activity: grid(activity),
                direction: grid(direction),
                distance: distance.as_ref().map(grid),
            };
            of_tracks(arch, &weights, &said, &truth)
        }
        Output::Vectors { vectors, distance } => {
            of_vectors(arch, &weights, &grid(vectors), distance.as_ref().map(grid).as_ref(), &truth)
        }
    }
}

struct Truth {
    activity: Grid,
    direction: Grid,
    distance: Option<Grid>,
}

fn class_weights(arch: &Architecture, frames: &[u64]) -> Vec<f64> {
    let beta = arch.loss.effective_beta;
    let raw = |n: u64| match arch.loss.class_balance {
        ClassBalance::None => 1.0,
        ClassBalance::InverseFrequency => 1.0 / n as f64,
        ClassBalance::EffectiveNumber => (1.0 - beta) / (1.0 - beta.powi(n as i32)),
    };
    let occurring: Vec<f64> = frames.iter().filter(|n| **n > 0).map(|n| raw(*n)).collect();
    let mean = occurring.iter().sum::<f64>() / occurring.len() as f64;
    frames.iter().map(|&n| if n > 0 { raw(n) / mean } else { 1.0 }).collect()
}

/// Cost of track `i` as slot `j`, at the index of its chunk and label frame.
fn pair(
    arch: &Architecture,
    weights: &[f64],
    said: &Truth,
    truth: &Truth,
    at: [i64; 2],
    [i, j]: [i64; 2],
) -> f64 {
    let config = &arch.loss;
    let [b, t] = at;
    let (mut cost, mut active) = (0.0, false);
    for (class, weight) in (0i64..).zip(weights) {
        let label = truth.activity.at(&[b, t, j, class]);
        active |= label > 0.5;
        let label = label * (1.0 - config.label_smoothing) + 0.5 * config.label_smoothing;
        let p = 1.0 / (1.0 + (-said.activity.at(&[b, t, i, class])).exp());
        cost -= weight
            * match config.activity {
                ActivityLoss::Bce => label * p.ln() + (1.0 - label) * (1.0 - p).ln(),
                ActivityLoss::Focal => {
                    let (gamma, alpha) = (config.focal_gamma, config.focal_alpha);
                    label * alpha * (1.0 - p).powf(gamma) * p.ln()
                        + (1.0 - label) * (1.0 - alpha) * p.powf(gamma) * (1.0 - p).ln()
                }
            };
    }
    if active || config.doa_on == DoaTargets::All {
        let found = said.direction.vector(&[b, t, i]);
        let real = truth.direction.vector(&[b, t, j]);
        cost += config.doa_weight * between(config.doa, found, real);
    }
    if let (true, Some(found), Some(real)) = (active, &said.distance, &truth.distance) {
        let error = metres(config.distance, found.at(&[b, t, i]), real.at(&[b, t, j]));
        cost += config.distance_weight * error;
    }
    cost
}

fn between(doa: DoaDistance, found: [f64; 3], real: [f64; 3]) -> f64 {
    let dot: f64 = found.iter().zip(&real).map(|(a, b)| a * b).sum();
    let length = |v: [f64; 3]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let differences = found.iter().zip(&real).map(|(a, b)| a - b);
    match doa {
        DoaDistance::Mse => differences.map(|d| d * d).sum(),
        DoaDistance::L1 => differences.map(f64::abs).sum(),
        DoaDistance::Cosine => 1.0 - dot / length(found),
        DoaDistance::Angular => (dot / length(found) / length(real)).clamp(-1.0, 1.0).acos(),
    }
}

fn metres(loss: DistanceLoss, found: f64, real: f64) -> f64 {
    match loss {
        DistanceLoss::Mse => (found - real) * (found - real),
        DistanceLoss::Relative => (found - real).abs() / real.max(0.1),
    }
}

fn of_tracks(arch: &Architecture, weights: &[f64], said: &Truth, truth: &Truth) -> f64 {
    let [b, t, n, _] = <[i64; 4]>::try_from(truth.activity.0.size()).unwrap();
    let mut orders = Vec::new();
    maps(n, &(0..n).collect::<Vec<i64>>(), &mut Vec::new(), &mut orders);
    let of_frame = |chunk: i64, frame: i64, order: &[i64]| {
        let pairs = (0..n).zip(order).map(|(i, &j)| pair(arch, weights, said, truth, [chunk, frame], [i, j]));
        pairs.sum::<f64>()
    };
    let least = |costs: Vec<f64>| costs.into_iter().fold(f64::INFINITY, f64::min);
    let mut total = 0.0;
    for chunk in 0..b {
        match arch.loss.permutation {
            Permutation::Chunk => {
                let cost = |order: &Vec<i64>| (0..t).map(|frame| of_frame(chunk, frame, order)).sum();
                total += least(orders.iter().map(cost).collect());
            }
            Permutation::Frame => {
                for frame in 0..t {
                    total += least(orders.iter().map(|order| of_frame(chunk, frame, order)).collect());
                }
            }
        }
    }
    total /= (b * t * n) as f64;
    if arch.loss.weighting == LossWeighting::Uncertainty {
        // As it begins: exp(-s) is the weight.
        total -= 0.5 * arch.loss.doa_weight.ln();
        if said.distance.is_some() {
            total -= 0.5 * arch.loss.distance_weight.ln();
        }
    }
    total
}

fn of_vectors(
    arch: &Architecture,
    weights: &[f64],
    vectors: &Grid,
    distance: Option<&Grid>,
    truth: &Truth,
) -> f64 {
    let [b, t, n, k] = <[i64; 4]>::try_from(truth.activity.0.size()).unwrap();
    let cost = |chunk: i64, frame: i64, class: i64, track: i64, slot: Option<i64>| {
        let found = vectors.vector(&[chunk, frame, track, class]);
        let real = slot.map_or([0.0; 3], |slot| truth.direction.vector(&[chunk, frame, slot, class]));
        let square = found.iter().zip(&real).map(|(a, b)| (a - b) * (a - b)).sum::<f64>() / 3.0;
        let mut cost = square * weights[class as usize];
        if let (Some(slot), Some(found), Some(real)) = (slot, distance, &truth.distance) {
            let (found, real) =
                (found.at(&[chunk, frame, track, class]), real.at(&[chunk, frame, slot, class]));
            cost += arch.loss.distance_weight * metres(arch.loss.distance, found, real);
        }
        cost
    };
    let mut total = 0.0;
    for (chunk, frame, class) in (0..b).flat_map(|b| (0..t).flat_map(move |t| (0..k).map(move |k| (b, t, k))))
    {
        let is_taken = |slot: &i64| truth.activity.at(&[chunk, frame, *slot, class]) > 0.5;
        let events: Vec<i64> = (0..n).filter(is_taken).collect();
        if events.is_empty() {
            total += (0..n).map(|track| cost(chunk, frame, class, track, None)).sum::<f64>();
            continue;
        }
        let mut ways = Vec::new();
        maps(n, &events, &mut Vec::new(), &mut ways);
        let of_way = |way: &Vec<i64>| -> f64 {
            (0..n).zip(way).map(|(track, &slot)| cost(chunk, frame, class, track, Some(slot))).sum()
        };
        total += ways.iter().map(of_way).fold(f64::INFINITY, f64::min);
    }
    total / (b * t * n * k) as f64
}

/// All ways to give each of `n` tracks one of the events so that none is left out.
fn maps(n: i64, events: &[i64], begun: &mut Vec<i64>, out: &mut Vec<Vec<i64>>) {
    if begun.len() == n as usize {
        if events.iter().all(|event| begun.contains(event)) {
            out.push(begun.clone());
        }
        return;
    }
    for &event in events {
        begun.push(event);
        maps(n, events, begun, out);
        begun.pop();
    }
}
