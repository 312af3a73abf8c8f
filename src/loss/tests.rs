//! Every loss against its definition, its gradients against finite differences.

mod literal;

use proptest::prelude::*;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::*;
use crate::model::arch::{
    ActivityLoss, ClassBalance, DistanceLoss, DoaDistance, DoaTargets, LossWeighting, Permutation,
};

const CLASS_FRAMES: [u64; 4] = [12, 300, 0, 45];
const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);

/// Sizes of a batch.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    batch: i64,
    frames: i64,
    tracks: i64,
    /// Chance of a slot to be taken.
    events: f64,
}

const USUAL: Sizes = Sizes { batch: 2, frames: 3, tracks: 3, events: 0.5 };

fn unit(shape: &[i64]) -> Tensor {
    let vectors = Tensor::randn(shape, OPTIONS);
    &vectors / vectors.square().sum_dim_intlist(-1, true, None::<Kind>).sqrt()
}

fn logits_to_outputs(is_class_wise: bool, leaves: &[Tensor]) -> Output {
    let distance = leaves.get(if is_class_wise { 1 } else { 2 }).map(Tensor::shallow_clone);
    if is_class_wise {
        Output::Vectors { vectors: leaves[0].shallow_clone(), distance }
    } else {
        Output::Tracks { activity: leaves[0].shallow_clone(), direction: leaves[1].shallow_clone(), distance }
    }
}

/// The tensors of an output, and a target.
fn batch(arch: &Architecture, sizes: Sizes, seed: i64) -> (Vec<Tensor>, Target) {
    tch::manual_seed(seed);
    let Sizes { batch, frames, tracks, events } = sizes;
    let slots = [batch, frames, tracks];
    let with = |more: &[i64]| [&slots, more].concat();
    let own: &[i64] = if is_class_wise(arch) { &[4] } else { &[] };
    let far = || Tensor::rand(with(own), OPTIONS) * 4.0 + 0.05;
    let directions = with(&[own, &[3]].concat());
    let found = Tensor::randn(&directions, OPTIONS).tanh();
    let mut leaves =
        if is_class_wise(arch) { vec![found] } else { vec![Tensor::randn(with(&[4]), OPTIONS) * 3.0, found] };
    let taken = Tensor::rand(with(own), OPTIONS).less(events).to_kind(Kind::Double);
    let activity = if is_class_wise(arch) {
        taken.shallow_clone()
    } else {
        Tensor::randint(4, slots, (Kind::Int64, Device::Cpu)).one_hot(4) * taken.unsqueeze(-1)
    };
    let distance = arch.output.distance.then(|| {
        leaves.push(far());
        far() * &taken
    });
    let direction = unit(&directions) * taken.unsqueeze(-1);
    (leaves, Target { activity, direction, distance })
}

fn is_class_wise(arch: &Architecture) -> bool {
    arch.output.format != OutputFormat::Tracks
}

fn arch_of(config: LossConfig, format: OutputFormat, tracks: i64, distance: bool) -> Architecture {
    let mut arch = Architecture { loss: config, ..Architecture::default() };
    arch.tracks.count = tracks;
    arch.output.format = format;
    arch.output.distance = distance;
    arch
}

fn fast(arch: &Architecture, leaves: &[Tensor], target: &Target) -> Tensor {
    let vs = VarStore::new(Device::Cpu);
    Loss::new(&vs, arch, &CLASS_FRAMES).of(&logits_to_outputs(is_class_wise(arch), leaves), target).total
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let events = prop_oneof![Just(0.0), Just(0.5), Just(1.0)];
    (1i64..3, 1i64..4, 1i64..6, events).prop_map(|(batch, frames, tracks, events)| Sizes {
        batch,
        frames,
        tracks,
        events,
    })
}

fn config() -> impl Strategy<Value = LossConfig> {
    let of_activity = (
        prop_oneof![Just(ActivityLoss::Bce), Just(ActivityLoss::Focal)],
        prop_oneof![
            Just(ClassBalance::None),
            Just(ClassBalance::InverseFrequency),
            Just(ClassBalance::EffectiveNumber)
        ],
        prop_oneof![Just(0.0), Just(0.2)],
        0.0f64..3.0,
    );
    let of_direction = prop_oneof![
        Just((DoaDistance::Mse, DoaTargets::Active)),
        Just((DoaDistance::Mse, DoaTargets::All)),
        Just((DoaDistance::L1, DoaTargets::Active)),
        Just((DoaDistance::L1, DoaTargets::All)),
        Just((DoaDistance::Cosine, DoaTargets::Active)),
        Just((DoaDistance::Angular, DoaTargets::Active)),
    ];
    let others = (
        prop_oneof![Just(Permutation::Frame), Just(Permutation::Chunk)],
        prop_oneof![Just(DistanceLoss::Mse), Just(DistanceLoss::Relative)],
        prop_oneof![Just(LossWeighting::Fixed), Just(LossWeighting::Uncertainty)],
    );
    (of_activity, of_direction, others).prop_map(|(of_activity, of_direction, others)| LossConfig {
        activity: of_activity.0,
        class_balance: of_activity.1,
        label_smoothing: of_activity.2,
        focal_gamma: of_activity.3,
        focal_alpha: 0.3,
        effective_beta: 0.99,
        doa: of_direction.0,
        doa_on: of_direction.1,
        doa_weight: 0.7,
        permutation: others.0,
        distance: others.1,
        distance_weight: 0.4,
        weighting: others.2,
    })
}

