//! Octave bands, and how much of each the air absorbs.

/// Number of octave bands.
pub const BANDS: usize = 7;

/// Centres of the octave bands in Hz. The first reaches down to 0 Hz, the last up to half the sample rate.
pub const CENTRES_HZ: [f64; BANDS] = [125.0, 250.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0];

/// One value for each octave band.
pub type PerBand = [f64; BANDS];

/// Where a frequency lies between the centres: number of the band below it and the share of the way to the
/// next, on a logarithmic axis.
fn place(hz: f64) -> (usize, f64) {
    let position = (hz / CENTRES_HZ[0]).max(1e-9).log2().clamp(0.0, (BANDS - 1) as f64);
    let band = (position as usize).min(BANDS - 2);
    (band, position - band as f64)
}

/// Amplitude gains of the octave filters at a frequency; they add up to one, so that a signal split by them
/// is the sum of its parts.
pub(super) fn filter_gains(hz: f64) -> PerBand {
    let (band, share) = place(hz);
    let mut gains = [0.0; BANDS];
    gains[band + 1] = (0.5 * std::f64::consts::PI * share).sin().powi(2);
    gains[band] = 1.0 - gains[band + 1];
    gains
}

/// The value at a frequency, linear in its logarithm between the centres and constant beyond.
pub(super) fn interpolate(values: &PerBand, hz: f64) -> f64 {
    let (band, share) = place(hz);
    values[band] + share * (values[band + 1] - values[band])
}

/// Widths of the bands in Hz: shares of white noise.
pub(super) fn widths_hz(sample_rate: f64) -> PerBand {
    let edge =
        |upper: usize| if upper == BANDS { 0.5 * sample_rate } else { CENTRES_HZ[upper] / 2f64.sqrt() };
    std::array::from_fn(|band| edge(band + 1) - if band == 0 { 0.0 } else { edge(band) })
}

/// Energy attenuation of air by octave band, in 1/m: a plane wave's energy falls by exp(-m x) over x metres.
/// ISO 9613-1 at 20 degrees Celsius, 50% relative humidity, 101.325 kPa.
pub(super) fn air_per_m() -> PerBand {
    const KELVIN: f64 = 293.15;
    const TRIPLE_POINT_KELVIN: f64 = 273.16;
    let saturation = 10f64.powf(4.6151 - 6.8346 * (TRIPLE_POINT_KELVIN / KELVIN).powf(1.261));
    let humidity = 50.0 * saturation;
    let oxygen_hz = 24.0 + 4.04e4 * humidity * (0.02 + humidity) / (0.391 + humidity);
    let nitrogen_hz = 9.0 + 280.0 * humidity;
    CENTRES_HZ.map(|hz| {
        let relaxation = |share: f64, kelvin: f64, relaxation_hz: f64| {
            share * (-kelvin / KELVIN).exp() / (relaxation_hz + hz * hz / relaxation_hz)
        };
        let oxygen = relaxation(0.012_75, 2_239.1, oxygen_hz);
        let nitrogen = relaxation(0.106_8, 3_352.0, nitrogen_hz);
        // The standard gives 8.686 of this in dB: it is the attenuation of pressure, energy falls twice as fast.
        2.0 * hz * hz * (1.84e-11 + oxygen + nitrogen)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octave_filters_add_up_to_one_and_widths_to_the_whole() {
        for hz in [0.0, 50.0, 125.0, 190.0, 1_000.0, 7_000.0, 12_000.0] {
            assert!((filter_gains(hz).iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        assert!((widths_hz(24_000.0).iter().sum::<f64>() - 12_000.0).abs() < 1e-9);
        assert_eq!(interpolate(&CENTRES_HZ, 20.0), 125.0);
        assert!((interpolate(&CENTRES_HZ, 1_000.0 * 2f64.sqrt()) - 1_500.0).abs() < 1e-9);
    }

    #[test]
    fn air_absorbs_as_in_the_tables_of_the_standard() {
        // ISO 9613-1, table 1, 20 degrees, 50%: dB a kilometre.
        let table = [0.445, 1.32, 2.73, 4.66, 9.86, 29.4, 104.0];
        for (per_m, expected) in air_per_m().into_iter().zip(table) {
            let db_per_km = per_m * 10.0 / std::f64::consts::LN_10 * 1_000.0;
            assert!((db_per_km / expected - 1.0).abs() < 0.03, "{db_per_km} {expected}");
        }
    }
}
