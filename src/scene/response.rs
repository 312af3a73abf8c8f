//! FOA impulse responses of a simulated room: direct sound, early reflections, diffuse tail.
//!
//! Time starts when the sound leaves the source. The direct sound is exact, the reflections of the first
//! [`EARLY_S`] are image sources, and the tail takes over from them while they fade.

use std::sync::Arc;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::SAMPLE_RATE;
use super::convolve::{Foa, RealFft, add, silence};
use super::delay::add_impulse;
use super::foa::{DIFFUSE_DIPOLE, norm, point_gains};
use super::image::visit_images;
use super::octave::{BANDS, PerBand, air_per_m, filter_gains, interpolate};
use super::room::{Room, SPEED_OF_SOUND};

/// Where the image sources end and the tail has taken over, in seconds after the sound left.
const EARLY_S: f64 = 0.034;
/// Where the tail begins to fade in, in seconds after the direct sound.
const TAIL_ONSET_S: f64 = 0.012;
/// Samples in which there may be early reflections.
const REFLECTIONS: usize = (EARLY_S * SAMPLE_RATE as f64) as usize + 1;
/// The same with the ringing of the octave filters.
const EARLY: usize = REFLECTIONS + 144;
/// Size of the transform that filters the early reflections.
const EARLY_FFT: usize = 1024;
/// Size of the overlapping frames in which the tail is made: 10.7 ms.
const TAIL_FFT: usize = 256;
/// Signal path of one metre, in samples.
const SAMPLES_PER_M: f64 = SAMPLE_RATE as f64 / SPEED_OF_SOUND;

/// Makes impulse responses; keeps transforms and work space.
pub(super) struct Responses {
    /// To the spectrum of the early reflections, and back.
    early: [Arc<dyn Fft<f32>>; 2],
    early_scratch: Vec<Complex32>,
    /// Octave filters: gain by bin of `early`.
    early_gains: [Vec<f32>; BANDS],
    /// Reflections as impulses: pair of channels, band, sample. The real parts are W and Z, the imaginary parts Y
    /// and X: a filter with real gains keeps the two apart, so that one transform serves both.
    impulses: Vec<Complex32>,
    /// What the air leaves of the amplitude in each band, by samples of the way.
    air: [Vec<f32>; BANDS],
    tail: RealFft,
}

impl Responses {
    /// A maker of responses.
    pub(super) fn new() -> Self {
        let mut planner = FftPlanner::new();
        let early = [planner.plan_fft_forward(EARLY_FFT), planner.plan_fft_inverse(EARLY_FFT)];
        let scratch = early.iter().map(|fft| fft.get_inplace_scratch_len()).max().unwrap_or(0);
        // The upper half are the negative frequencies.
        let hz = |bin: usize| bin.min(EARLY_FFT - bin) as f64 * f64::from(SAMPLE_RATE) / EARLY_FFT as f64;
        let gains: Vec<PerBand> = (0..EARLY_FFT).map(|bin| filter_gains(hz(bin))).collect();
        let left = |per_m: f64, n: usize| (-0.5 * per_m * n as f64 / SAMPLES_PER_M).exp() as f32;
        Self {
            early,
            early_scratch: vec![Complex32::default(); scratch],
            early_gains: std::array::from_fn(|band| gains.iter().map(|gains| gains[band] as f32).collect()),
            impulses: vec![Complex32::default(); 2 * BANDS * REFLECTIONS],
            air: air_per_m().map(|per_m| (0..REFLECTIONS).map(|n| left(per_m, n)).collect()),
            tail: RealFft::new(TAIL_FFT),
        }
    }

    /// The whole response from a source at `offset_m` to the array, which stands at `array`.
    pub(super) fn complete(
        &mut self,
        room: &Room,
        array: [f64; 3],
        offset_m: [f64; 3],
        rng: &mut ChaCha8Rng,
    ) -> Foa {
        let mut response = self.tail(room, norm(offset_m), rng);
        add(&mut response, 0, &self.early(room, array, offset_m));
        add(&mut response, 0, &direct(offset_m));
        response
    }

