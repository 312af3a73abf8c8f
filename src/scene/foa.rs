//! First-order Ambisonics impulse responses.
//!
//! Channels are in ACN order (W, Y, Z, X) with SN3D normalisation: the encoding of a plane wave from azimuth a
//! and elevation e is W = 1, Y = sin a cos e, Z = sin e, X = cos a cos e (AmbiX: Nachbar et al., 2011).

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::SAMPLE_RATE;
use super::convolve::Foa;
use super::room::{Image, Room, SPEED_OF_SOUND};
use crate::seld::doa::Direction;

/// Half the length of the fractional delay filter, in samples.
const HALF_TAPS: i64 = 16;
/// Where the image sources end and the statistical tail has taken over, in seconds after the sound left.
pub(super) const EARLY_S: f64 = 0.045;
/// Where the tail begins to fade in, in seconds after the direct sound.
const TAIL_ONSET_S: f64 = 0.012;

/// Channel gains (W, Y, Z, X) of a plane wave from a direction.
pub fn encode_gains(direction: Direction) -> [f64; 4] {
    let [x, y, z] = direction.to_vector();
    [1.0, y, z, x]
}

/// Loss at half the sample rate, in dB a metre of air and a reflection; none at low frequencies.
const AIR_DB_PER_M: f64 = 0.12;
const WALL_DB: f64 = 0.4;

/// The early part of the response from a source at `offset_m` to the array: direct sound and image sources.
/// Gains are 1/r at r metres; the time axis starts when the sound leaves the source.
pub(super) fn early_response(room: &Room, array: [f64; 3], offset_m: [f64; 3]) -> Foa {
    let length = early_samples(offset_m);
    let mut response: Foa = std::array::from_fn(|_| vec![0.0; length]);
    let reach_m = EARLY_S * SPEED_OF_SOUND;
    for mut image in room.images(array, offset_m, reach_m) {
        if image.order > 0 {
            let rise = tail_rise(norm(image.offset_m) / SPEED_OF_SOUND, norm(offset_m));
            image.reflection *= (0.5 * std::f64::consts::PI * rise).cos();
        }
        add_image(&mut response, &image);
    }
    response
}

/// How far the tail has taken over from the image sources, in [0, 1], `time_s` after the sound left.
fn tail_rise(time_s: f64, distance_m: f64) -> f64 {
    let onset_s = distance_m / SPEED_OF_SOUND + TAIL_ONSET_S;
    let end_s = EARLY_S.max(onset_s + 0.01);
    ((time_s - onset_s) / (end_s - onset_s)).clamp(0.0, 1.0)
}

/// The response without any room.
#[cfg(test)]
pub(super) fn anechoic_response(offset_m: [f64; 3]) -> Foa {
    let mut response: Foa = std::array::from_fn(|_| vec![0.0; early_samples(offset_m)]);
    add_image(&mut response, &Image { offset_m, reflection: 1.0, order: 0 });
    response
}

/// Samples of an early response: up to [`EARLY_S`], or the direct sound where that comes later.
fn early_samples(offset_m: [f64; 3]) -> usize {
    let direct_s = norm(offset_m) / SPEED_OF_SOUND;
    (EARLY_S.max(direct_s) * f64::from(SAMPLE_RATE)) as usize + 2 * HALF_TAPS as usize
}

