//! Struck things: clapping, footsteps, doors, bells, knocking.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::dsp::{BandPass, LowPass, Mode, Oscillator, add_at, click, hump, log_uniform, noise, samples};

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
    let burst = click(samples(0.09), decay_s, level, rng);
    burst.into_iter().map(|x| 2.0 * palm.next(x) + 1.5 * slap.next(x)).collect()
}

/// Someone walking: the heel's tap and its low thump, then the scuff of the sole, about two steps a second.
pub(super) fn footsteps(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut clip = vec![0.0; samples(rng.random_range(2.0..4.5))];
    let interval_s = 1.0 / log_uniform(rng, 1.5, 2.6);
    let thump_hz = log_uniform(rng, 70.0, 170.0);
    let scuff_hz = log_uniform(rng, 350.0, 1_200.0);
    let scuff_level = rng.random_range(0.25..0.8);
    let tap_level = rng.random_range(0.5..1.2);
    let mut time = 0.02;
    while samples(time) < clip.len() {
        let level: f32 = rng.random_range(0.7..1.0);
        let mut step = step(thump_hz, scuff_hz, scuff_level, rng);
        add_at(&mut step, 0, &click(samples(0.04), 0.004, tap_level, rng));
        step.iter_mut().for_each(|x| *x *= level);
        add_at(&mut clip, samples(time), &step);
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

/// A door that is opened and falls shut: the latch, often creaking hinges, the slam with its rattle.
pub(super) fn door(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut clip = Vec::new();
    let latch_hz = log_uniform(rng, 1_500.0, 3_500.0);
    for _ in 0..2 {
        let mut clack = click(samples(0.05), 0.004, rng.random_range(0.3..0.6), rng);
        let mut metal = Mode::new(latch_hz * rng.random_range(0.9..1.1), 0.008, 0.3);
        clack.iter_mut().for_each(|x| *x += metal.next());
        clip.extend(clack);
        clip.extend(vec![0.0; samples(rng.random_range(0.02..0.1))]);
    }
    if rng.random_bool(0.7) {
        let level = rng.random_range(0.25..0.5);
        clip.extend(creak(rng).into_iter().map(|x| level * x));
    }
    clip.extend(slam(latch_hz, rng));
    clip
}

/// Hinges: jerks whose rate rises and falls, through the resonances of the leaf.
fn creak(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let length = samples(rng.random_range(0.4..1.3));
    let rate_hz = log_uniform(rng, 35.0, 110.0);
    let bend = rng.random_range(0.4..1.4);
    let mut leaf = [450.0, 1_100.0, 2_600.0].map(|hz| BandPass::new(hz * log_uniform(rng, 0.7, 1.4), 160.0));
    let mut hinge = Oscillator::default();
    let mut before = 0.0;
    (0..length)
        .map(|n| {
            let position = n as f32 / length as f32;
            let phase = hinge.advance(rate_hz * (1.0 + bend * (std::f32::consts::PI * position).sin()));
            let jerk = if phase < before { rng.random_range(4.0..9.0) } else { 0.05 * noise(rng) };
            before = phase;
            hump(position, 0.1, 0.2) * leaf.iter_mut().map(|mode| mode.next(jerk)).sum::<f32>()
        })
        .collect()
}

fn slam(latch_hz: f32, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let boom_hz = log_uniform(rng, 60.0, 130.0);
    let mut modes =
        [1.0, 1.7, 2.9, 4.6].map(|ratio: f32| Mode::new(boom_hz * ratio, 0.09 / ratio.sqrt(), 0.7 / ratio));
    let mut wood = LowPass::new(rng.random_range(1_500.0..4_000.0));
    let mut clip = click(samples(0.45), 0.03, 1.0, rng);
    for x in &mut clip {
        *x = 1.2 * wood.next(*x) + 0.15 * *x + modes.iter_mut().map(Mode::next).sum::<f32>();
    }
    let mut time = rng.random_range(0.03..0.06);
    for _ in 0..rng.random_range(2..6) {
        let mut metal = Mode::new(latch_hz * rng.random_range(0.8..1.3), 0.006, 0.25);
        let rattle: Vec<f32> =
            click(samples(0.03), 0.004, 0.35, rng).iter().map(|x| x + metal.next()).collect();
        add_at(&mut clip, samples(time), &rattle);
        time += rng.random_range(0.025..0.07);
    }
    clip
}

/// A bell: one that is shaken in the hand or by a shop's door (three to seven strokes a second), or an alarm's (nine
/// to fifteen). Each stroke is the clapper's broadband blow and a short ring of inharmonic partials.
pub(super) fn bell(rng: &mut ChaCha8Rng) -> Vec<f32> {
    // Partials of a small bell relative to its prime (N. H. Fletcher, T. D. Rossing, The Physics of Musical
    // Instruments, chapter 21).
    const PARTIALS: [f32; 10] = [1.0, 1.19, 1.5, 2.0, 2.51, 3.01, 4.17, 5.43, 6.8, 8.3];
    let alarm = rng.random_bool(0.4);
    let prime_hz = log_uniform(rng, 550.0, 1_700.0);
    let ring_s = if alarm { rng.random_range(0.05..0.12) } else { rng.random_range(0.08..0.25) };
    let rate = if alarm { rng.random_range(9.0..15.0) } else { rng.random_range(3.0..7.0) };
    let length_s: f32 = rng.random_range(1.0..3.0);
    let stretch = rng.random_range(0.97..1.04);
    let partials: Vec<[f32; 3]> = PARTIALS
        .iter()
        .map(|ratio| {
            let hz = prime_hz * ratio.powf(stretch) * rng.random_range(0.99..1.01);
            [hz, ring_s / ratio.sqrt(), rng.random_range(0.2..0.6) / ratio.sqrt()]
        })
        .filter(|[hz, ..]| *hz < 11_000.0)
        .collect();
    let clapper = rng.random_range(2.0..4.0);
    let mut clip = vec![0.0; samples(length_s + 2.0 * ring_s)];
    let mut time = 0.005;
    while time < length_s {
        let stroke = bell_stroke(&partials, samples(3.0 * ring_s), clapper, rng);
        add_at(&mut clip, samples(time), &stroke);
        time += rng.random_range(0.9..1.1) / rate;
    }
    clip
}

fn bell_stroke(partials: &[[f32; 3]], length: usize, clapper: f32, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let level = rng.random_range(0.6..1.0);
    let mut stroke = vec![0.0; length];
    for [hz, decay_s, amplitude] in partials {
        let mut mode = Mode::new(*hz, *decay_s, level * amplitude);
        stroke.iter_mut().for_each(|x| *x += mode.next());
    }
    let blow = click(samples(0.05), 0.008, level * clapper, rng);
    add_at(&mut stroke, 0, &blow);
    let fade = samples(0.01).min(length);
    for (n, x) in stroke[length - fade..].iter_mut().enumerate() {
        *x *= 1.0 - n as f32 / fade as f32;
    }
    stroke
}

/// Knocking on a door: one to three groups of three to five blows, four to seven a second, on wood.
pub(super) fn knock(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let wood_hz = log_uniform(rng, 130.0, 260.0);
    let ratios = [1.0, log_uniform(rng, 2.0, 3.2), log_uniform(rng, 4.5, 7.0)];
    let knuckle = rng.random_range(0.5..1.0);
    let interval_s = 1.0 / rng.random_range(4.0..7.0);
    let mut clip = Vec::new();
    for group in 0..rng.random_range(1..=3) {
        if group > 0 {
            clip.extend(vec![0.0; samples(rng.random_range(0.2..0.5))]);
        }
        for _ in 0..rng.random_range(3..=5) {
            let level = rng.random_range(0.7..1.0);
            let mut modes = ratios.map(|ratio| Mode::new(wood_hz * ratio, 0.03 / ratio.sqrt(), level));
            let mut blow = click(samples(interval_s * rng.random_range(0.93..1.07)), 0.003, knuckle, rng);
            blow.iter_mut().for_each(|x| *x += modes.iter_mut().map(Mode::next).sum::<f32>());
            clip.extend(blow);
        }
    }
    clip
}
