use proptest::prelude::*;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::*;

const RATE: u32 = 24_000;
const SCALES: [Scale; 4] = [Scale::Mel, Scale::Htk, Scale::Linear, Scale::Log];

fn every_descriptor() -> FeatureConfig {
    FeatureConfig {
        descriptors: Descriptor::ALL.to_vec(),
        n_fft: 256,
        hop: 120,
        bands: 16,
        ..FeatureConfig::default()
    }
}

fn front_end(config: &FeatureConfig) -> FrontEnd {
    FrontEnd::new(&VarStore::new(Device::Cpu).root(), config, RATE).unwrap()
}

fn noise(batch: i64, samples: i64) -> Tensor {
    tch::manual_seed(3);
    Tensor::randn([batch, 4, samples], (Kind::Float, Device::Cpu))
}

fn plane_wave(azimuth_deg: f64, elevation_deg: f64) -> Tensor {
    let direction = crate::seld::doa::Direction { azimuth_deg, elevation_deg };
    let [x, y, z] = direction.to_vector();
    let gains = Tensor::from_slice(&[1.0, y, z, x]).to_kind(Kind::Float).view([1, 4, 1]);
    gains * noise(1, 4800).narrow(1, 0, 1)
}

fn one(config: &FeatureConfig, descriptor: Descriptor, waveform: &Tensor) -> Tensor {
    let config = FeatureConfig { descriptors: vec![descriptor], ..config.clone() };
    front_end(&config).forward(waveform)
}

