//! Sounds that go on: running water, a kitchen appliance, a ringing telephone.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::dsp::{
    BandPass, LowPass, Oscillator, Wave, add_at, click, harmonics, hump, log_uniform, noise, samples,
};

/// Water from a tap: a bed of hiss with many short rising bubbles.
pub(super) fn water_tap(rng: &mut ChaCha8Rng) -> Vec<f32> {
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

/// A kitchen appliance that grinds or mixes: a motor that runs up and down, the rush of its fan, and the hard
/// things it hits.
pub(super) fn domestic_sounds(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let length_s = rng.random_range(1.5..4.5);
    let length = samples(length_s);
    let motor_hz = log_uniform(rng, 110.0, 300.0);
    let motor = Wave::new(&harmonics(motor_hz, 0.6, 24, rng));
    let mut fan = BandPass::new(log_uniform(rng, 700.0, 2_200.0), 2_500.0);
    let fan_level = rng.random_range(0.6..1.6);
    let run_up = rng.random_range(0.08..0.25);
    let (mut shaft, mut load) = (Oscillator::default(), LowPass::new(6.0));
    let mut clip: Vec<f32> = (0..length)
        .map(|n| {
            let speed = hump(n as f32 / length as f32, run_up, 0.12);
            let strain = 1.0 + 4.0 * load.next(noise(rng));
            let tone = motor.at(shaft.advance(motor_hz * (0.4 + 0.6 * speed) * strain.clamp(0.8, 1.2)));
            speed * (0.4 * tone + fan_level * fan.next(noise(rng)))
        })
        .collect();
    let hits_per_s = log_uniform(rng, 12.0, 40.0);
    let hit_hz = log_uniform(rng, 1_500.0, 5_000.0);
    for _ in 0..(hits_per_s * length_s) as usize {
        let mut hull = BandPass::new(hit_hz * log_uniform(rng, 0.6, 1.6), 2_000.0);
        let hit = click(samples(0.02), 0.003, rng.random_range(1.0..4.0), rng);
        let hit: Vec<f32> = hit.into_iter().map(|x| hull.next(x) + 0.2 * x).collect();
        add_at(&mut clip, samples(rng.random_range(0.1..0.85) * length_s), &hit);
    }
    clip
}

/// A telephone: two tones that alternate quickly, with harmonics, in rings of about half a second.
pub(super) fn telephone(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let low_hz = log_uniform(rng, 600.0, 1_100.0);
    let high_hz = low_hz * rng.random_range(1.15..1.4);
    let swap_hz = log_uniform(rng, 12.0, 28.0);
    let ring_s = rng.random_range(0.4..0.9);
    let pause_s = rng.random_range(0.12..0.35);
    let gains: [f32; 8] =
        std::array::from_fn(|k| if k == 0 { 1.0 } else { rng.random_range(0.1..0.8) / (k as f32).sqrt() });
    let ringer = Wave::new(&gains[..((11_000.0 / high_hz) as usize).min(8)]);
    let rattle = rng.random_range(0.1..0.3);
    let mut clip = Vec::new();
    for _ in 0..rng.random_range(2..=4) {
        let (mut tone, mut swap) = (Oscillator::default(), Oscillator::default());
        let length = samples(ring_s);
        clip.extend((0..length).map(|n| {
            let hz = if swap.advance(swap_hz) < 0.5 { low_hz } else { high_hz };
            hump(n as f32 / length as f32, 0.03, 0.12) * (ringer.at(tone.advance(hz)) + rattle * noise(rng))
        }));
        clip.extend(vec![0.0; samples(pause_s)]);
    }
    clip
}
