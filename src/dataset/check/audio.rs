//! What the samples of a recording tell, in one pass in bounded memory.

use std::path::Path;

use super::order::{BandPass, Energies};
use crate::audio::{AudioFormat, StreamError};
use crate::dataset::CHANNELS;
use crate::seld::event::FRAMES_PER_SECOND;

/// Samples at full scale that follow one another before one speaks of clipping: a single peak may just reach it.
const CLIPPED_RUN: u32 = 3;
/// What counts as full scale: the largest 16 bit value, also of converters that stop one short of it.
const FULL_SCALE: f32 = 32_766.0 / 32_768.0;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Greatest magnitude of each channel.
    pub(super) peaks: [f32; CHANNELS],
    /// Samples of each channel that are part of a run at full scale.
    pub(super) clipped: [u64; CHANNELS],
    /// Energies by label frame.
    pub(super) energies: Energies,
}

/// Reads all samples.
///
/// # Errors
/// The file cannot be read to its end, or a sample is no number.
pub(super) fn scan(path: &Path, format: &AudioFormat) -> Result<Scan, StreamError> {
    let mut scan = Scan::default();
    // Whole label frames, so that energies are those of frames; a rate that they do not divide is rounded.
    let frame = (format.sample_rate as usize / FRAMES_PER_SECOND).max(1);
    let block = frame * FRAMES_PER_SECOND;
    let mut samples = vec![0.0; CHANNELS * block];
    let mut runs = [0; CHANNELS];
    let mut band = BandPass::new(format.sample_rate);
    let mut start = 0;
    while start < format.samples {
        let length = block.min(usize::try_from(format.samples - start).unwrap_or(block));
        let samples = &mut samples[..CHANNELS * length];
        format.read(path, start, samples)?;
        for (channel, plane) in samples.chunks_exact_mut(length).enumerate() {
            let peak = plane.iter().fold(0f32, |peak, x| peak.max(x.abs()));
            scan.peaks[channel] = scan.peaks[channel].max(peak);
            if peak >= FULL_SCALE || runs[channel] > 0 {
                scan.clipped[channel] += clipped(plane, &mut runs[channel]);
            }
            band.filter(channel, plane);
        }
        scan.energies.add(samples, length, frame);
        start += length as u64;
    }
    Ok(scan)
}

/// Samples in runs at full scale; `run` is the length of the one at the end of what came before.
fn clipped(plane: &[f32], run: &mut u32) -> u64 {
    let mut clipped = 0;
    for x in plane {
        *run = if x.abs() >= FULL_SCALE { run.saturating_add(1) } else { 0 };
        clipped += match *run {
            CLIPPED_RUN => u64::from(CLIPPED_RUN),
            longer if longer > CLIPPED_RUN => 1,
            _ => 0,
        };
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_at_full_scale_are_clipped_also_across_blocks() {
        let mut run = 0;
        assert_eq!(clipped(&[1.0, 0.0, 1.0, 1.0], &mut run), 0);
        assert_eq!(clipped(&[1.0, -1.0, 0.5, -1.0, -1.0, -1.0], &mut run), 4 + 3);
    }
}
