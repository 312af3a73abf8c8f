//! Sounds that no class is for: what is heard through the window, as unlabelled background.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::dsp::{BandPass, LowPass, Oscillator, Wave, hump, log_uniform, noise, samples};

/// A small engine: rough harmonics of 35 to 110 Hz whose speed rises or falls, with mechanical noise.
pub(super) fn engine(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let length = samples(rng.random_range(2.0..4.5));
    let start_hz = log_uniform(rng, 35.0, 90.0);
    let rev = log_uniform(rng, 0.7, 1.6);
    let harmonics: Vec<f32> = (1..=24).map(|k| rng.random_range(0.3..1.0) / (k as f32).powf(0.7)).collect();
    let pistons = Wave::new(&harmonics);
    let roughness = rng.random_range(0.2..0.7);
    let mut rattle = BandPass::new(log_uniform(rng, 700.0, 2_500.0), 1_500.0);
    let (mut shaft, mut flutter) = (Oscillator::default(), LowPass::new(20.0));
    (0..length)
        .map(|n| {
            let position = n as f32 / length as f32;
            let wobble = 1.0 + 0.6 * flutter.next(noise(rng));
            let phase = shaft.advance(start_hz * rev.powf(position) * wobble);
            // The rattle follows the strokes.
            let stroke = (1.0 - 2.0 * (phase - 0.5).abs()).powi(4);
            hump(position, 0.06, 0.08)
                * (pistons.at(phase) + 6.0 * roughness * rattle.next(noise(rng)) * stroke)
        })
        .collect()
}

/// Bird song: a phrase of one kind of chirp, swept over 2 to 8 kHz with a harmonic and a trill.
pub(super) fn bird(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let base_hz = log_uniform(rng, 1_900.0, 3_600.0);
    let span = rng.random_range(1.2..2.0_f32);
    let upward = rng.random_bool(0.5);
    let trill_hz = rng.random_range(15.0..45.0);
    let trill_depth = rng.random_range(0.0..0.25);
    let chirp_s = rng.random_range(0.06..0.22);
    let pause_s = rng.random_range(0.04..0.2);
    let mut clip = Vec::new();
    for _ in 0..rng.random_range(5..14) {
        let length = samples(chirp_s * rng.random_range(0.8..1.25));
        let start = base_hz * rng.random_range(0.92..1.08);
        let (mut voice, mut trill) = (Oscillator::default(), Oscillator::default());
        clip.extend((0..length).map(|n| {
            let position = n as f32 / length as f32;
            let along = if upward { position } else { 1.0 - position };
            let hz = start * span.powf(along) * (1.0 + trill_depth * trill.sine(trill_hz));
            let phase = std::f32::consts::TAU * voice.advance(hz.min(5_500.0));
            hump(position, 0.25, 0.4) * (phase.sin() + 0.25 * (2.0 * phase).sin() + 0.05 * noise(rng))
        }));
        clip.extend(vec![0.0; samples(pause_s * rng.random_range(0.7..1.4))]);
    }
    clip
}
