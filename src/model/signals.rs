//! What the tagger hears of a scene: W, the four channels, or beams.

use tch::{Device, Tensor};

use super::arch::TaggerInput;
use crate::dataset::augment::Rotation;

/// Weights of W, Y, Z, X in one signal.
type Signal = [f32; 4];

/// The signals, one after the other.
fn signals(input: TaggerInput) -> &'static [Signal] {
    match input {
        TaggerInput::Omni => &[[1.0, 0.0, 0.0, 0.0]],
        TaggerInput::Channels => {
            &[[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
        }
        // First-order cardioids, (1 + cos) / 2: with SN3D, W and the three others have the same gain along the axes.
        TaggerInput::Beams => &[
            [0.5, 0.0, 0.0, 0.5],
            [0.5, 0.0, 0.0, -0.5],
            [0.5, 0.5, 0.0, 0.0],
            [0.5, -0.5, 0.0, 0.0],
            [0.5, 0.0, 0.5, 0.0],
            [0.5, 0.0, -0.5, 0.0],
        ],
    }
}

/// How many there are.
pub fn count(input: TaggerInput) -> i64 {
    signals(input).len() as i64
}

/// The signals, ready to be made on a device.
#[derive(Debug)]
pub struct Signals {
    input: TaggerInput,
    /// `[1, N, 4]`; none for W alone.
    weights: Option<Tensor>,
}

impl Signals {
    /// Prepares them for waveforms on `device`.
    pub fn new(input: TaggerInput, device: Device) -> Self {
        let weights = || Tensor::from_slice(&signals(input).concat()).view([1, -1, 4]).to(device);
        Self { input, weights: (input != TaggerInput::Omni).then(weights) }
    }

    /// Which they are.
    pub fn input(&self) -> TaggerInput {
        self.input
    }

    /// How many there are.
    pub fn count(&self) -> i64 {
        count(self.input)
    }

    /// Those of a waveform `[B, 4, S]` (W, Y, Z, X): `[B, N, S]`. Traceable.
    pub fn of(&self, waveform: &Tensor) -> Tensor {
        match &self.weights {
            None => waveform.narrow(1, 0, 1),
            Some(weights) => weights.matmul(waveform),
        }
    }

    /// For each signal of the turned scene, which signal of the scene as it was it is, but for its sign, which no tagger
    /// hears. `None` when the rotation makes others of them.
    pub fn turned(&self, rotation: Rotation) -> Option<Vec<i64>> {
        let matrix = rotation.channel_matrix();
        let of_scene = |signal: &Signal| -> Signal {
            [0, 1, 2, 3].map(|channel| (0..4).map(|row| signal[row] * matrix[row][channel]).sum())
        };
        let place = |signal: &Signal| {
            let turned = of_scene(signal);
            let same = |other: &Signal| *other == turned || other.iter().zip(turned).all(|(a, b)| *a == -b);
            signals(self.input).iter().position(same).map(|index| index as i64)
        };
        signals(self.input).iter().map(place).collect()
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;
    use crate::dataset::augment::rotation::SWAPS;

    const ALL: [TaggerInput; 3] = [TaggerInput::Omni, TaggerInput::Channels, TaggerInput::Beams];

    #[test]
    fn beams_hear_their_own_direction_alone_at_full_level_and_not_the_opposite() {
        // A plane wave from the front: W = X = 1.
        let wave = Tensor::from_slice(&[1.0f32, 0.0, 0.0, 1.0]).view([1, 4, 1]);
        let heard: Vec<f32> =
            Vec::try_from(Signals::new(TaggerInput::Beams, Device::Cpu).of(&wave).flatten(0, -1)).unwrap();
        assert_eq!(heard, [1.0, 0.0, 0.5, 0.5, 0.5, 0.5]);
    }

    #[test]
    fn the_sixteen_rotations_exchange_signals() {
        tch::manual_seed(1);
        let scene = Tensor::randn([2, 4, 50], (Kind::Float, Device::Cpu));
        for signals in ALL.map(|input| Signals::new(input, Device::Cpu)) {
            for index in 0..SWAPS {
                let rotation = Rotation::swap(index);
                let matrix = Tensor::from_slice(&rotation.channel_matrix().concat()).view([1, 4, 4]);
                let places = signals.turned(rotation).expect("signals are exchanged");
                let exchanged = signals.of(&scene).index_select(1, &Tensor::from_slice(&places));
                let turned = signals.of(&matrix.matmul(&scene));
                assert!((exchanged.abs() - turned.abs()).abs().max().double_value(&[]) < 1e-6);
            }
        }
    }

    #[test]
    fn other_angles_make_other_signals_of_all_but_w() {
        let rotation = Rotation::yaw(30.0, false, false);
        assert_eq!(
            ALL.map(|input| Signals::new(input, Device::Cpu).turned(rotation).is_some()),
            [true, false, false]
        );
    }
}
