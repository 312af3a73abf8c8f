//! From the map of the tagger's last block to the features of the semantic path.

use tch::{Device, Kind, Tensor};

use crate::model::arch::{BackboneConfig, SignalJoin};

/// What is done to the last block's map.
#[derive(Debug)]
pub(super) struct Outlet {
    signals: SignalJoin,
    /// `[F, groups]`, the share of each band in each group.
    groups: Tensor,
}

impl Outlet {
    /// For maps of `bands` bands. Groups are as even as can be; a band that lies in two of them counts in both, in
    /// proportion.
    pub(super) fn new(config: &BackboneConfig, bands: i64, device: Device) -> Self {
        let groups = config.bands;
        let width = bands as f64 / groups as f64;
        let share = |band: i64, group: i64| {
            let (low, high) = (group as f64 * width, (group + 1) as f64 * width);
            ((high.min(band as f64 + 1.0) - low.max(band as f64)).max(0.0) / width) as f32
        };
        let shares: Vec<f32> =
            (0..bands).flat_map(|band| (0..groups).map(move |group| share(band, group))).collect();
        Self { signals: config.signals, groups: Tensor::from_slice(&shares).view([bands, groups]).to(device) }
    }

    /// Groups of bands.
    pub(super) fn bands(&self) -> i64 {
        self.groups.size()[1]
    }

    /// Features for a frame.
    pub(super) fn width(&self, signals: i64, channels: i64) -> i64 {
        let joined = match self.signals {
            SignalJoin::SideBySide => signals,
            SignalJoin::MeanMax => 2,
        };
        joined * channels * self.bands()
    }

    /// `[.., F]` to `[.., groups]`. Traceable.
    pub(super) fn average(&self, map: &Tensor) -> Tensor {
        match self.bands() {
            1 => map.mean_dim([-1].as_slice(), true, Kind::Float),
            _ => map.matmul(&self.groups),
        }
    }

    /// `[B, N, C, T, groups]` of N signals to `[B, joined, T, groups]`. Traceable.
    pub(super) fn join(&self, maps: &Tensor) -> Tensor {
        match self.signals {
            SignalJoin::SideBySide => maps.flatten(1, 2),
            SignalJoin::MeanMax => {
                Tensor::cat(&[maps.mean_dim([1].as_slice(), false, Kind::Float), maps.amax([1], false)], 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlet(signals: SignalJoin, groups: i64, bands: i64) -> Outlet {
        Outlet::new(&BackboneConfig { signals, bands: groups, ..Default::default() }, bands, Device::Cpu)
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.flatten(0, -1)).unwrap()
    }

    #[test]
    fn groups_are_averages_of_their_bands() {
        let map = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0]).view([1, 1, 1, 6]);
        let averages = |groups| values(&outlet(SignalJoin::SideBySide, groups, 6).average(&map));
        assert_eq!(averages(1), [3.5]);
        assert_eq!(averages(3), [1.5, 3.5, 5.5]);
        assert_eq!(averages(6), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        // One and a half bands each.
        let expected = [(1.0 + 0.5 * 2.0) / 1.5, (0.5 * 2.0 + 3.0) / 1.5];
        for (got, expected) in averages(4).iter().zip(expected) {
            assert!((got - expected).abs() < 1e-6, "{got} {expected}");
        }
    }

    #[test]
    fn mean_and_maximum_do_not_depend_on_the_order_of_signals() {
        let outlet = outlet(SignalJoin::MeanMax, 2, 4);
        let maps = Tensor::from_slice(&[1f32, 2.0, 5.0, 0.0, 3.0, 7.0]).view([1, 3, 1, 1, 2]);
        assert_eq!(values(&outlet.join(&maps)), [3.0, 3.0, 5.0, 7.0]);
        assert_eq!(values(&outlet.join(&maps.flip([1]))), [3.0, 3.0, 5.0, 7.0]);
        assert_eq!(outlet.width(3, 1), 4);
    }
}