fn vectors_config(config: LossConfig) -> LossConfig {
    LossConfig { permutation: Permutation::Frame, weighting: LossWeighting::Fixed, ..config }
}

fn close(fast: f64, slow: f64) -> bool {
    // Angles are blunt below a milliradian, class weights have 24 bits.
    (fast - slow).abs() <= 1e-5 * (1.0 + slow.abs())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn tracks_equal_the_definition(config in config(), sizes in sizes(), distance: bool, seed in 0i64..1000) {
        let arch = arch_of(config, OutputFormat::Tracks, sizes.tracks, distance);
        let (leaves, target) = batch(&arch, sizes, seed);
        let fast = fast(&arch, &leaves, &target).double_value(&[]);
        let slow = literal::loss(&arch, &CLASS_FRAMES, &logits_to_outputs(false, &leaves), &target);
        prop_assert!(close(fast, slow), "{fast} {slow}");
    }

    #[test]
    fn vectors_equal_the_definition(config in config(), sizes in sizes(), distance: bool, seed in 0i64..1000) {
        let format = if sizes.tracks == 1 { OutputFormat::Accdoa } else { OutputFormat::MultiAccdoa };
        let arch = arch_of(vectors_config(config), format, sizes.tracks, distance);
        let (leaves, target) = batch(&arch, sizes, seed);
        let fast = fast(&arch, &leaves, &target).double_value(&[]);
        let slow = literal::loss(&arch, &CLASS_FRAMES, &logits_to_outputs(true, &leaves), &target);
        prop_assert!(close(fast, slow), "{fast} {slow}");
    }

    #[test]
    fn gradients_equal_finite_differences(
        config in config(), tracks in 1i64..5, is_vectors: bool, distance: bool, seed in 0i64..1000)
    {
        let format = if is_vectors { OutputFormat::MultiAccdoa } else { OutputFormat::Tracks };
        let config = if is_vectors { vectors_config(config) } else { config };
        let arch = arch_of(config, format, tracks, distance);
        let (leaves, target) = batch(&arch, Sizes { batch: 1, frames: 2, tracks, ..USUAL }, seed);
        let leaves: Vec<Tensor> = leaves.into_iter().map(|x| x.set_requires_grad(true)).collect();
        fast(&arch, &leaves, &target).backward();
        let _guard = tch::no_grad_guard();
        for (which, leaf) in leaves.iter().enumerate() {
            let (step, gradient) = (1e-5, leaf.grad().flatten(0, -1));
            for element in (0..leaf.numel() as i64).step_by(3) {
                let moved = |by: f64| {
                    let shift = Tensor::zeros([leaf.numel() as i64], OPTIONS);
                    let _ = shift.get(element).fill_(by);
                    let mut moved: Vec<Tensor> = leaves.iter().map(Tensor::detach).collect();
                    moved[which] = leaf.detach() + shift.view_as(leaf);
                    fast(&arch, &moved, &target).double_value(&[])
                };
                let numeric = (moved(step) - moved(-step)) / (2.0 * step);
                let exact = gradient.double_value(&[element]);
                prop_assert!((numeric - exact).abs() < 1e-5 + 1e-4 * exact.abs(), "{numeric} {exact}");
            }
        }
    }

    #[test]
    fn neither_the_order_of_tracks_nor_that_of_slots_matters(
        config in config(), is_vectors: bool, distance: bool, seed in 0i64..1000)
    {
        let format = if is_vectors { OutputFormat::MultiAccdoa } else { OutputFormat::Tracks };
        let config = if is_vectors { vectors_config(config) } else { config };
        let arch = arch_of(config, format, 3, distance);
        let (leaves, target) = batch(&arch, USUAL, seed);
        let turned = |x: &Tensor, order: [i64; 3]| x.index_select(2, &Tensor::from_slice(&order));
        let slots = Target {
            activity: turned(&target.activity, [2, 0, 1]),
            direction: turned(&target.direction, [2, 0, 1]),
            distance: target.distance.as_ref().map(|x| turned(x, [2, 0, 1])),
        };
        let tracks: Vec<Tensor> = leaves.iter().map(|x| turned(x, [1, 0, 2])).collect();
        let expected = fast(&arch, &leaves, &target).double_value(&[]);
        for found in [fast(&arch, &leaves, &slots), fast(&arch, &tracks, &target)] {
            prop_assert!((found.double_value(&[]) - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn gradients_are_finite_for_certain_for_zero_and_for_perfect_outputs(
        config in config(), is_vectors: bool, distance: bool, certain in prop_oneof![Just(-1e4f64), Just(1e4)],
        is_perfect: bool)
    {
        let format = if is_vectors { OutputFormat::MultiAccdoa } else { OutputFormat::Tracks };
        let config = if is_vectors { vectors_config(config) } else { config };
        let arch = arch_of(config, format, 3, distance);
        let (leaves, target) = batch(&arch, USUAL, 1);
        let single = |x: Tensor| x.to_kind(Kind::Float);
        let target = Target {
            activity: single(target.activity),
            direction: single(target.direction),
            distance: target.distance.map(single),
        };
        let value = |x: &Tensor| match x.dim() {
            _ if x.size() == target.direction.size() && is_perfect => target.direction.copy(),
            _ if x.size() == target.direction.size() => target.direction.zeros_like(),
            4 if !is_vectors => Tensor::full(x.size(), certain, (Kind::Float, Device::Cpu)),
            _ => Tensor::full(x.size(), certain.abs(), (Kind::Float, Device::Cpu)),
        };
        let leaves: Vec<Tensor> = leaves.iter().map(|x| value(x).set_requires_grad(true)).collect();
        let total = fast(&arch, &leaves, &target);
        prop_assert!(total.double_value(&[]).is_finite());
        total.backward();
        for leaf in &leaves {
            prop_assert!(bool::try_from(leaf.grad().isfinite().all()).unwrap());
            // An angle pulls at a vector without length, but not without bound.
            prop_assert!(leaf.grad().abs().max().double_value(&[]) < 1e4);
        }
    }
}

#[test]
fn uncertainty_learns_weights_from_the_losses() {
    let config =
        LossConfig { weighting: LossWeighting::Uncertainty, doa_weight: 2.0, ..LossConfig::default() };
    let arch = arch_of(config, OutputFormat::Tracks, 3, false);
    let (leaves, target) = batch(&arch, USUAL, 1);
    let vs = VarStore::new(Device::Cpu);
    let loss = Loss::new(&vs, &arch, &CLASS_FRAMES);
    let lost = loss.of(&logits_to_outputs(false, &leaves), &target);
    lost.total.backward();
    let variables = vs.variables();
    assert_eq!(variables.len(), 2);
    for (part, value) in &lost.parts {
        let variance = &variables[&format!("{VARIABLES}.{}", part.name())];
        let weight = if *part == Part::Direction { 2.0 } else { 1.0 };
        assert!(((-variance).exp().double_value(&[]) - weight).abs() < 1e-6);
        let expected = 0.5 - weight * value.double_value(&[]);
        assert!((variance.grad().double_value(&[]) - expected).abs() < 1e-5);
    }
}

#[test]
fn a_lone_event_is_that_of_every_track() {
    let arch = arch_of(LossConfig::default(), OutputFormat::MultiAccdoa, 3, false);
    let sizes = Sizes { batch: 1, frames: 1, ..USUAL };
    let (_, target) = batch(&arch, Sizes { events: 0.0, ..sizes }, 1);
    let direction = Tensor::from_slice(&[0.6, 0.0, 0.8]);
    // In the second slot of the first class.
    target.activity.get(0).get(0).get(1).get(0).copy_(&Tensor::from(1.0));
    target.direction.get(0).get(0).get(1).get(0).copy_(&direction);
    let said = Tensor::zeros([1, 1, 3, 4, 3], OPTIONS);
    said.select(3, 0).copy_(&direction.expand([1, 1, 3, 3], false));
    assert_eq!(fast(&arch, &[said.shallow_clone()], &target).double_value(&[]), 0.0);
    let _ = said.get(0).get(0).get(2).get(0).zero_();
    // A third of the square of a unit vector, in one of twelve places.
    let lost = fast(&arch, &[said], &target).double_value(&[]);
    assert!((lost - 1.0 / 36.0).abs() < 1e-12, "{lost}");
}
