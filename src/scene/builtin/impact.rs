//! Struck things: clapping, footsteps, bells.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::dsp::{BandPass, LowPass, Oscillator, add_at, log_uniform, noise, samples};

/// Applause of one to three people: short bursts of noise around 1 to 3 kHz, three to six a second each.
pub(super) fn clapping(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut clip = vec![0.0; samples(rng.random_range(1.2..3.5))];
    for _ in 0..rng.random_range(1..=3) {
        let rate = log_uniform(rng, 3.0, 6.0);
        let (palm, slap) = (log_uniform(rng, 900.0, 1_800.0), log_uniform(rng, 2_200.0, 4_500.0));
        let mut time = rng.random_range(0.0..1.0 / rate);
        while samples(time) < clip.len() {
            let burst = clap(palm, slap, rng);
            add_at(&mut clip, samples(time), &burst);
            time += rng.random_range(0.85..1.15) / rate;
        }
    }
    clip
}

fn clap(palm_hz: f32, slap_hz: f32, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let decay_s = rng.random_range(0.006..0.014);
    let level = rng.random_range(0.5..1.0);
    let mut palm = BandPass::new(palm_hz * rng.random_range(0.9..1.1), 700.0);
    let mut slap = BandPass::new(slap_hz * rng.random_range(0.9..1.1), 2_500.0);
    (0..samples(0.09))
        .map(|n| {
            let x = noise(rng) * level * (-(n as f32) / samples(1.0) as f32 / decay_s).exp();
            2.0 * palm.next(x) + 1.5 * slap.next(x)
        })
        .collect()
}

/// Someone walking: a low thump of the heel and the scuff of the sole, about two a second.
pub(super) fn footsteps(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut clip = vec![0.0; samples(rng.random_range(2.0..4.5))];
    let interval_s = 1.0 / log_uniform(rng, 1.5, 2.6);
    let thump_hz = log_uniform(rng, 70.0, 170.0);
    let scuff_hz = log_uniform(rng, 350.0, 1_200.0);
    let scuff_level = rng.random_range(0.25..0.8);
    let mut time = 0.02;
    while samples(time) < clip.len() {
        let level: f32 = rng.random_range(0.7..1.0);
        let heel = step(thump_hz, scuff_hz, scuff_level, rng);
        let heel: Vec<f32> = heel.iter().map(|x| level * x).collect();
        add_at(&mut clip, samples(time), &heel);
        time += interval_s * rng.random_range(0.93..1.07);
    }
    clip
}

fn step(thump_hz: f32, scuff_hz: f32, scuff_level: f32, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let (mut thump, mut scuff) = (Oscillator::default(), BandPass::new(scuff_hz, 1.2 * scuff_hz));
    let toe_s = rng.random_range(0.07..0.13);
    let pitch = thump_hz * rng.random_range(0.9..1.1);
    (0..samples(0.3))
        .map(|n| {
            let t = n as f32 / samples(1.0) as f32;
            let heel = (-t / 0.03).exp() * (1.0 - (-t / 0.002).exp());
            let toe = if t < toe_s { 0.0 } else { 0.6 * (-(t - toe_s) / 0.035).exp() };
            let sweep = pitch * (1.0 + 0.8 * (-t / 0.015).exp());
            thump.sine(sweep) * heel + scuff_level * 4.0 * scuff.next(noise(rng) * (0.8 * heel + toe))
        })
        .collect()
}

/// One to four strokes on a bell: inharmonic partials that die away, the high ones first.
pub(super) fn bell(rng: &mut ChaCha8Rng) -> Vec<f32> {
    // Partials of a church bell relative to its prime: hum, prime, tierce, quint, nominal and above
    // (N. H. Fletcher, T. D. Rossing, The Physics of Musical Instruments, chapter 21).
    const PARTIALS: [f32; 9] = [0.5, 1.0, 1.19, 1.5, 2.0, 2.51, 3.01, 4.17, 5.43];
    let prime_hz = log_uniform(rng, 420.0, 1_300.0);
    let ring_s = rng.random_range(0.5..1.3);
    let stretch = rng.random_range(0.97..1.04);
    let partials: Vec<(f32, f32, f32)> = PARTIALS
        .iter()
        .map(|ratio| {
            let hz = prime_hz * ratio.powf(stretch) * rng.random_range(0.99..1.01);
            (hz, rng.random_range(0.3..1.0) / ratio.sqrt(), ring_s / ratio.sqrt())
        })
        .filter(|(hz, ..)| *hz < 11_000.0)
        .collect();
    let strokes = rng.random_range(1..=4);
    let pause_s = rng.random_range(0.35..0.8);
    let mut clip = vec![0.0; samples(pause_s * (strokes - 1) as f32 + 2.0 * ring_s + 0.3)];
    for stroke in 0..strokes {
        let tone = bell_stroke(&partials, rng);
        add_at(&mut clip, samples(pause_s * stroke as f32), &tone);
    }
    let (length, fade) = (clip.len(), samples(0.05));
    for (n, x) in clip[length - fade..].iter_mut().enumerate() {
        *x *= 1.0 - n as f32 / fade as f32;
    }
    clip
}

fn bell_stroke(partials: &[(f32, f32, f32)], rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut clapper = LowPass::new(5_000.0);
    let level = rng.random_range(0.6..1.0);
    let mut tones: Vec<Oscillator> = partials.iter().map(|_| Oscillator::default()).collect();
    (0..samples(3.2))
        .map(|n| {
            let t = n as f32 / samples(1.0) as f32;
            let sum: f32 = tones
                .iter_mut()
                .zip(partials)
                .map(|(tone, (hz, gain, decay_s))| gain * (-t / decay_s).exp() * tone.sine(*hz))
                .sum();
            let strike = if t < 0.05 { clapper.next(noise(rng)) * (-t / 0.004).exp() } else { 0.0 };
            level * (sum * (1.0 - (-t / 0.001).exp()) + 2.0 * strike)
        })
        .collect()
}
