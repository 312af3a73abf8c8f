//! One measured response, brought into the form of a simulated one.

use super::super::SAMPLE_RATE;
use super::super::convolve::Foa;
use super::super::error::SceneError;
use super::super::response::direct_delay;
use super::table::Measurement;
use crate::audio;
use crate::seld::doa::Direction;

/// Longest response that is used, in seconds.
const MAX_S: f64 = 2.0;
/// Level of the first sound relative to the largest sample: 20 dB down.
const ONSET: f32 = 0.1;
/// Length of the direct sound, in samples: 2.5 ms.
const DIRECT: usize = SAMPLE_RATE as usize / 400;
/// Samples kept before the first sound.
const LEAD: usize = 8;
/// Greatest angle between the direct sound and what the table says, in degrees: beyond it the channels are in
/// another order, or the angles are meant otherwise.
const MAX_ERROR_DEG: f64 = 60.0;

impl Measurement {
    /// Samples that the response has at most.
    pub(super) fn most_taps(&self) -> usize {
        let length = (self.seconds.min(MAX_S) * f64::from(SAMPLE_RATE)).ceil() as usize;
        length + direct_delay(self.position.offset_m()).ceil() as usize + 1
    }

    /// Reads the response at [`SAMPLE_RATE`]. Its direct sound arrives when, and is as loud as, the distance says
    /// (1/r at r metres), whatever delay and gain the measurement had.
    ///
    /// # Errors
    /// A file that cannot be read or is silent, or whose direct sound comes from elsewhere.
    pub(super) fn load(&self) -> Result<Foa, SceneError> {
        let wrong = |reason: String| SceneError::Response { path: self.file.clone(), reason };
        let sound = audio::read(&self.file)?;
        let [w, y, z, x] = &sound.channels[..] else {
            return Err(wrong(format!("expected 4 channels, got {}", sound.channels.len())));
        };
        let limit = w.len().min((MAX_S * f64::from(sound.sample_rate)) as usize);
        let response = [w, y, z, x].map(|c| audio::resample(&c[..limit], sound.sample_rate, SAMPLE_RATE));
        let peak = response[0].iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
        let onset = response[0].iter().position(|x| x.abs() >= ONSET * peak).filter(|_| peak > 0.0);
        let onset = onset.ok_or_else(|| wrong("the first channel is silent".into()))?;
        let first = onset.saturating_sub(LEAD);
        let direct = first..(onset + DIRECT).min(response[0].len());
        let along = |channel: usize| -> f64 {
            let (w, v) = (&response[0][direct.clone()], &response[channel][direct.clone()]);
            w.iter().zip(v).map(|(w, v)| f64::from(*w) * f64::from(*v)).sum()
        };
        let heard = Direction::from_vector([along(3), along(1), along(2)]);
        if heard.angle_to(self.position.direction) > MAX_ERROR_DEG {
            let Direction { azimuth_deg, elevation_deg } = self.position.direction;
            return Err(wrong(format!(
                "the direct sound comes from azimuth {:.0}, elevation {:.0}, the table says {azimuth_deg:.0}, \
                 {elevation_deg:.0}; channels must be W, Y, Z, X and azimuth positive to the left",
                heard.azimuth_deg, heard.elevation_deg
            )));
        }
        let gain = along(0).sqrt().recip() / self.position.distance_m;
        let delay = (direct_delay(self.position.offset_m()).round() as usize).saturating_sub(onset - first);
        Ok(response.map(|channel| {
            let mut moved = vec![0.0; delay];
            moved.extend(channel[first..].iter().map(|x| x * gain as f32));
            moved
        }))
    }
}
