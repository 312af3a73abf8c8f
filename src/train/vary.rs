//! Variations of what the spatial path hears: level, shift along bands, masked bands and times.

use tch::{Kind, Tensor};

use crate::dataset::augment::Variation;

/// Waveforms `[B, 4, S]` at the level of each chunk's variation.
pub(super) fn level(waveform: &Tensor, variations: &[&Variation]) -> Tensor {
    if variations.iter().all(|variation| variation.gain == 1.0) {
        return waveform.shallow_clone();
    }
    let gains: Vec<f32> = variations.iter().map(|variation| variation.gain).collect();
    waveform * Tensor::from_slice(&gains).to(waveform.device()).view([-1, 1, 1])
}

/// Descriptors `[B, C, T, F]` shifted and masked as each chunk's variation says.
///
/// A shift repeats the outermost band. What is masked gets the mean over time of its chunk, channel and band: levels
/// differ by tens of dB between bands, so that one value for all would be heard as a loud or a silent band.
pub(super) fn descriptors(descriptors: Tensor, variations: &[&Variation]) -> Tensor {
    if variations.iter().all(|variation| variation.keeps_descriptors()) {
        return descriptors;
    }
    let size = descriptors.size();
    let (times, bands) = (size[2], size[3]);
    let shifted = shift(&descriptors, variations, bands);
    let cells = |count: i64, covers: &dyn Fn(&Variation, i64) -> bool| {
        let flags: Vec<bool> =
            variations.iter().flat_map(|v| (0..count).map(move |index| covers(v, index))).collect();
        Tensor::from_slice(&flags).view([-1, count]).to(descriptors.device())
    };
    let band_masks = cells(bands, &|v, band| v.band_mask.covers(band, bands)).unsqueeze(1).unsqueeze(1);
    let time_masks = cells(times, &|v, time| v.time_mask.covers(time, times)).unsqueeze(1).unsqueeze(-1);
    let mean = shifted.mean_dim([2].as_slice(), true, Kind::Float);
    mean.where_self(&band_masks.logical_or(&time_masks), &shifted)
}

fn shift(descriptors: &Tensor, variations: &[&Variation], bands: i64) -> Tensor {
    if variations.iter().all(|variation| variation.band_shift == 0.0) {
        return descriptors.shallow_clone();
    }
    let source = |variation: &&Variation| {
        let up = (variation.band_shift * bands as f64).round() as i64;
        (0..bands).map(move |band| (band - up).clamp(0, bands - 1)).collect::<Vec<_>>()
    };
    let sources: Vec<i64> = variations.iter().flat_map(source).collect();
    let sources = Tensor::from_slice(&sources).to(descriptors.device()).view([-1, 1, 1, bands]);
    descriptors.gather(3, &sources.expand_as(descriptors), false)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::dataset::augment::{AugmentConfig, RotationKind, Stripe, Variations};
    use crate::features::{Descriptor, FeatureConfig, FrontEnd};
    use crate::seld::doa::Direction;

    const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

    #[test]
    fn masked_cells_have_the_mean_and_others_stay() {
        let input = Tensor::randn([2, 3, 10, 8], OPTIONS);
        let masked = Variation {
            band_mask: Stripe { start: 0.5, width: 0.25 },
            time_mask: Stripe { start: 0.0, width: 0.2 },
            ..Variation::NONE
        };
        let output = descriptors(input.copy(), &[&Variation::NONE, &masked]);
        assert_eq!(output.get(0), input.get(0));
        let mean = input.get(1).mean_dim([1].as_slice(), true, Kind::Float);
        for (time, band) in [(5, 4), (5, 5), (0, 0), (1, 7)] {
            let cell = |x: &Tensor| x.select(1, time).select(1, band);
            assert_eq!(cell(&output.get(1)), cell(&mean.expand([3, 10, 8], false)), "{time} {band}");
        }
        for (time, band) in [(2, 3), (9, 6), (5, 0)] {
            assert_eq!(output.double_value(&[1, 2, time, band]), input.double_value(&[1, 2, time, band]));
        }
    }

    #[test]
    fn a_shift_moves_bands_and_repeats_the_edge() {
        let input = Tensor::arange(8, OPTIONS).view([1, 1, 1, 8]);
        for (share, expected) in
            [(0.25, [0., 0., 0., 1., 2., 3., 4., 5.]), (-0.125, [1., 2., 3., 4., 5., 6., 7., 7.])]
        {
            let variation = Variation { band_shift: share, ..Variation::NONE };
            let output = descriptors(input.copy(), &[&variation]);
            assert_eq!(Vec::<f64>::try_from(output.flatten(0, -1)).unwrap(), expected);
        }
    }

    /// The direction in which a chunk's intensity descriptor points, all bands and frames taken together.
    fn heard(iv: &Tensor) -> Direction {
        let sum = iv.sum_dim_intlist([1, 2].as_slice(), false, Kind::Double);
        // Channels are Y, Z, X.
        Direction::from_vector([2, 0, 1].map(|channel| sum.double_value(&[channel])))
    }

    #[test]
    fn the_direction_heard_in_the_descriptors_is_that_of_the_label() {
        let config = AugmentConfig {
            rotation: RotationKind::Yaw,
            gain_db: 12.0,
            band_shift: 0.1,
            band_mask: 0.3,
            time_mask: 0.3,
            ..AugmentConfig::default()
        };
        let mut variations = Variations::new(&config, 7, 1);
        let features = FeatureConfig { descriptors: vec![Descriptor::Iv], ..FeatureConfig::default() };
        let vs = tch::nn::VarStore::new(Device::Cpu);
        let front_end = FrontEnd::new(&vs.root(), &features, 24_000).unwrap();
        tch::manual_seed(1);
        for (azimuth_deg, elevation_deg) in [(10.0, 0.0), (-100.0, 45.0), (170.0, -60.0), (60.0, 20.0)] {
            let direction = Direction { azimuth_deg, elevation_deg };
            let [x, y, z] = direction.to_vector();
            let encode = Tensor::from_slice(&[1.0, y, z, x]).to_kind(Kind::Float).view([1, 4, 1]);
            let plane_wave = encode * Tensor::randn([1, 1, 24_000], OPTIONS);
            let variation = variations.draw();
            let turn = Tensor::from_slice(&variation.rotation.channel_matrix().concat()).view([1, 4, 4]);
            let waveform = level(&turn.bmm(&plane_wave), &[&variation]);
            let iv = descriptors(front_end.forward(&waveform), &[&variation]);
            let label = variation.rotation.apply(direction.to_vector().map(|v| v as f32));
            let angle = heard(&iv.get(0)).angle_to(Direction::from_vector(label.map(f64::from)));
            assert!(angle < 0.5, "{angle} degrees off with {variation:?}");
        }
    }
}
