//! From values to colours: what kind a channel's values are, their range, and cells of a panel.

use std::f64::consts::{PI, TAU};

use super::Described;
use crate::features::Descriptor;

/// What the values of a channel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    /// More or less of something: from dark to light.
    Level,
    /// Of either sign: blue below zero, red above, white at zero.
    Signed,
    /// Radians: a hue for each, at equal lightness, so that nothing breaks at ±pi.
    Angle,
}

/// Of a descriptor's channel.
pub(super) fn quantity(descriptor: Descriptor, channel: usize) -> Quantity {
    match descriptor {
        Descriptor::Phase => Quantity::Angle,
        Descriptor::Diffuseness => Quantity::Level,
        // The powers come first.
        Descriptor::Covariance if channel < 4 => Quantity::Level,
        _ if channel < descriptor.levels() as usize => Quantity::Level,
        _ => Quantity::Signed,
    }
}

/// Share of the values that lies outside the range of colours, at each end.
const OUTSIDE: f64 = 0.005;
/// Values that are looked at for a range; every so many of them in a longer recording.
const LOOKED_AT: usize = 1 << 20;

/// Which value has the first colour, and which the last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub(super) quantity: Quantity,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Range {
    /// Over all channels of `described` that are of a kind, so that they compare.
    pub(super) fn of(described: &Described, quantity: Quantity) -> Self {
        let (low, high) = match quantity {
            Quantity::Angle => (-PI, PI),
            Quantity::Level if described.descriptor == Descriptor::Diffuseness => (0.0, 1.0),
            Quantity::Level => {
                let values = sorted(described, quantity, |value| value);
                spread(&values, quantile(&values, OUTSIDE), quantile(&values, 1.0 - OUTSIDE))
            }
            Quantity::Signed => {
                let values = sorted(described, quantity, f32::abs);
                let (_, most) = spread(&values, 0.0, quantile(&values, 1.0 - OUTSIDE));
                (-most, most)
            }
        };
        Self { quantity, low, high }
    }

    /// The colour of a value; grey when it is not finite.
    pub(super) fn color(self, value: f64) -> [u8; 3] {
        if !value.is_finite() {
            return [128; 3];
        }
        let place = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        match self.quantity {
            Quantity::Level => colorous::INFERNO.eval_continuous(place).into_array(),
            // That map goes from red to blue.
            Quantity::Signed => colorous::RED_BLUE.eval_continuous(1.0 - place).into_array(),
            Quantity::Angle => hue(place),
        }
    }
}

/// `low` and `high`, or something wider when they are the same.
fn spread(sorted: &[f32], low: f64, high: f64) -> (f64, f64) {
    if high > low {
        return (low, high);
    }
    let (low, high) = (sorted.first().map_or(0.0, |&x| low.min(f64::from(x))), sorted.last());
    let high = high.map_or(0.0, |&x| f64::from(x));
    if high > low { (low, high) } else { (low, low + 1.0) }
}

fn sorted(described: &Described, quantity_of: Quantity, map: impl Fn(f32) -> f32) -> Vec<f32> {
    let size = (described.frames * described.bands).max(1);
    let step = (described.values.len() / LOOKED_AT).max(1);
    let is_of = |index: usize| quantity(described.descriptor, index / size) == quantity_of;
    let all = described.values.iter().enumerate().step_by(step);
    let mut values: Vec<f32> =
        all.filter(|(index, value)| value.is_finite() && is_of(*index)).map(|(_, &x)| map(x)).collect();
    values.sort_by(f32::total_cmp);
    values
}

fn quantile(sorted: &[f32], share: f64) -> f64 {
    let index = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(index).map_or(0.0, |&value| f64::from(value))
}

/// Once around at one lightness and chroma of Oklab (B. Ottosson, "A perceptual color space for image processing",
/// 2020), where equal distances look equal.
fn hue(turn: f64) -> [u8; 3] {
    const LIGHTNESS: f64 = 0.72;
    const CHROMA: f64 = 0.12;
    let (sin, cos) = (TAU * turn).sin_cos();
    let (a, b) = (CHROMA * cos, CHROMA * sin);
    let cone = |ka: f64, kb: f64| (LIGHTNESS + ka * a + kb * b).powi(3);
    let long = cone(0.396_337_777_4, 0.215_803_757_3);
    let middle = cone(-0.105_561_345_8, -0.063_854_172_8);
    let short = cone(-0.089_484_177_5, -1.291_485_548_0);
    let linear = [
        4.076_741_662_1 * long - 3.307_711_591_3 * middle + 0.230_969_929_2 * short,
        -1.268_438_004_6 * long + 2.609_757_401_1 * middle - 0.341_319_396_5 * short,
        -0.004_196_086_3 * long - 0.703_418_614_7 * middle + 1.707_614_701_0 * short,
    ];
    // Of sRGB (IEC 61966-2-1).
    let encoded =
        linear.map(|x| if x <= 0.003_130_8 { 12.92 * x } else { 1.055 * x.powf(1.0 / 2.4) - 0.055 });
    encoded.map(|x| (255.0 * x.clamp(0.0, 1.0)).round() as u8)
}

