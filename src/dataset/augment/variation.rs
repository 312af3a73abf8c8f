//! What is drawn for one chunk.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::config::{AugmentConfig, RotationKind};
use super::rotation::{self, Rotation};
use crate::rng;

/// How many chunks are looked at for one that can be mixed into another.
const PARTNERS: usize = 32;

/// A stretch of an axis, as shares of its length.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stripe {
    /// Where it begins, in [0, 1].
    pub start: f64,
    /// How long it is, in [0, 1]; 0 covers nothing.
    pub width: f64,
}

impl Stripe {
    /// Whether the centre of cell `index` of `count` lies in it.
    pub fn covers(self, index: i64, count: i64) -> bool {
        let centre = (index as f64 + 0.5) / count as f64;
        (self.start..self.start + self.width).contains(&centre)
    }
}

/// How one chunk is varied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variation {
    /// Applied to all channels and to the directions of the labels.
    pub rotation: Rotation,
    /// Factor on the waveform that the descriptors are computed from.
    pub gain: f32,
    /// Shift of the descriptors along bands, upward, as a share of the bands.
    pub band_shift: f64,
    /// Bands that are masked.
    pub band_mask: Stripe,
    /// Time that is masked.
    pub time_mask: Stripe,
}

impl Variation {
    /// Leaves a chunk as it is.
    pub const NONE: Self = Self {
        rotation: Rotation::NONE,
        gain: 1.0,
        band_shift: 0.0,
        band_mask: Stripe { start: 0.0, width: 0.0 },
        time_mask: Stripe { start: 0.0, width: 0.0 },
    };

    /// Whether the descriptors stay as they are once they are computed.
    pub fn keeps_descriptors(&self) -> bool {
        self.band_shift == 0.0 && self.band_mask.width == 0.0 && self.time_mask.width == 0.0
    }
}

/// Draws the variations of an epoch. Every kind has a stream of its own: switching one on leaves the others as they
/// were.
#[derive(Debug)]
pub struct Variations<'a> {
    config: &'a AugmentConfig,
    rotation: ChaCha8Rng,
    mixup: ChaCha8Rng,
    gain: ChaCha8Rng,
    shift: ChaCha8Rng,
    bands: ChaCha8Rng,
    time: ChaCha8Rng,
}

impl<'a> Variations<'a> {
    /// The variations of epoch `epoch` of a trial with this seed.
    pub fn new(config: &'a AugmentConfig, seed: u64, epoch: u32) -> Self {
        let stream = |kind: &str| rng::stream(seed, &["augment", kind, &epoch.to_string()]);
        Self {
            config,
            rotation: stream("rotation"),
            mixup: stream("mixup"),
            gain: stream("gain"),
            shift: stream("shift"),
            bands: stream("bands"),
            time: stream("time"),
        }
    }

    /// The variation of the next chunk.
    pub fn draw(&mut self) -> Variation {
        let AugmentConfig { gain_db, band_shift, band_mask, time_mask, .. } = *self.config;
        let gain_db = either_way(&mut self.gain, gain_db);
        Variation {
            rotation: self.draw_rotation(),
            gain: 10f64.powf(gain_db / 20.0) as f32,
            band_shift: either_way(&mut self.shift, band_shift),
            band_mask: stripe(&mut self.bands, band_mask),
            time_mask: stripe(&mut self.time, time_mask),
        }
    }

    /// A rotation alone, for a chunk that is mixed into another.
    pub fn draw_rotation(&mut self) -> Rotation {
        match self.config.rotation {
            RotationKind::None => Rotation::NONE,
            RotationKind::Swap => Rotation::swap(self.rotation.random_range(0..rotation::SWAPS)),
            RotationKind::Yaw => {
                let angle_deg = self.rotation.random_range(-180.0..180.0);
                let mirrored = self.rotation.random_bool(0.5);
                Rotation::yaw(angle_deg, mirrored, self.rotation.random_bool(0.5))
            }
        }
    }