    /// The image sources without the source itself; always of one length.
    ///
    /// Each image is an impulse in seven trains, one an octave band, with its reflection factor there; the trains
    /// are filtered together at the end. So an image costs a few additions. Its time is rounded to a sample, which
    /// moves it by 7 mm at most and no direction.
    pub(super) fn early(&mut self, room: &Room, array: [f64; 3], offset_m: [f64; 3]) -> Foa {
        self.impulses.fill(Complex32::default());
        let impulses = &mut self.impulses;
        visit_images(room, array, offset_m, EARLY_S * SPEED_OF_SOUND, |image| {
            let n = (image.distance_m * SAMPLES_PER_M).round() as usize;
            if image.order == 0 || n >= REFLECTIONS {
                return;
            }
            let [w, y, z, x] = point_gains(image.offset_m);
            for (pair, [re, im]) in [[w, y], [z, x]].into_iter().enumerate() {
                for (band, reflection) in image.reflection.iter().enumerate() {
                    impulses[(pair * BANDS + band) * REFLECTIONS + n] +=
                        Complex32::new((re * reflection) as f32, (im * reflection) as f32);
                }
            }
        });
        self.fade_early(norm(offset_m));
        self.filter_early()
    }

    /// Air absorption, and the fade from the images to the tail: both depend on time alone.
    fn fade_early(&mut self, distance_m: f64) {
        let fade: Vec<f32> = tail_share(distance_m).map(|(_, images)| images).take(REFLECTIONS).collect();
        for (train, samples) in self.impulses.chunks_mut(REFLECTIONS).enumerate() {
            for ((sample, air), fade) in samples.iter_mut().zip(&self.air[train % BANDS]).zip(&fade) {
                *sample *= air * fade;
            }
        }
    }

    fn filter_early(&mut self) -> Foa {
        let [forward, inverse] = &self.early;
        let mut train = vec![Complex32::default(); EARLY_FFT];
        let mut pair = |number: usize| {
            let mut sum = vec![Complex32::default(); EARLY_FFT];
            for (band, gains) in self.early_gains.iter().enumerate() {
                let start = (number * BANDS + band) * REFLECTIONS;
                train[..REFLECTIONS].copy_from_slice(&self.impulses[start..start + REFLECTIONS]);
                train[REFLECTIONS..].fill(Complex32::default());
                forward.process_with_scratch(&mut train, &mut self.early_scratch);
                for ((sum, x), gain) in sum.iter_mut().zip(&train).zip(gains) {
                    *sum += x * gain;
                }
            }
            inverse.process_with_scratch(&mut sum, &mut self.early_scratch);
            // The filters have no delay; what rings before time zero has wrapped to the end and is dropped.
            sum.truncate(EARLY);
            sum
        };
        let (wy, zx) = (pair(0), pair(1));
        let scale = 1.0 / EARLY_FFT as f32;
        let re = |pair: &[Complex32]| pair.iter().map(|x| scale * x.re).collect();
        let im = |pair: &[Complex32]| pair.iter().map(|x| scale * x.im).collect();
        [re(&wy), im(&wy), re(&zx), im(&zx)]
    }

    /// The diffuse tail for a source at `distance_m`: noise whose energy starts at the density of image sources,
    /// 4 pi c / V, and falls by 60 dB in each band's reverberation time (H. Kuttruff, Room Acoustics, section
    /// 4.1; J.-M. Jot, L. Cerveau, O. Warusfel, AES 103, 1997).
    ///
    /// Made of overlapping frames of noise with random spectra, whose sine windows keep the power even.
    pub(super) fn tail(&mut self, room: &Room, distance_m: f64, rng: &mut ChaCha8Rng) -> Foa {
        const HOP: usize = TAIL_FFT / 2;
        let longest_s = room.band_rt60_s.iter().copied().fold(EARLY_S, f64::max);
        let length = (longest_s * f64::from(SAMPLE_RATE)) as usize;
        let window: [f32; TAIL_FFT] =
            std::array::from_fn(|n| (std::f32::consts::PI * (n as f32 + 0.5) / TAIL_FFT as f32).sin());
        let (start, decay) = self.tail_decay(room, HOP);
        let mut response = silence(length);
        let mut spectrum = vec![Complex32::default(); self.tail.bins()];
        for (channel, output) in response.iter_mut().enumerate() {
            let scale = if channel == 0 { 1.0 } else { DIFFUSE_DIPOLE };
            let mut amplitudes = start.clone();
            // The first frame is centred on time zero.
            for frame in 0..=length.div_ceil(HOP) {
                let bins = spectrum.iter_mut().zip(&mut amplitudes).zip(&decay);
                for ((bin, amplitude), decay) in bins.skip(1).take(HOP - 1) {
                    *bin = Complex32::new(rng.sample(StandardNormal), rng.sample(StandardNormal));
                    *bin *= *amplitude * scale;
                    *amplitude *= decay;
                }
                spectrum[0] = Complex32::default();
                spectrum[HOP] = Complex32::default();
                let samples = self.tail.inverse(&mut spectrum);
                let first = frame * HOP;
                for (n, (x, weight)) in samples.iter().zip(&window).enumerate() {
                    if let Some(sum) = (first + n).checked_sub(HOP).and_then(|n| output.get_mut(n)) {
                        *sum += x * weight;
                    }
                }
            }
            let shares = tail_share(distance_m).take(REFLECTIONS);
            output.iter_mut().zip(shares).for_each(|(x, (share, _))| *x *= share);
        }
        response
    }