/// The cells of a panel, `across` by `down` at most, from `[T, F]`: colours row after row, the highest band on top.
/// Where several frames or bands share a cell, it shows their mean, of angles the direction of their mean point.
pub(super) fn cells(
    values: &[f32],
    (frames, bands): (usize, usize),
    range: Range,
    (across, down): (usize, usize),
) -> ((u32, u32), Vec<u8>) {
    let (across, down) = (across.min(frames), down.min(bands));
    let mut colors = Vec::with_capacity(3 * across * down);
    for row in (0..down).rev() {
        let rows = row * bands / down..(row + 1) * bands / down;
        for column in 0..across {
            let columns = column * frames / across..(column + 1) * frames / across;
            let inside =
                columns.flat_map(|t| values[t * bands..][rows.clone()].iter().map(|&value| f64::from(value)));
            colors.extend(range.color(pooled(inside, range.quantity)));
        }
    }
    ((across as u32, down as u32), colors)
}

fn pooled(values: impl Iterator<Item = f64>, quantity: Quantity) -> f64 {
    match quantity {
        Quantity::Angle => {
            let (sin, cos) = values.fold((0.0, 0.0), |(s, c), x| (s + x.sin(), c + x.cos()));
            f64::atan2(sin, cos)
        }
        Quantity::Level | Quantity::Signed => {
            let (sum, count) = values.fold((0.0, 0.0), |(sum, count), x| (sum + x, count + 1.0));
            sum / count
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(descriptor: Descriptor, values: Vec<f32>) -> Described {
        let bands = values.len() / descriptor.channels() as usize;
        Described { descriptor, frames: 1, bands, values }
    }

    #[test]
    fn signed_values_have_white_at_zero_whatever_their_range() {
        let range = Range::of(&described(Descriptor::Iv, vec![-0.25, 0.1, 0.0]), Quantity::Signed);
        assert_eq!((range.low, range.high), (-0.25, 0.25));
        let white = range.color(0.0);
        assert!(white.iter().all(|&part| part > 230), "{white:?}");
        let ([red, _, blue], below) = (range.color(0.25), range.color(-0.25));
        assert!(red > blue && below[2] > below[0]);
    }

    #[test]
    fn constant_and_undefined_values_have_a_range() {
        for value in [0.0, 3.0, -3.0, f32::NAN, f32::INFINITY] {
            let range = Range::of(&described(Descriptor::Logmel, vec![value; 8]), Quantity::Level);
            assert!(range.high > range.low && (range.high - range.low).is_finite(), "{value}: {range:?}");
            range.color(f64::from(value));
        }
    }

    #[test]
    fn levels_get_lighter_and_hues_meet() {
        let range = Range { quantity: Quantity::Level, low: 0.0, high: 10.0 };
        let light = |value: f64| range.color(value).iter().map(|&part| u32::from(part)).sum::<u32>();
        assert!((0..10).all(|x| light(f64::from(x)) < light(f64::from(x + 1))));
        let angle = Range::of(&described(Descriptor::Phase, vec![0.0; 4]), Quantity::Angle);
        assert_eq!(angle.color(-PI), angle.color(PI));
        assert_ne!(angle.color(0.0), angle.color(PI));
    }

    #[test]
    fn cells_show_means_with_the_highest_band_on_top() {
        // Four frames of two bands.
        let values = [0.0, 10.0, 0.0, 10.0, 2.0, 6.0, 4.0, 8.0];
        let range = Range { quantity: Quantity::Level, low: 0.0, high: 10.0 };
        let ((across, down), colors) = cells(&values, (4, 2), range, (2, 9));
        assert_eq!((across, down), (2, 2));
        let expected: Vec<u8> = [10.0, 7.0, 0.0, 3.0].iter().flat_map(|&x| range.color(x)).collect();
        assert_eq!(colors, expected);
        let angles = Range { quantity: Quantity::Angle, low: -PI, high: PI };
        let (_, colors) = cells(&[3.0, -3.0], (2, 1), angles, (1, 1));
        assert_eq!(colors, angles.color(PI));
    }
}
