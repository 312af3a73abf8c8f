//! Whether the channels are W, Y, Z, X in this order.
//!
//! # Which channel is W
//! A plane wave from the unit vector (x, y, z) gives W = s, Y = s y, Z = s z, X = s x in SN3D, so the energies of
//! the three dipoles add up to that of W, whatever its direction. In a diffuse field each dipole has a third of W's
//! energy (Zotter and Frank, "Ambisonics", 2019, section 1), and they add up to it again. Any mixture of sources and
//! reverberation is a mixture of the two. So in every stretch of time
//!
//! ```text
//! |E_w - (E_1 + E_2 + E_3)| / (E_w + E_1 + E_2 + E_3)
//! ```
//!
//! is near 0 for W, whatever the room; for a dipole in the place of W it is, with one source, 1 - c², where c is the
//! component of its direction along the dipole's axis: near 0 only while all sources stand on that axis. Mean values
//! over a recording, weighted by energy, tell them apart. Noise of the microphones breaks the sum at low, spatial
//! aliasing at high frequencies: only a band between is looked at.
//!
//! The signals of a tetrahedral array (the MIC format of the same datasets) have another sign: all four have about
//! the same energy, so the value is near 1/2 for each of them, and below the frequency where the array is as large
//! as a wave they all but agree, while the dipoles of a scene with sources on several sides do not.
//!
//! # Which dipole is which
//! With one labelled event in a frame, the active intensity vector, the mean of W (X, Y, Z), points at its source.
//! Over a dataset the components of both correlate only with their own kind if the channels are in order.

use std::array::from_fn;

use crate::dataset::CHANNELS;
use crate::seld::event::FrameEvent;

/// Lower and upper edge of the band that is looked at, in Hz.
const BAND_HZ: (f32, f32) = (200.0, 4000.0);
/// How much better another channel must fit W than the first one does.
const MARGIN: f64 = 0.15;
/// With less single-source frames than this, labels say nothing about the order.
const LEAST_FRAMES: u64 = 50;

/// First-order high-pass and low-pass in series, for each channel.
pub(super) struct BandPass {
    /// Coefficients of the one-pole low-passes at the band's edges.
    low: f32,
    high: f32,
    state: [(f32, f32); CHANNELS],
}

impl BandPass {
    pub(super) fn new(sample_rate: u32) -> Self {
        let pole = |hz: f32| 1.0 - (-std::f32::consts::TAU * hz / sample_rate as f32).exp();
        Self { low: pole(BAND_HZ.0), high: pole(BAND_HZ.1), state: [(0.0, 0.0); CHANNELS] }
    }

    /// Filters the next samples of a channel in place.
    pub(super) fn filter(&mut self, channel: usize, plane: &mut [f32]) {
        let (mut below, mut smooth) = self.state[channel];
        for x in plane {
            below += self.low * (*x - below);
            smooth += self.high * (*x - below - smooth);
            *x = smooth;
        }
        self.state[channel] = (below, smooth);
    }
}

/// Energies of a recording and what follows from them.
#[derive(Debug, Default)]
pub(super) struct Energies {
    /// Of all channels and frames.
    total: f64,
    /// Sum over frames of |E_k - rest| for each channel k.
    imbalance: [f64; CHANNELS],
    /// Sums of products of channels.
    products: [[f64; CHANNELS]; CHANNELS],
    /// Mean of the first channel times each of the others, frame by frame.
    intensities: Vec<[f32; 3]>,
}

/// What is wrong with the order of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suspicion {
    /// This channel looks like W.
    OtherIsW(usize),
    /// None does: microphone signals.
    Microphones,
}

