//! A training step on one core: 16 chunks of 5 s through the default network without a tagger, float32 beside bfloat16; the
//! convolutions of the default encoder, channels last beside contiguous; and what the optimizer takes of a step.
//!
//! `cargo bench --bench encoder`.

use at2seld::loss::{Loss, Target};
use at2seld::model::arch::Architecture;
use at2seld::model::detector::Detector;
use at2seld::torch_ext;
use divan::Bencher;
use tch::nn::{self, ModuleT, OptimizerConfig, VarStore};
use tch::{Device, Kind, Tensor};

const RATE: u32 = 24_000;
const CHUNKS: i64 = 16;
const CLASSES: i64 = 13;
const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

fn main() {
    tch::set_num_threads(1);
    divan::main();
}

struct Training {
    vs: VarStore,
    detector: Detector,
    loss: Loss,
    descriptors: Tensor,
    target: Target,
}

impl Training {
    fn new() -> Self {
        let mut arch = Architecture::default();
        arch.backbone.name = "none".into();
        arch.fusion.placement = Vec::new();
        let vs = VarStore::new(Device::Cpu);
        let detector = Detector::new(&vs, &arch, None, RATE, CLASSES as usize).expect("a network");
        let loss = Loss::new(&vs, &arch, &[1; CLASSES as usize]);
        let sound = Tensor::randn([CHUNKS, 4, 5 * i64::from(RATE)], OPTIONS) * 0.1;
        let descriptors = tch::no_grad(|| detector.describe(&sound));
        let slots = [CHUNKS, 50, arch.tracks.count];
        let target = Target {
            activity: Tensor::zeros([slots[0], slots[1], slots[2], CLASSES], OPTIONS),
            direction: Tensor::zeros([slots[0], slots[1], slots[2], 3], OPTIONS),
            distance: None,
        };
        Self { vs, detector, loss, descriptors, target }
    }

    fn step(&self, bf16: bool) {
        let network = || self.detector.run(&self.descriptors, None, true);
        let output = if bf16 { torch_ext::with_bf16(Device::Cpu, network) } else { network() };
        self.loss.of(&output, &self.target).total.backward();
    }
}

#[divan::bench(args = ["float32", "bf16"], sample_count = 10, sample_size = 1)]
fn step(bencher: Bencher, numbers: &str) {
    if numbers == "bf16" && !torch_ext::cpu_has_bf16() {
        println!("this processor has no bfloat16: it is emulated");
    }
    let training = Training::new();
    bencher.bench_local(|| training.step(numbers == "bf16"));
}

/// What libtorch takes for the parameters of that network, one after the other.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn optimizer(bencher: Bencher) {
    let training = Training::new();
    let mut adamw = nn::AdamW::default().build(&training.vs, 1e-4).expect("an optimizer");
    training.step(false);
    bencher.bench_local(|| adamw.step());
}

/// Residual blocks as the default encoder's, of tch's layers.
fn blocks(vs: &VarStore) -> Vec<nn::SequentialT> {
    let widths = [7, 32, 64, 128];
    let block = |index: usize| {
        let (from, to) = (widths[index], widths[index + 1]);
        let path = vs.root() / index;
        let same = nn::ConvConfig { padding: 1, bias: false, ..Default::default() };
        let pool: [i64; 2] = if index == 0 { [5, 4] } else { [1, 2] };
        nn::seq_t()
            .add(nn::conv2d(&path / "a", from, to, 3, same))
            .add(nn::batch_norm2d(&path / "an", to, Default::default()))
            .add_fn(|x| x.relu())
            .add(nn::conv2d(&path / "b", to, to, 3, same))
            .add(nn::batch_norm2d(&path / "bn", to, Default::default()))
            .add_fn(move |x| x.relu().max_pool2d(pool, pool, [0, 0], [1, 1], true))
    };
    (0..3).map(block).collect()
}

#[divan::bench(args = ["contiguous", "channels last"], sample_count = 10, sample_size = 1)]
fn convolutions(bencher: Bencher, layout: &str) {
    let vs = VarStore::new(Device::Cpu);
    let blocks = blocks(&vs);
    let x = Tensor::randn([CHUNKS, 7, 250, 64], OPTIONS);
    let x =
        if layout == "contiguous" { x } else { x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]) };
    bencher.bench_local(|| {
        let last = blocks.iter().fold(x.shallow_clone(), |x, block| block.forward_t(&x, true));
        last.mean(Kind::Float).backward();
    });
}
