//! Sounds that go on: running water, an engine, a ringing telephone.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::dsp::{BandPass, LowPass, Oscillator, add_at, hump, log_uniform, noise, samples};

/// Water from a tap: a bed of hiss with many short rising bubbles.
pub(super) fn water(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let length = samples(rng.random_range(1.5..4.5));
    let mut hiss = BandPass::new(log_uniform(rng, 2_500.0, 6_000.0), 6_000.0);
    let mut body = LowPass::new(rng.random_range(300.0..900.0));
    let mut flow = LowPass::new(8.0);
    let body_level = rng.random_range(0.2..0.8);
    let mut clip: Vec<f32> = (0..length)
        .map(|n| {
            let x = noise(rng);
            let swell = 1.0 + 25.0 * flow.next(noise(rng));
            swell.clamp(0.4, 1.8)
                * hump(n as f32 / length as f32, 0.04, 0.06)
                * (hiss.next(x) + body_level * body.next(x))
        })
        .collect();
    let bubbles_per_s = log_uniform(rng, 15.0, 60.0);
    let bubble_hz = log_uniform(rng, 500.0, 1_400.0);
    for _ in 0..(bubbles_per_s * length as f32 / samples(1.0) as f32) as usize {
        let start_hz = bubble_hz * log_uniform(rng, 0.6, 2.0);
        let decay_s = rng.random_range(0.006..0.03);
        let level = rng.random_range(0.1..0.5);
        let mut tone = Oscillator::default();
        let bubble: Vec<f32> = (0..samples(5.0 * decay_s))
            .map(|n| {
                let t = n as f32 / samples(1.0) as f32;
                level * (-t / decay_s).exp() * tone.sine(start_hz * (1.0 + 8.0 * t))
            })
            .collect();
        let start = rng.random_range(0..length);
        add_at(&mut clip, start, &bubble);
    }
    clip
}

/// A small engine: rough harmonics of 35 to 110 Hz whose speed rises or falls, with mechanical noise.
pub(super) fn engine(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let length = samples(rng.random_range(2.0..4.5));
    let start_hz = log_uniform(rng, 35.0, 90.0);
    let rev = log_uniform(rng, 0.7, 1.6);
    let harmonics: Vec<f32> = (1..=24).map(|k| rng.random_range(0.3..1.0) / (k as f32).powf(0.7)).collect();
    let roughness = rng.random_range(0.2..0.7);
    let mut rattle = BandPass::new(log_uniform(rng, 700.0, 2_500.0), 1_500.0);
    let (mut shaft, mut flutter) = (Oscillator::default(), LowPass::new(20.0));
    (0..length)
        .map(|n| {
            let position = n as f32 / length as f32;
            let wobble = 1.0 + 0.6 * flutter.next(noise(rng));
            let phase = std::f32::consts::TAU * shaft.advance(start_hz * rev.powf(position) * wobble);
            let tone: f32 = harmonics.iter().zip(1..).map(|(gain, k)| gain * (phase * k as f32).sin()).sum();
            // The rattle follows the strokes.
            let stroke = (0.5 + 0.5 * phase.cos()).powi(4);
            hump(position, 0.06, 0.08) * (tone + 6.0 * roughness * rattle.next(noise(rng)) * stroke)
        })
        .collect()
}

/// A telephone: two tones that alternate quickly, with harmonics, in rings of about half a second.
pub(super) fn telephone(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let low_hz = log_uniform(rng, 600.0, 1_100.0);
    let high_hz = low_hz * rng.random_range(1.15..1.4);
    let swap_hz = log_uniform(rng, 12.0, 28.0);
    let ring_s = rng.random_range(0.4..0.9);
    let pause_s = rng.random_range(0.12..0.35);
    let harmonics: [f32; 8] =
        std::array::from_fn(|k| if k == 0 { 1.0 } else { rng.random_range(0.1..0.8) / (k as f32).sqrt() });
    let mut clip = Vec::new();
    for _ in 0..rng.random_range(2..=4) {
        let (mut tone, mut swap) = (Oscillator::default(), Oscillator::default());
        let length = samples(ring_s);
        clip.extend((0..length).map(|n| {
            let hz = if swap.advance(swap_hz) < 0.5 { low_hz } else { high_hz };
            let phase = std::f32::consts::TAU * tone.advance(hz);
            let ring: f32 = harmonics.iter().zip(1..).map(|(gain, k)| gain * (phase * k as f32).sin()).sum();
            hump(n as f32 / length as f32, 0.03, 0.12) * (ring + 0.05 * noise(rng))
        }));
        clip.extend(vec![0.0; samples(pause_s)]);
    }
    clip
}