impl Energies {
    /// Adds `length` samples of each channel, in frames of `frame` samples.
    pub(super) fn add(&mut self, samples: &[f32], length: usize, frame: usize) {
        for first in (0..length).step_by(frame) {
            let plane = |channel: usize| {
                &samples[channel * length + first..channel * length + (first + frame).min(length)]
            };
            let products: [[f64; CHANNELS]; CHANNELS] = from_fn(|a| from_fn(|b| dot(plane(a), plane(b))));
            let energies: [f64; CHANNELS] = from_fn(|k| products[k][k]);
            let total: f64 = energies.iter().sum();
            self.total += total;
            for (sum, energy) in self.imbalance.iter_mut().zip(energies) {
                *sum += (2.0 * energy - total).abs();
            }
            for (sums, products) in self.products.iter_mut().zip(&products) {
                sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
            }
            self.intensities.push([1, 2, 3].map(|k| (products[0][k] / frame as f64) as f32));
        }
    }

    /// What looks wrong about this recording's channels.
    pub(super) fn suspicion(&self) -> Option<Suspicion> {
        if self.total <= 0.0 {
            return None;
        }
        let values = self.imbalance.map(|sum| sum / self.total);
        let best = (0..CHANNELS).min_by(|&a, &b| values[a].total_cmp(&values[b]))?;
        if best != 0 && values[0] > values[best] + MARGIN && values[0] > 2.0 * values[best] {
            return Some(Suspicion::OtherIsW(best));
        }
        let correlation = |a: usize, b: usize| {
            self.products[a][b] / (self.products[a][a] * self.products[b][b]).sqrt().max(f64::MIN_POSITIVE)
        };
        let alike = (0..CHANNELS).all(|a| (0..a).all(|b| correlation(a, b) > 0.4));
        (alike && values[best] > 0.3).then_some(Suspicion::Microphones)
    }