    /// Amplitude of a bin at time zero, and its decay over a hop.
    fn tail_decay(&self, room: &Room, hop: usize) -> (Vec<f32>, Vec<f32>) {
        let rate = f64::from(SAMPLE_RATE);
        // Energy of all images that arrive within one sample.
        let density = 4.0 * std::f64::consts::PI * SPEED_OF_SOUND / room.volume_m3() / rate;
        // A bin with real and imaginary part of unit variance gives each sample a variance of 2 TAIL_FFT over all
        // bins.
        let start = (density / (2.0 * TAIL_FFT as f64)).sqrt() as f32;
        let decay = |bin: usize| {
            let rt60_s = interpolate(&room.band_rt60_s, bin as f64 * rate / TAIL_FFT as f64);
            10f64.powf(-3.0 * hop as f64 / (rt60_s * rate)) as f32
        };
        (vec![start; self.tail.bins()], (0..self.tail.bins()).map(decay).collect())
    }
}

/// How far the tail has taken over from the images, sample by sample: amplitudes of tail and images.
///
/// The two are uncorrelated, so a sine and a cosine keep the energy.
fn tail_share(distance_m: f64) -> impl Iterator<Item = (f32, f32)> {
    let onset_s = distance_m / SPEED_OF_SOUND + TAIL_ONSET_S;
    let end_s = EARLY_S.max(onset_s + 0.01);
    let [onset, end] = [onset_s, end_s].map(|seconds| (seconds * f64::from(SAMPLE_RATE)).round() as usize);
    let (step_sin, step_cos) = (0.5 * std::f64::consts::PI / (end - onset) as f64).sin_cos();
    let mut angle = (0.0, 1.0);
    (0..).map(move |n| {
        let (sin, cos) = angle;
        if (onset..end).contains(&n) {
            angle = (sin * step_cos + cos * step_sin, cos * step_cos - sin * step_sin);
        }
        (sin as f32, cos as f32)
    })
}

/// The direct sound of a source at `offset_m`: the response without any room.
pub(super) fn direct(offset_m: [f64; 3]) -> Foa {
    let delay = norm(offset_m) * SAMPLES_PER_M;
    let mut response = silence(delay as usize + 32);
    add_impulse(&mut response, delay, point_gains(offset_m));
    response
}