    /// Which of `count` other chunks is mixed into the next chunk, if one is: of some that are drawn, the first that
    /// `fits`.
    pub fn draw_partner(&mut self, count: usize, fits: impl Fn(usize) -> bool) -> Option<usize> {
        if !self.mixup.random_bool(self.config.mixup) || count == 0 {
            return None;
        }
        (0..PARTNERS).map(|_| self.mixup.random_range(0..count)).find(|index| fits(*index))
    }
}

/// A number in -limit..limit.
fn either_way(rng: &mut ChaCha8Rng, limit: f64) -> f64 {
    limit * rng.random_range(-1.0..1.0)
}

/// A stripe of up to `limit`, anywhere.
fn stripe(rng: &mut ChaCha8Rng, limit: f64) -> Stripe {
    let (width, start) = (limit * rng.random::<f64>(), rng.random::<f64>());
    Stripe { start: start * (1.0 - width), width }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> AugmentConfig {
        AugmentConfig {
            rotation: RotationKind::Yaw,
            mixup: 0.5,
            gain_db: 6.0,
            band_shift: 0.1,
            band_mask: 0.25,
            time_mask: 0.25,
        }
    }

    #[test]
    fn draws_stay_in_their_ranges_and_follow_the_seed() {
        let config = all();
        let draw = |seed| {
            let mut variations = Variations::new(&config, seed, 3);
            (0..200).map(|_| variations.draw()).collect::<Vec<_>>()
        };
        for variation in draw(1) {
            assert!((0.501..1.996).contains(&variation.gain));
            assert!(variation.band_shift.abs() <= 0.1);
            for stripe in [variation.band_mask, variation.time_mask] {
                assert!(stripe.width <= 0.25 && stripe.start >= 0.0 && stripe.start + stripe.width <= 1.0);
            }
        }
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn one_kind_more_leaves_the_others_as_they_were() {
        let (with, without) = (all(), AugmentConfig { band_mask: 0.0, ..all() });
        let (mut with, mut without) = (Variations::new(&with, 5, 1), Variations::new(&without, 5, 1));
        for _ in 0..20 {
            let (a, b) = (with.draw(), without.draw());
            assert_eq!(
                Variation { band_mask: Stripe::default(), ..a },
                Variation { band_mask: Stripe::default(), ..b }
            );
            assert_eq!(with.draw_partner(7, |index| index > 2), without.draw_partner(7, |index| index > 2));
        }
    }

    #[test]
    fn off_means_off() {
        let config = AugmentConfig { rotation: RotationKind::None, ..AugmentConfig::default() };
        let mut variations = Variations::new(&config, 1, 1);
        for _ in 0..20 {
            let variation = variations.draw();
            assert!(variation.keeps_descriptors() && variation.gain == 1.0);
            assert_eq!(variation.rotation, Rotation::NONE);
            assert_eq!(variations.draw_partner(5, |_| true), None);
        }
    }

    #[test]
    fn a_partner_fits() {
        let config = AugmentConfig { mixup: 1.0, ..AugmentConfig::default() };
        let mut variations = Variations::new(&config, 1, 1);
        assert!((0..50).all(|_| variations.draw_partner(10, |index| index == 3).is_none_or(|i| i == 3)));
        let found = (0..50).filter(|_| variations.draw_partner(10, |index| index == 3).is_some()).count();
        assert!(found > 40, "{found} of 50");
        assert_eq!(variations.draw_partner(10, |_| false), None);
    }

    #[test]
    fn a_stripe_covers_cells_by_their_centre() {
        let stripe = Stripe { start: 0.25, width: 0.5 };
        let covered: Vec<i64> = (0..8).filter(|&i| stripe.covers(i, 8)).collect();
        assert_eq!(covered, [2, 3, 4, 5]);
        assert!((0..8).all(|i| !Stripe::default().covers(i, 8)));
    }
}
