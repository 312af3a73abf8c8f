use super::*;
use crate::scene::convolve::RealFft;
use crate::scene::octave::{BANDS, filter_gains};

fn instance(class: usize, number: usize) -> Vec<f32> {
    generate(class, &mut crate::rng::stream(1, &["test", &class.to_string(), &number.to_string()]))
}

/// Energy by octave band, in frames of 43 ms.
fn spectrogram(clip: &[f32]) -> Vec<[f64; BANDS]> {
    const FRAME: usize = 1024;
    let mut fft = RealFft::new(FRAME);
    let hz = |bin: usize| bin as f64 * f64::from(SAMPLE_RATE) / FRAME as f64;
    let gains: Vec<[f64; BANDS]> = (0..fft.bins()).map(|bin| filter_gains(hz(bin))).collect();
    let mut spectrum = vec![Default::default(); fft.bins()];
    clip.chunks(FRAME)
        .map(|frame| {
            fft.forward(&mut spectrum, |samples| {
                for (n, (s, x)) in samples.iter_mut().zip(frame).enumerate() {
                    *s = x * (std::f32::consts::PI * n as f32 / FRAME as f32).sin();
                }
            });
            let mut bands = [0.0; BANDS];
            for (value, gains) in spectrum.iter().zip(&gains) {
                for (sum, gain) in bands.iter_mut().zip(gains) {
                    *sum += gain * f64::from(value.norm_sqr());
                }
            }
            bands
        })
        .collect()
}

#[test]
fn instances_are_finite_sound_of_sensible_length_and_differ() {
    for (class, name) in class_names().enumerate() {
        for number in 0..8 {
            let clip = instance(class, number);
            let seconds = clip.len() as f32 / SAMPLE_RATE as f32;
            assert!((0.4..8.0).contains(&seconds), "{name}: {seconds} s");
            assert!(clip.iter().all(|x| x.is_finite()), "{name}");
            assert!(clip.iter().any(|x| x.abs() > 0.01), "{name}");
            assert_ne!(clip, instance(class, number + 1), "{name}");
        }
    }
    let outside = generate_interferer(&mut crate::rng::stream(1, &[]));
    assert!(outside.len() > 2_000 && outside.iter().all(|x| x.is_finite()));
}

#[test]
fn every_instance_has_energy_over_several_octaves() {
    for (class, name) in class_names().enumerate() {
        for number in 0..12 {
            let mut whole = [0.0; BANDS];
            for frame in spectrogram(&instance(class, number)) {
                whole.iter_mut().zip(frame).for_each(|(sum, x)| *sum += x);
            }
            let loudest = whole.iter().copied().fold(0.0, f64::max);
            let heard = whole.iter().filter(|energy| **energy > 1e-3 * loudest).count();
            assert!(heard >= 4, "{name} {number}: {heard} octaves within 30 dB: {whole:.1?}");
        }
    }
}

/// What an ear would notice first: the spectrum, how it varies, and how often and how hard the sound begins.
fn features(clip: &[f32]) -> Vec<f64> {
    let frames = spectrogram(clip);
    let level = |frame: &[f64; BANDS]| 10.0 * (frame.iter().sum::<f64>() + 1e-3).log10();
    let loudest = frames.iter().map(level).fold(f64::MIN, f64::max);
    let sounding: Vec<&[f64; BANDS]> = frames.iter().filter(|frame| level(frame) > loudest - 30.0).collect();
    let mut features = Vec::new();
    for band in 0..BANDS {
        let shares: Vec<f64> = sounding
            .iter()
            .map(|f| 10.0 * ((f[band] + 1e-3) / (f.iter().sum::<f64>() + 1e-3)).log10())
            .collect();
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        let spread = (shares.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / shares.len() as f64).sqrt();
        features.extend([mean.max(-40.0), spread]);
    }
    let levels: Vec<f64> = frames.iter().map(|frame| level(frame).max(loudest - 40.0)).collect();
    let rises = levels.windows(2).filter(|pair| pair[1] - pair[0] > 8.0).count();
    features.push(60.0 * rises as f64 / levels.len() as f64);
    features.push(levels.windows(2).map(|p| (p[1] - p[0]).abs()).sum::<f64>() / levels.len() as f64 * 2.0);
    features
}

#[test]
fn a_simple_ear_tells_the_classes_apart() {
    const KNOWN: usize = 24;
    let known: Vec<(usize, Vec<f64>)> = (0..CLASSES.len())
        .flat_map(|class| (0..KNOWN).map(move |number| (class, features(&instance(class, number)))))
        .collect();
    let mut right = [0; CLASSES.len()];
    for (class, right) in right.iter_mut().enumerate() {
        for number in KNOWN..KNOWN + 10 {
            let heard = features(&instance(class, number));
            let distance = |other: &[f64]| heard.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            let nearest = known
                .iter()
                .min_by(|a, b| distance(&a.1).total_cmp(&distance(&b.1)))
                .map(|(class, _)| *class);
            *right += usize::from(nearest == Some(class));
        }
    }
    println!("{right:?}");
    assert!(right.iter().all(|right| *right >= 6), "of 10 each: {right:?}");
    assert!(right.iter().sum::<usize>() >= 110, "of 130: {right:?}");
}