/// Time of the sound from `offset_m` to the array, in samples.
pub(super) fn direct_delay(offset_m: [f64; 3]) -> f64 {
    norm(offset_m) * SAMPLES_PER_M
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scene::convolve::Convolver;
    use crate::scene::room::tests::plain;
    use crate::seld::doa::Direction;

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

    fn energy(samples: &[f32]) -> f64 {
        samples.iter().map(|x| f64::from(*x).powi(2)).sum()
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
            let response = direct(direction.to_vector().map(|x| x * distance));
            let heard = Convolver::default().convolve(&white(2_000), &response);
            prop_assert!(intensity_direction(&heard).angle_to(direction) < 2.0);
        }
    }

    /// Reverberation time by backward integration (M. R. Schroeder, JASA 37, 1965), -5 to -35 dB.
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
        2.0 * (when(-35.0) - when(-5.0)) / f64::from(SAMPLE_RATE)
    }

    /// The part of a response in one octave band.
    fn octave(response: &[f32], band: usize) -> Vec<f32> {
        let size = (response.len() + 2_400).next_multiple_of(2);
        let mut fft = RealFft::new(size);
        let mut spectrum = vec![Complex32::default(); fft.bins()];
        fft.forward(&mut spectrum, |samples| samples[..response.len()].copy_from_slice(response));
        for (bin, value) in spectrum.iter_mut().enumerate() {
            *value *= filter_gains(bin as f64 * f64::from(SAMPLE_RATE) / size as f64)[band] as f32;
        }
        fft.inverse(&mut spectrum).to_vec()[..response.len()].to_vec()
    }

    /// A source and a room like those of a dataset, the source not too near for a measurement (ISO 3382-2, 4.3).
    fn random_response(rt60_s: f64, stream: &str) -> (Room, Foa) {
        let mut rng = crate::rng::stream(11, &["rt60", stream]);
        let room = Room::draw((rt60_s, rt60_s), &mut rng);
        let array = room.draw_array(&mut rng);
        let offset = [-0.35 * room.size_m[0], rng.random_range(-1.2..1.2), rng.random_range(-0.4..0.8)];
        let response = Responses::new().complete(&room, array, offset, &mut rng);
        (room, response)
    }

    #[test]
    fn reverberation_time_is_what_was_asked_for() {
        for rt60_s in [0.15, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0] {
            for stream in ["1", "2", "3", "4", "5", "6"] {
                let (_, response) = random_response(rt60_s, stream);
                let measured = measured_rt60(&response[0]);
                assert!((measured / rt60_s - 1.0).abs() < 0.1, "asked {rt60_s}, measured {measured:.3}");
            }
        }
    }

    #[test]
    fn each_octave_band_reverberates_as_long_as_its_walls_and_air_let_it() {
        for rt60_s in [0.2, 0.4, 0.8] {
            // Below 500 Hz there are too few modes for one response to show the mean.
            for band in 2..BANDS {
                let ratios = ["1", "2", "3", "4", "5", "6"].map(|stream| {
                    let (room, response) = random_response(rt60_s, stream);
                    measured_rt60(&octave(&response[0], band)) / room.band_rt60_s[band]
                });
                let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
                assert!((mean - 1.0).abs() < 0.1, "{rt60_s} s, band {band}: {ratios:.2?}");
            }
        }
    }

    #[test]
    fn the_share_of_direct_sound_falls_with_distance() {
        let mut rng = crate::rng::stream(12, &["drr"]);
        for _ in 0..10 {
            let room = Room::draw((0.15, 1.0), &mut rng);
            let array = room.draw_array(&mut rng);
            let direction = Direction { azimuth_deg: rng.random_range(-180.0..180.0), elevation_deg: 10.0 };
            let reach = room.reach_m(array, direction.to_vector());
            let ratios: Vec<f64> = [0.8, 1.3, 2.0, 3.0]
                .into_iter()
                .filter(|distance| *distance < reach)
                .map(|distance| {
                    let offset = direction.to_vector().map(|x| x * distance);
                    let mut reverberation = Responses::new().early(&room, array, offset);
                    add(&mut reverberation, 0, &Responses::new().tail(&room, distance, &mut rng));
                    10.0 * (energy(&direct(offset)[0]) / energy(&reverberation[0])).log10()
                })
                .collect();
            assert!(ratios.len() > 1 && ratios.windows(2).all(|pair| pair[0] > pair[1] + 1.0), "{ratios:?}");
        }
    }

    #[test]
    fn images_and_tail_meet_at_one_level() {
        let mut rng = crate::rng::stream(12, &["level"]);
        let (mut before, mut after) = (0.0, 0.0);
        for _ in 0..40 {
            let room = Room::draw((0.2, 1.0), &mut rng);
            let array = room.draw_array(&mut rng);
            let response = Responses::new().complete(&room, array, [1.0, 0.7, 0.1], &mut rng);
            let at = |ms: usize| ms * SAMPLE_RATE as usize / 1000;
            // The decay between the two windows is taken out.
            before += energy(&response[0][at(15)..at(30)]);
            after += energy(&response[0][at(45)..at(60)]) * 10f64.powf(6.0 * 0.030 / room.rt60_s);
        }
        let db = 10.0 * (after / before).log10();
        assert!(db.abs() < 2.0, "{db} dB");
    }

    #[test]
    fn in_a_diffuse_field_the_dipoles_have_a_third_of_the_energy_and_nothing_is_correlated() {
        let tail = Responses::new().tail(&plain([6.0, 5.0, 3.0], 0.8), 1.0, &mut crate::rng::stream(1, &[]));
        for channel in 1..4 {
            let ratio = energy(&tail[channel]) / energy(&tail[0]);
            assert!((ratio * 3.0 - 1.0).abs() < 0.2, "{ratio}");
            let product: f64 =
                tail[0].iter().zip(&tail[channel]).map(|(w, v)| f64::from(*w) * f64::from(*v)).sum();
            assert!(product.abs() < 0.15 * (energy(&tail[channel]) * energy(&tail[0])).sqrt());
        }
    }
}