    /// How the intensity vectors agree with the labels of frames with a single event.
    pub(super) fn agreement(&self, events: &[FrameEvent]) -> Agreement {
        let mut agreement = Agreement::default();
        let mut of_frame = vec![(0u32, [0.0; 3]); self.intensities.len()];
        for event in events {
            if let Some((count, direction)) = of_frame.get_mut(event.frame as usize) {
                *count += 1;
                let [x, y, z] = event.direction.to_vector();
                *direction = [y, z, x];
            }
        }
        for ((count, direction), intensity) in of_frame.into_iter().zip(&self.intensities) {
            let length = intensity.iter().map(|x| x * x).sum::<f32>().sqrt();
            // A recording that is far too loud, in another unit perhaps, says nothing: its squares overflow.
            if count == 1 && length.is_normal() {
                agreement.add(intensity.map(|x| f64::from(x / length)), direction);
            }
        }
        agreement
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    // Sums of eight at a time, which the compiler turns into vectors.
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    let mut sums = [0f32; 8];
    for (a, b) in a8.iter().zip(b8) {
        (0..8).for_each(|i| sums[i] += a[i] * b[i]);
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().map(|x| f64::from(*x)).sum::<f64>() + f64::from(rest)
}

/// Intensity vectors against labels, over any number of recordings. Components in the order y, z, x of the channels.
#[derive(Debug, Clone, Default)]
pub(super) struct Agreement {
    frames: u64,
    /// Sum of (component of the channel) times (component of the label).
    sums: [[f64; 3]; 3],
}

impl Agreement {
    fn add(&mut self, channel: [f64; 3], label: [f64; 3]) {
        self.frames += 1;
        for (sums, channel) in self.sums.iter_mut().zip(channel) {
            sums.iter_mut().zip(label).for_each(|(sum, label)| *sum += channel * label);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.frames += other.frames;
        for (sums, others) in self.sums.iter_mut().zip(&other.sums) {
            sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other);
        }
    }

    /// The order that the three channels after W really seem to have ("X Y Z", with a minus before a channel that
    /// is turned round), when the labels fit that clearly better than Y Z X.
    pub(super) fn better_order(&self) -> Option<String> {
        const NAMES: [&str; 3] = ["Y", "Z", "X"];
        const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let as_named: f64 = (0..3).map(|k| self.sums[k][k]).sum();
        let score = |order: &[usize; 3]| (0..3).map(|k| self.sums[k][order[k]].abs()).sum::<f64>();
        let best = ORDERS.iter().max_by(|a, b| score(a).total_cmp(&score(b)))?;
        // An intensity vector that points about at the source: a mean cosine of at least 1/3.
        let clear = score(best) > self.frames as f64 / 3.0 && as_named < score(best) / 2.0;
        let name = |k: usize| {
            let sign = if self.sums[k][best[k]] < 0.0 { "-" } else { "" };
            format!("{sign}{}", NAMES[best[k]])
        };
        (self.frames >= LEAST_FRAMES && clear).then(|| (0..3).map(name).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::seld::doa::Direction;

    /// Noise from a new direction in every frame, with some diffuse noise, in the order given by `channels`, which
    /// says what stands where (0 to 3: W, Y, Z, X).
    fn scene(channels: [usize; 4], diffuse: f32) -> (Energies, Vec<FrameEvent>) {
        let mut rng = crate::rng::stream(7, &["order"]);
        let (frame, mut energies, mut events) = (2400, Energies::default(), Vec::new());
        for number in 0..100 {
            let direction = Direction {
                azimuth_deg: rng.random_range(-180.0..180.0),
                elevation_deg: rng.random_range(-60.0..60.0),
            };
            let [x, y, z] = direction.to_vector().map(|c| c as f32);
            let mut samples = vec![0.0; 4 * frame];
            for n in 0..frame {
                let source: f32 = rng.random_range(-1.0..1.0);
                let mut ambient = || diffuse * rng.random_range(-1.0..1.0f32);
                let third = (1.0f32 / 3.0).sqrt();
                let sound = [
                    source + ambient(),
                    source * y + ambient() * third,
                    source * z + ambient() * third,
                    source * x + ambient() * third,
                ];
                for (place, what) in channels.into_iter().enumerate() {
                    samples[place * frame + n] = sound[what];
                }
            }
            energies.add(&samples, frame, frame);
            events.push(FrameEvent { frame: number, class: 0, source: 0, direction, distance_m: None });
        }
        (energies, events)
    }

    #[test]
    fn w_is_found_wherever_it_stands() {
        for diffuse in [0.0, 1.0, 3.0] {
            assert_eq!(scene([0, 1, 2, 3], diffuse).0.suspicion(), None);
            for place in 1..4 {
                let mut channels = [0, 1, 2, 3];
                channels.swap(0, place);
                assert_eq!(scene(channels, diffuse).0.suspicion(), Some(Suspicion::OtherIsW(place)));
            }
        }
        assert_eq!(Energies::default().suspicion(), None);
    }

    #[test]
    fn microphone_signals_are_told_from_ambisonics() {
        let mut rng = crate::rng::stream(8, &["order"]);
        let mut energies = Energies::default();
        let pressure: Vec<f32> = (0..24_000).map(|_| rng.random_range(-1.0..1.0)).collect();
        let capsule = |rng: &mut rand_chacha::ChaCha8Rng| -> Vec<f32> {
            pressure.iter().map(|x| x + rng.random_range(-0.5..0.5)).collect()
        };
        let samples: Vec<f32> = (0..4).flat_map(|_| capsule(&mut rng)).collect();
        energies.add(&samples, 24_000, 2400);
        assert_eq!(energies.suspicion(), Some(Suspicion::Microphones));
    }

    #[test]
    fn a_recording_too_loud_for_squares_does_not_hide_the_order_of_the_others() {
        let (energies, events) = scene([0, 3, 1, 2], 0.5);
        let mut agreement = energies.agreement(&events);
        let mut loud = Energies::default();
        loud.add(&[1e30; 4 * 2400], 2400, 2400);
        agreement.merge(&loud.agreement(&events));
        assert_eq!(agreement.better_order().as_deref(), Some("X Y Z"));
    }

    #[test]
    fn labels_tell_the_dipoles_apart() {
        let order = |channels, diffuse| {
            let (energies, events) = scene(channels, diffuse);
            energies.agreement(&events).better_order()
        };
        assert_eq!(order([0, 1, 2, 3], 0.5), None);
        // The order of the older B-format.
        assert_eq!(order([0, 3, 1, 2], 0.5).as_deref(), Some("X Y Z"));
        assert_eq!(order([0, 1, 3, 2], 0.0).as_deref(), Some("Y X Z"));
    }
}
