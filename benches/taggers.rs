//! What a tagger costs on one core: a minute of sound through its front-end and all its blocks, batch norms folded into the
//! convolutions, against the same network with the batch norms apart, as a training framework runs it. Weights are random.
//!
//! `cargo bench --bench taggers`. Seconds, the fastest of several; the multiply-adds are those that `backbone list` shows.

use std::path::Path;
use std::time::Instant;

use at2seld::backbone::registry::{self, Network};
use at2seld::backbone::{Tagger, Thaw};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

mod random_weights;

const SECONDS: i64 = 60;
const RUNS: usize = 3;

fn main() {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().expect("a temporary folder");
    println!(
        "{:<12} {:>9} {:>9} {:>6} {:>15} {:>15}",
        "network", "folded, s", "apart, s", "ratio", "M multiply-adds", "10^9 a second"
    );
    for network in Network::ALL {
        let weights = folder.path().join(network.name()).with_extension("safetensors");
        let heads: &[(&str, i64)] = match network {
            // Its heads are nine: see aisfx.rs.
            Network::Aisfx => continue,
            // Its front-end has constants of its own.
            Network::Small => continue,
            Network::Yamnet => &[("classifier", 521)],
            Network::Cnn6 | Network::Cnn10 => &[("fc1", 512), ("fc_audioset", 527)],
            Network::Cnn14 => &[("fc1", 2048), ("fc_audioset", 527)],
            Network::MobileNetV1 => &[("fc1", 1024), ("fc_audioset", 527)],
            Network::Epanns => &[("fc1", 2048), ("fc_audioset", 527)],
        };
        let picture_norm = (network != Network::Yamnet).then_some("bn0");
        random_weights::write(&network.plan(), picture_norm, heads, &weights);
        let folded = seconds(network, &weights, None);
        let vs = VarStore::new(Device::Cpu);
        let apart = seconds(network, &weights, Some(&Thaw { path: vs.root(), frozen: 0 }));
        let macs = network.plan().macs_per_second() * SECONDS as f64;
        println!(
            "{:<12} {folded:>9.2} {apart:>9.2} {:>6.2} {:>15.0} {:>15.1}",
            network.name(),
            apart / folded,
            macs / 1e6,
            macs / folded / 1e9
        );
    }
}

fn seconds(network: Network, weights: &Path, thaw: Option<&Thaw>) -> f64 {
    let tagger: Box<dyn Tagger> =
        registry::load(network.name(), Some(weights), Device::Cpu, thaw).expect("a tagger");
    let samples = SECONDS * i64::from(tagger.sample_rate());
    let waveform = Tensor::randn([1, samples], (Kind::Float, Device::Cpu)) * 0.1;
    let run = |_| {
        let started = Instant::now();
        let _ = tch::no_grad(|| tagger.sequence(&waveform));
        started.elapsed().as_secs_f64()
    };
    (0..RUNS).map(run).fold(f64::INFINITY, f64::min)
}
