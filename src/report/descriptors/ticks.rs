//! Where an axis has its labels, and what they say.

/// A label, and where along the axis it stands, 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub(super) place: f64,
    pub(super) value: f64,
}

/// About `count` round numbers on an axis of cells whose centres are `centres`, ascending: about equally far apart to
/// the eye, whatever the scale.
pub(super) fn on_cells(centres: &[f64], count: usize) -> Vec<Tick> {
    let cells = centres.len() as f64;
    if let [first, second, .., last] = centres {
        let width = second - first;
        let is_even = (last - first - width * (cells - 1.0)).abs() < 1e-6 * (last - first);
        if is_even {
            return linear(first - 0.5 * width, last + 0.5 * width, count);
        }
    }
    let slot = 1.0 / count as f64;
    let mut ticks: Vec<Tick> = Vec::new();
    for number in 0..count {
        let middle = (number as f64 + 0.5) * slot;
        let at = |place: f64| value_at(centres, place * cells - 0.5);
        let value = roundest(at(middle - 0.36 * slot), at(middle + 0.36 * slot), at(middle));
        let place = (place_of(centres, value) + 0.5) / cells;
        if ticks.last().is_none_or(|last| place - last.place > 0.3 * slot) {
            ticks.push(Tick { place, value });
        }
    }
    ticks
}

/// Multiples of 1, 2 or 5 times a power of ten from `low` to `high`, at most `count` steps of them.
pub(super) fn linear(low: f64, high: f64, count: usize) -> Vec<Tick> {
    let span = high - low;
    let step = round_step(span / count as f64);
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    (first..=last)
        .map(|multiple| {
            let value = multiple as f64 * step;
            Tick { place: (value - low) / span, value }
        })
        .collect()
}

/// The smallest of 1, 2 and 5 times powers of ten that is not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// The value at a place counted in cells; beyond the outer centres as between the two next to them.
fn value_at(centres: &[f64], place: f64) -> f64 {
    if centres.len() < 2 {
        return centres.first().copied().unwrap_or(0.0);
    }
    let below = (place.floor().max(0.0) as usize).min(centres.len() - 2);
    centres[below] + (place - below as f64) * (centres[below + 1] - centres[below])
}

/// Inverse of [`value_at`].
fn place_of(centres: &[f64], value: f64) -> f64 {
    if centres.len() < 2 {
        return 0.0;
    }
    let below = centres.partition_point(|&centre| centre <= value).saturating_sub(1).min(centres.len() - 2);
    below as f64 + (value - centres[below]) / (centres[below + 1] - centres[below])
}

/// The number from `low` to `high` with the fewest digits, of several the one next to `target`.
fn roundest(low: f64, high: f64, target: f64) -> f64 {
    for power in (-3..6).rev() {
        for factor in [5.0, 2.0, 1.0] {
            let step = factor * 10f64.powi(power);
            let multiple = (target / step).round() * step;
            if (low..=high).contains(&multiple) {
                return multiple;
            }
        }
    }
    target
}

/// A frequency in Hz.
pub(super) fn hertz(value: f64) -> String {
    if value.abs() >= 1000.0 { format!("{}k", brief(value / 1000.0)) } else { brief(value) }
}

/// At most three significant digits.
pub(super) fn brief(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e5).contains(&size) {
        return format!("{value:.0e}");
    }
    let whole = if size < 1.0 { 0 } else { size.log10().floor() as usize + 1 };
    let text = format!("{value:.*}", 3usize.saturating_sub(whole.max(1)) + usize::from(size < 0.1));
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{FeatureConfig, Scale};

    fn labels(config: &FeatureConfig) -> Vec<String> {
        on_cells(&config.centres_hz(24_000), 6).iter().map(|tick| hertz(tick.value)).collect()
    }

    #[test]
    fn labels_are_round_and_apart_on_every_scale() {
        let mut all = Vec::new();
        for (scale, bands) in
            [(Scale::Mel, 64), (Scale::Htk, 64), (Scale::Linear, 512), (Scale::Log, 96), (Scale::Salsa, 392)]
        {
            let config = FeatureConfig { scale, bands, ..FeatureConfig::default() };
            all.push(labels(&config).join(" "));
            let places: Vec<f64> =
                on_cells(&config.centres_hz(24_000), 6).iter().map(|tick| tick.place).collect();
            assert!(places.windows(2).all(|pair| pair[1] - pair[0] > 0.05), "{scale:?}: {places:?}");
            assert!(places.iter().all(|place| (0.0..=1.0).contains(place)), "{scale:?}: {places:?}");
        }
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn a_label_stands_where_its_frequency_is() {
        let centres: Vec<f64> = (0..10).map(|band| 100.0 * f64::from(band)).collect();
        for Tick { place, value } in on_cells(&centres, 4) {
            assert!((place - (value / 100.0 + 0.5) / 10.0).abs() < 1e-12);
        }
        // 1, 2, 4, ... Hz: a frequency stands at its centre.
        let octaves: Vec<f64> = (0..10).map(|band| f64::from(1 << band)).collect();
        let ticks = on_cells(&octaves, 4);
        assert!(ticks.iter().any(|tick| octaves.contains(&tick.value)) && ticks.len() == 4, "{ticks:?}");
        for Tick { place, value } in ticks {
            let below = value.log2().floor();
            let band = below + value / below.exp2() - 1.0;
            assert!((place - (band + 0.5) / 10.0).abs() < 1e-12, "{value}: {place}");
        }
        assert_eq!(on_cells(&[440.0], 5), [Tick { place: 0.5, value: 440.0 }]);
    }

    #[test]
    fn lags_have_a_zero() {
        let lags: Vec<f64> = (-32..32).map(f64::from).collect();
        let labels: Vec<String> = on_cells(&lags, 5).iter().map(|tick| brief(tick.value)).collect();
        assert_eq!(labels, ["-20", "0", "20"]);
    }

    #[test]
    fn seconds_are_multiples_of_a_round_step() {
        let labels = |high| linear(0.0, high, 5).iter().map(|t| brief(t.value)).collect::<Vec<_>>().join(" ");
        assert_eq!(labels(2.0), "0 0.5 1 1.5 2");
        assert_eq!(labels(60.0), "0 20 40 60");
        assert_eq!(labels(3600.0), "0 1000 2000 3000");
    }

    #[test]
    fn numbers_are_brief() {
        let numbers = [0.0, 1.0, -80.0, 12.34, 0.0123, 0.25, 1234.0, 1e-7, -1e-9, 0.1234];
        let text = numbers.map(brief).join(" ");
        assert_eq!(text, "0 1 -80 12.3 0.012 0.25 1234 1e-7 -1e-9 0.12");
    }
}