fn distance(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

#[test]
fn frames_are_whole_hops_for_every_hop_and_odd_lengths() {
    for (hop, n_fft) in [(120, 256), (96, 256), (240, 480), (255, 512), (256, 256)] {
        let config = FeatureConfig { hop, n_fft, ..every_descriptor() };
        let front_end = front_end(&config);
        for samples in [5 * hop, 6 * hop - 1, 6 * hop + 1, 10 * hop, 2399, 4801] {
            let out = front_end.forward(&noise(2, samples));
            assert_eq!(out.size(), [2, front_end.channels(), samples / hop, 16], "{hop} {samples}");
            let all = front_end.describe_each(&noise(2, samples), Frames::All);
            for (descriptor, values) in all {
                let expected = [2, descriptor.channels(), samples / hop + 1, 16];
                assert_eq!(values.size(), expected, "{descriptor:?}");
            }
        }
    }
}

#[test]
fn pieces_are_the_whole() {
    // Longer than a piece, and with a rest; pieces and whole differ in how sums are ordered.
    let local = Descriptor::ALL.into_iter().filter(|d| {
        !matches!(
            d,
            Descriptor::Pcen | Descriptor::Diffuseness | Descriptor::Eigenvector | Descriptor::Waveform
        )
    });
    let config = FeatureConfig {
        descriptors: local.collect(),
        range_db: Some(20.0),
        offset: 1e-3,
        ..every_descriptor()
    };
    let front_end = front_end(&config);
    let waveform = noise(2, 120 * 150 + 50);
    let far = distance(&front_end.describe(&waveform), &front_end.forward(&waveform));
    assert!(far < 1e-3, "{far}");
    let each = front_end.describe_each(&waveform, Frames::All);
    let parts: Vec<Tensor> = each.into_iter().map(|(_, part)| part.narrow(2, 0, 150)).collect();
    assert!(
        distance(&Tensor::cat(&parts, 1).narrow(1, 4, 40), &front_end.forward(&waveform).narrow(1, 4, 40))
            < 1e-3
    );
}

#[test]
fn a_frame_is_where_its_sound_is() {
    // One click; the loudest frame is the one centred nearest to it.
    for hop in [96, 120, 200] {
        let config = FeatureConfig { hop, ..every_descriptor() };
        let waveform = Tensor::zeros([1, 4, 40 * hop + 1], (Kind::Float, Device::Cpu));
        let _ = waveform.narrow(2, 25 * hop, 1).fill_(0.5);
        for descriptor in [Descriptor::Logmel, Descriptor::Magnitude, Descriptor::Waveform] {
            let level =
                one(&config, descriptor, &waveform).select(1, 0).mean_dim([2].as_slice(), false, Kind::Float);
            assert_eq!(level.argmax(1, false).int64_value(&[0]), 25, "{descriptor:?}");
        }
    }
}

#[test]
fn silence_dc_clipping_and_one_channel_are_finite() {
    let zeros = Tensor::zeros([1, 4, 1200], (Kind::Float, Device::Cpu));
    let mut inputs =
        vec![zeros.shallow_clone(), zeros.ones_like(), (noise(1, 1200) * 100.0).clamp(-1.0, 1.0)];
    inputs.push(&zeros + 1e-30);
    for channel in 0..4 {
        let only = zeros.copy();
        only.select(1, channel).copy_(&noise(1, 1200).select(1, channel));
        inputs.push(only);
    }
    for normalisation in [Normalisation::None, Normalisation::Chunk, Normalisation::Pcen] {
        for scale in SCALES {
            let front_end = front_end(&FeatureConfig { scale, normalisation, ..every_descriptor() });
            for (number, input) in inputs.iter().enumerate() {
                for (descriptor, values) in front_end.describe_each(input, Frames::All) {
                    let finite = bool::try_from(values.isfinite().all()).unwrap();
                    assert!(finite, "{descriptor:?} of input {number}");
                }
                assert!(bool::try_from(front_end.forward(input).isfinite().all()).unwrap());
            }
        }
    }
}

#[test]
fn gradients_of_the_learned_filters_are_finite() {
    let config = FeatureConfig { descriptors: vec![Descriptor::Waveform], ..every_descriptor() };
    let vs = VarStore::new(Device::Cpu);
    let front_end = FrontEnd::new(&vs.root(), &config, RATE).unwrap();
    assert!(front_end.is_learned() && vs.trainable_variables().len() == 1);
    for input in [noise(2, 1200), noise(2, 1200) * 0.0] {
        front_end.forward(&input).square().mean(Kind::Float).backward();
        let gradient = vs.trainable_variables()[0].grad();
        assert!(bool::try_from(gradient.isfinite().all()).unwrap());
    }
}

#[test]
fn learned_filters_start_as_a_filter_bank_that_hears_directions() {
    let config = FeatureConfig { n_fft: 512, hop: 240, bands: 32, ..FeatureConfig::default() };
    let heard = one(&config, Descriptor::Waveform, &plane_wave(50.0, 20.0)).narrow(1, 4, 3);
    let direction = crate::seld::doa::Direction { azimuth_deg: 50.0, elevation_deg: 20.0 };
    let [x, y, z] = direction.to_vector();
    for (channel, expected) in [y, z, x].into_iter().enumerate() {
        let mean = heard.select(1, channel as i64).mean(Kind::Float).double_value(&[]);
        assert!((mean - expected).abs() < 0.01, "{mean} {expected}");
    }
}

#[test]
fn a_traced_front_end_takes_other_lengths_and_batches() {
    for (normalisation, padding) in [
        (Normalisation::None, Padding::Reflect),
        (Normalisation::Chunk, Padding::ReflectTail),
        (Normalisation::Dataset, Padding::Zeros),
    ] {
        let mut vs = VarStore::new(Device::Cpu);
        let config = FeatureConfig { normalisation, padding, ..every_descriptor() };
        let front_end = FrontEnd::new(&vs.root(), &config, RATE).unwrap();
        vs.freeze();
        let mut closure = |inputs: &[Tensor]| vec![front_end.forward(&inputs[0])];
        let traced =
            tch::CModule::create_by_tracing("FrontEnd", "forward", &[noise(1, 1200)], &mut closure).unwrap();
        let other = noise(3, 3000);
        let out = traced.forward_ts(&[&other]).unwrap();
        assert!(distance(&out, &front_end.forward(&other)) < 1e-5);
    }
}

#[test]
fn impossible_configurations_name_the_key() {
    let default = FeatureConfig::default();
    let cases = [
        (FeatureConfig { hop: 0, ..default.clone() }, "features.hop"),
        (FeatureConfig { n_fft: 1023, ..default.clone() }, "features.n_fft"),
        (FeatureConfig { win_length: Some(2000), ..default.clone() }, "features.win_length"),
        (FeatureConfig { bands: 0, ..default.clone() }, "features.bands"),
        (FeatureConfig { bands: 600, scale: Scale::Linear, ..default.clone() }, "features.bands"),
        (FeatureConfig { bands: 64, scale: Scale::Salsa, ..default.clone() }, "features.bands"),
        (FeatureConfig { fmin_hz: -1.0, ..default.clone() }, "features.fmin_hz"),
        (FeatureConfig { fmax_hz: Some(13000.0), ..default.clone() }, "features.fmax_hz"),
        (FeatureConfig { linear_below_hz: 0.0, ..default.clone() }, "features.linear_below_hz"),
        (FeatureConfig { range_db: Some(-80.0), ..default.clone() }, "features.range_db"),
        (FeatureConfig { descriptors: vec![], ..default }, "features.descriptors"),
    ];
    for (config, key) in cases {
        let error = FrontEnd::new(&VarStore::new(Device::Cpu).root(), &config, RATE).unwrap_err().to_string();
        assert!(error.starts_with(key), "{error}");
    }
    for preset in Preset::ALL {
        preset.config().check(RATE).unwrap();
    }
}

#[test]
fn a_quarter_turn_moves_directions_like_the_scene() {
    let waveform = noise(1, 2400);
    // Counter-clockwise by 90 degrees: what was in front is now left. Y' = X, X' = -Y.
    let turned = waveform.index_select(1, &Tensor::from_slice(&[0i64, 3, 2, 1]))
        * Tensor::from_slice(&[1f32, 1.0, 1.0, -1.0]).view([1, 4, 1]);
    let config = every_descriptor();
    for descriptor in [
        Descriptor::Iv,
        Descriptor::IvSn3d,
        Descriptor::IvUnit,
        Descriptor::IvActive,
        Descriptor::IvReactive,
        Descriptor::Reactive,
        Descriptor::Eigenvector,
    ] {
        let (before, after) = (one(&config, descriptor, &waveform), one(&config, descriptor, &turned));
        let tolerance = 1e-5 * before.abs().max().double_value(&[]).max(1.0);
        let axis = |out: &Tensor, axis: i64| out.select(1, axis);
        assert!(distance(&axis(&after, 0), &axis(&before, 2)) < tolerance, "{descriptor:?}");
        assert!(distance(&axis(&after, 1), &axis(&before, 1)) < tolerance, "{descriptor:?}");
        assert!(distance(&axis(&after, 2), &-axis(&before, 0)) < tolerance, "{descriptor:?}");
    }
    for descriptor in [Descriptor::Logmel, Descriptor::Diffuseness] {
        let (before, after) = (one(&config, descriptor, &waveform), one(&config, descriptor, &turned));
        assert!(distance(&after.select(1, 0), &before.select(1, 0)) < 1e-4, "{descriptor:?}");
    }
}

#[test]
fn one_plane_wave_has_unit_intensity_no_reactive_part_and_no_diffuseness() {
    let config = FeatureConfig {
        scale: Scale::Linear,
        n_fft: 512,
        hop: 240,
        bands: 256,
        fmin_hz: 20.0,
        ..FeatureConfig::default()
    };
    let wave = plane_wave(-70.0, 30.0);
    let length =
        one(&config, Descriptor::IvSn3d, &wave).square().sum_dim_intlist([1].as_slice(), false, Kind::Float);
    assert!((length - 1.0).abs().max().double_value(&[]) < 1e-3);
    assert!(one(&config, Descriptor::Reactive, &wave).abs().max().double_value(&[]) < 1e-4);
    assert!(one(&config, Descriptor::Diffuseness, &wave).max().double_value(&[]) < 1e-3);
    // Four independent channels: as diffuse as it gets.
    let diffuse = one(&config, Descriptor::Diffuseness, &noise(1, 4800)).mean(Kind::Float).double_value(&[]);
    assert!(diffuse > 0.5, "{diffuse}");
    let direction = crate::seld::doa::Direction { azimuth_deg: -70.0, elevation_deg: 30.0 };
    let [x, y, z] = direction.to_vector();
    let eigenvector = one(&config, Descriptor::Eigenvector, &wave);
    let used = eigenvector.square().sum_dim_intlist([1].as_slice(), true, Kind::Float).gt(0.5);
    assert!(used.to_kind(Kind::Float).mean(Kind::Float).double_value(&[]) > 0.1);
    for (channel, expected) in [y, z, x].into_iter().enumerate() {
        let far = (eigenvector.narrow(1, channel as i64, 1) - expected) * &used;
        assert!(far.abs().max().double_value(&[]) < 1e-3);
    }
}

#[test]
fn phases_are_those_of_a_tone() {
    let config = FeatureConfig {
        scale: Scale::Linear,
        n_fft: 256,
        hop: 120,
        bands: 129,
        fmin_hz: 0.0,
        ..FeatureConfig::default()
    };
    // 16 periods in a transform; Y a quarter period before W, X in opposite phase.
    let time = Tensor::arange(2400, (Kind::Float, Device::Cpu)) * (2.0 * std::f64::consts::PI * 16.0 / 256.0);
    let tone =
        Tensor::stack(&[time.cos(), (&time + 0.5 * std::f64::consts::PI).cos(), time.sin(), -time.cos()], 0);
    let ipd = one(&config, Descriptor::Ipd, &tone.unsqueeze(0)).select(3, 16).select(2, 9).select(0, 0);
    let expected = [0.0, 0.0, -1.0, 1.0, -1.0, 0.0];
    for (got, expected) in Vec::<f64>::try_from(ipd.to_kind(Kind::Double)).unwrap().into_iter().zip(expected)
    {
        assert!((got - expected).abs() < 1e-3, "{got} {expected}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn gain_shifts_logmel_and_leaves_normalised_descriptors(gain in 0.1..10.0f64) {
        let waveform = noise(1, 1200);
        let louder = &waveform * gain;
        let config = every_descriptor();
        for descriptor in [
            Descriptor::PhaseCosSin,
            Descriptor::Ipd,
            Descriptor::Iv,
            Descriptor::IvSn3d,
            Descriptor::IvUnit,
            Descriptor::Reactive,
            Descriptor::Diffuseness,
            Descriptor::Eigenvector,
            Descriptor::GccPhat,
            Descriptor::Covariance,
        ] {
            let far = distance(&one(&config, descriptor, &waveform), &one(&config, descriptor, &louder));
            prop_assert!(far < 1e-3, "{descriptor:?}: {far}");
        }
        // Single bins: the mean of many phases may be of any size.
        let bins = FeatureConfig { scale: Scale::Linear, bands: 129, fmin_hz: 0.0, ..config.clone() };
        let turn = one(&bins, Descriptor::Phase, &waveform) - one(&bins, Descriptor::Phase, &louder);
        prop_assert!((turn.cos() - 1.0).abs().max().double_value(&[]) < 1e-3);
        let shift = one(&config, Descriptor::Logmel, &louder) - one(&config, Descriptor::Logmel, &waveform);
        prop_assert!((shift - 20.0 * gain.log10()).abs().max().double_value(&[]) < 1e-3);
        let chunk = FeatureConfig { normalisation: Normalisation::Chunk, ..config };
        let far = distance(&one(&chunk, Descriptor::Logmel, &waveform), &one(&chunk, Descriptor::Logmel, &louder));
        prop_assert!(far < 1e-3, "{far}");
    }
}