fn norm(v: [f64; 3]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn add_image(response: &mut Foa, image: &Image) {
    let distance = norm(image.offset_m).max(0.1);
    let gains = encode_gains(Direction::from_vector(image.offset_m));
    let delay = distance / SPEED_OF_SOUND * f64::from(SAMPLE_RATE);
    let whole = delay.floor() as i64;
    let loss_db = AIR_DB_PER_M * distance + WALL_DB * f64::from(image.order);
    // [side, 1 - 2 side, side] has gain 1 at 0 Hz and 1 - 4 side at half the sample rate.
    let side = 0.25 * (1.0 - 10f64.powf(-loss_db / 20.0));
    let taps: Vec<f64> = (-HALF_TAPS - 1..=HALF_TAPS + 2).map(|n| fractional_tap(n, delay.fract())).collect();
    for (i, three) in taps.windows(3).enumerate() {
        let n = whole - HALF_TAPS + i as i64;
        let filtered = side * (three[0] + three[2]) + (1.0 - 2.0 * side) * three[1];
        let value = image.reflection / distance * filtered;
        for (channel, gain) in response.iter_mut().zip(gains) {
            // A source nearer than the filter is long loses the filter's first taps.
            if let Some(sample) = usize::try_from(n).ok().and_then(|n| channel.get_mut(n)) {
                *sample += (gain * value) as f32;
            }
        }
    }
}

/// Tap `n` of a Hann-windowed sinc delayed by `fraction` of a sample.
fn fractional_tap(n: i64, fraction: f64) -> f64 {
    let x = n as f64 - fraction;
    let reach = (HALF_TAPS + 1) as f64;
    if x.abs() >= reach {
        return 0.0;
    }
    let angle = std::f64::consts::PI * x;
    let sinc = if x.abs() < 1e-9 { 1.0 } else { angle.sin() / angle };
    sinc * (0.5 + 0.5 * (angle / reach).cos())
}

/// The diffuse tail of a source's response: noise whose energy falls by 60 dB in the room's reverberation time
/// and starts at the density of image sources, 4 pi c / V (H. Kuttruff, Room Acoustics, section 4.1).
///
/// In an isotropic field the four SN3D channels are uncorrelated, Y, Z and X with a third of W's energy.
pub(super) fn tail(room: &Room, distance_m: f64, rng: &mut ChaCha8Rng) -> Foa {
    let rate = f64::from(SAMPLE_RATE);
    let length = ((room.rt60_s * 1.1).max(EARLY_S) * rate) as usize;
    let density = 4.0 * std::f64::consts::PI * SPEED_OF_SOUND / room.volume_m3() / rate;
    let decay = 10f64.powf(-3.0 / (room.rt60_s * rate));
    let mut envelope = density.sqrt();
    let envelopes: Vec<f64> = (0..length)
        .map(|n| {
            envelope *= decay;
            // The parts are uncorrelated: sine here and cosine for the images keep the energy.
            envelope * (0.5 * std::f64::consts::PI * tail_rise(n as f64 / rate, distance_m)).sin()
        })
        .collect();
    std::array::from_fn(|channel| {
        let scale = if channel == 0 { 1.0 } else { (1.0_f64 / 3.0).sqrt() };
        // Two-point mean: walls and air take more of the high frequencies.
        let mut last = 0.0;
        envelopes
            .iter()
            .map(|envelope| {
                let x: f64 = rng.sample(StandardNormal);
                let smooth = (x + 0.35 * last) / (1.0_f64 + 0.35 * 0.35).sqrt();
                last = x;
                (scale * envelope * smooth) as f32
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scene::convolve::{Convolver, add};

    /// Direction of the time-domain active intensity: the products of W with X, Y and Z, summed.
    fn intensity_direction(foa: &Foa) -> Direction {
        let along = |channel: usize| -> f64 {
            foa[0].iter().zip(&foa[channel]).map(|(w, v)| f64::from(*w) * f64::from(*v)).sum()
        };
        Direction::from_vector([along(3), along(1), along(2)])
    }

    fn white(length: usize) -> Vec<f32> {
        let mut rng = crate::rng::stream(5, &["white"]);
        (0..length).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_source_without_a_room_is_heard_where_it_is(
            azimuth_deg in -180.0..180.0f64,
            elevation_deg in -90.0..90.0f64,
            distance in 0.8..4.0f64,
        ) {
            let direction = Direction { azimuth_deg, elevation_deg };
            let response = anechoic_response(direction.to_vector().map(|x| x * distance));
            let heard = Convolver::default().convolve(&white(2_000), &response);
            prop_assert!(intensity_direction(&heard).angle_to(direction) < 2.0);
        }
    }

    #[test]
    fn left_is_positive_y_and_up_is_positive_z() {
        let gains = |azimuth_deg, elevation_deg| {
            encode_gains(Direction { azimuth_deg, elevation_deg }).map(|gain| (gain * 1e6).round() / 1e6)
        };
        assert_eq!(gains(0.0, 0.0), [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(gains(90.0, 0.0), [1.0, 1.0, 0.0, 0.0]);
        assert_eq!(gains(0.0, 90.0), [1.0, 0.0, 1.0, 0.0]);
    }

    /// Reverberation time by backward integration (M. R. Schroeder, JASA 37, 1965), -5 to -30 dB.
    fn measured_rt60(response: &[f32]) -> f64 {
        let mut left = 0.0;
        let mut decay: Vec<f64> = response
            .iter()
            .rev()
            .map(|x| {
                left += f64::from(*x).powi(2);
                left
            })
            .collect();
        decay.reverse();
        let when = |db: f64| decay.iter().position(|e| 10.0 * (e / decay[0]).log10() <= db).unwrap() as f64;
        60.0 / 25.0 * (when(-30.0) - when(-5.0)) / f64::from(SAMPLE_RATE)
    }

    #[test]
    fn reverberation_time_is_what_was_asked_for() {
        let mut rng = crate::rng::stream(11, &["rt60"]);
        for (size, rt60) in [([6.0, 5.0, 3.0], 0.2), ([5.0, 4.0, 2.7], 0.4), ([8.5, 6.5, 3.5], 0.6)] {
            let room = Room::new(size, rt60, [[1.0, 0.8], [1.3, 1.0], [0.7, 1.2]]);
            let array = room.draw_array(&mut rng);
            let offset = [1.1, -0.9, 0.3];
            let mut response = tail(&room, norm(offset), &mut rng);
            add(&mut response, 0, &early_response(&room, array, offset));
            let measured = measured_rt60(&response[0]);
            assert!((measured / rt60 - 1.0).abs() < 0.2, "asked {rt60}, measured {measured:.3}");
        }
    }

    #[test]
    fn images_and_tail_meet_at_one_level() {
        let mut rng = crate::rng::stream(12, &["level"]);
        let energy = |samples: &[f32]| samples.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
        let (mut before, mut after) = (0.0, 0.0);
        for _ in 0..20 {
            let room = Room::draw(&mut rng);
            let array = room.draw_array(&mut rng);
            let offset = [1.0, 0.7, 0.1];
            let mut response = tail(&room, norm(offset), &mut rng);
            add(&mut response, 0, &early_response(&room, array, offset));
            let at = |ms: usize| ms * SAMPLE_RATE as usize / 1000;
            // The decay between the two windows is taken out.
            before += energy(&response[0][at(15)..at(30)]);
            after += energy(&response[0][at(45)..at(60)]) * 10f64.powf(6.0 * 0.030 / room.rt60_s);
        }
        let db = 10.0 * (after / before).log10();
        assert!(db.abs() < 4.0, "{db} dB");
    }
}
