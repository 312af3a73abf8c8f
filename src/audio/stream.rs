//! Sound files read in pieces: what a piece costs depends on its own length, not on the file's.
//!
//! Wav files are read with positioned reads and decoded in blocks. They are not mapped into memory: the page cache
//! serves both ways alike, and a mapped file that another program cuts short kills the reader.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::flac;
use super::pcm::Encoding;
use super::problem::AudioProblem;
use super::wav::WavHeader;
use crate::fs::FileError;

/// Bytes that are read at a time: they stay in the processor's cache until they are decoded.
const BLOCK_BYTES: usize = 64 << 10;

/// A file that cannot be read in pieces.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// It cannot be opened or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its content.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: AudioProblem,
    },
}

impl StreamError {
    /// For `map_err(StreamError::at(path))`.
    pub(super) fn at(path: &Path) -> impl FnOnce(AudioProblem) -> Self + '_ {
        move |problem| Self::Content { path: path.to_owned(), problem }
    }
}

/// What one must know of a file to read from its middle; found once, and cheap to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioFormat {
    /// Channels.
    pub channels: u16,
    /// Samples a second, in Hz.
    pub sample_rate: u32,
    /// Samples a channel.
    pub samples: u64,
    /// Where and how they are stored.
    pub storage: Storage,
}

/// Where and how samples are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// Interleaved from this byte on.
    Wav {
        /// Of a sample.
        encoding: Encoding,
        /// Of the first sample.
        data_start: u64,
    },
    /// Free Lossless Audio Codec.
    Flac {
        /// Of a sample before compression.
        bits: u32,
    },
}

impl Storage {
    /// For people: "16 bit integer wav".
    pub fn name(self) -> String {
        match self {
            Self::Wav { encoding, .. } => format!("{} wav", encoding.name()),
            Self::Flac { bits } => format!("{bits} bit flac"),
        }
    }
}

impl AudioFormat {
    /// Reads the header of a wav or flac file.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, truncated (as far as its header shows), empty or of another format.
    pub fn of(path: &Path) -> Result<Self, StreamError> {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("flac")) {
            return flac::format(path);
        }
        let read = FileError::at("read", path);
        let (file, bytes) = match File::open(path).and_then(|file| Ok((file.metadata()?.len(), file))) {
            Ok((bytes, file)) => (file, bytes),
            Err(error) => return Err(read(error).into()),
        };
        let header = WavHeader::read(&mut BufReader::with_capacity(512, file), bytes);
        let WavHeader { channels, sample_rate, encoding, data_start, samples, .. } =
            header.map_err(StreamError::at(path))?;
        Ok(Self { channels, sample_rate, samples, storage: Storage::Wav { encoding, data_start } })
    }

    /// Fills `out`, channel after channel, with the samples from `start` on; zeros after the end of the file.
    /// `out` holds the same number of samples for each channel. Integers come out in [-1, 1), floats as they are.
    ///
    /// # Errors
    /// The file cannot be read or is not what it was; a sample is NaN or infinite.
    pub fn read(&self, path: &Path, start: u64, out: &mut [f32]) -> Result<(), StreamError> {
        let length = out.len() / usize::from(self.channels.max(1));
        let wanted = usize::try_from(self.samples.saturating_sub(start)).unwrap_or(usize::MAX).min(length);
        let mut planes: Vec<&mut [f32]> = out.chunks_exact_mut(length.max(1)).collect();
        planes.iter_mut().for_each(|plane| plane[wanted..].fill(0.0));
        let mut planes: Vec<&mut [f32]> = planes.into_iter().map(|plane| &mut plane[..wanted]).collect();
        match self.storage {
            _ if wanted == 0 => Ok(()),
            Storage::Flac { .. } => flac::read(path, self, start, &mut planes),
            Storage::Wav { encoding, data_start } => {
                let at = data_start + start * (encoding.bytes() * usize::from(self.channels)) as u64;
                read_wav(path, encoding, at, &mut planes).map_err(FileError::at("read", path))?;
                match encoding {
                    Encoding::Float32 => check_finite(&planes, start).map_err(StreamError::at(path)),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// Decodes as many samples as `planes` take from byte `at` on.
fn read_wav(path: &Path, encoding: Encoding, at: u64, planes: &mut [&mut [f32]]) -> std::io::Result<()> {
    let file = File::open(path)?;
    let frame = encoding.bytes() * planes.len();
    let wanted = planes.first().map_or(0, |plane| plane.len());
    let step = (BLOCK_BYTES / frame).max(1);
    let mut bytes = vec![0; frame * step.min(wanted)];
    let mut done = 0;
    while done < wanted {
        let count = step.min(wanted - done);
        let block = &mut bytes[..count * frame];
        read_exact_at(&file, block, at + (done * frame) as u64)?;
        let mut outputs: Vec<&mut [f32]> =
            planes.iter_mut().map(|plane| &mut plane[done..done + count]).collect();
        encoding.decode(block, &mut outputs);
        done += count;
    }
    Ok(())
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(not(unix))]
fn read_exact_at(mut file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(bytes)
}

/// The first sample in time that is not finite.
pub(super) fn check_finite(planes: &[&mut [f32]], start: u64) -> Result<(), AudioProblem> {
    let first = |(channel, plane): (usize, &&mut [f32])| {
        // A sum of zeros is found faster than a position, and almost all files are in order.
        let all_finite = plane.iter().fold(true, |all, x| all & x.is_finite());
        let at = if all_finite { None } else { plane.iter().position(|x| !x.is_finite()) };
        at.map(|at| (at, channel, plane[at]))
    };
    match planes.iter().enumerate().filter_map(first).min_by_key(|(at, channel, _)| (*at, *channel)) {
        Some((at, channel, value)) => {
            Err(AudioProblem::NotFinite { sample: start + at as u64, channel, value })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four channels of a recognisable pattern.
    fn write(path: &Path, bits: u16, samples: usize) {
        let sample_format = if bits == 32 { hound::SampleFormat::Float } else { hound::SampleFormat::Int };
        let spec = hound::WavSpec { channels: 4, sample_rate: 24_000, bits_per_sample: bits, sample_format };
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        for n in 0..4 * samples as i32 {
            match bits {
                32 => writer.write_sample(n as f32 / 1e6).unwrap(),
                _ => writer.write_sample(n % 30_000 - 15_000).unwrap(),
            }
        }
        writer.finalize().unwrap();
    }

    #[test]
    fn pieces_agree_with_an_independent_reader_at_any_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let samples = 20_000;
        for bits in [16, 24, 32] {
            write(&path, bits, samples);
            let mut peer = hound::WavReader::open(&path).unwrap();
            let whole: Vec<f32> = match bits {
                32 => peer.samples::<f32>().map(Result::unwrap).collect(),
                _ => peer
                    .samples::<i32>()
                    .map(|x| x.unwrap() as f32 / 2f32.powi(i32::from(bits) - 1))
                    .collect(),
            };
            let format = AudioFormat::of(&path).unwrap();
            assert_eq!((format.samples, format.channels), (samples as u64, 4));
            for (start, length) in [(0, samples), (1, 1), (9_999, 9_000), (19_990, 50), (30_000, 3), (5, 0)] {
                let mut out = vec![9.0; 4 * length];
                format.read(&path, start as u64, &mut out).unwrap();
                for (channel, plane) in out.chunks_exact(length.max(1)).enumerate() {
                    for (n, value) in plane.iter().enumerate() {
                        let expected = whole.get(4 * (start + n) + channel).copied().unwrap_or(0.0);
                        assert_eq!(*value, expected, "{bits} bits, {start} + {n}, channel {channel}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_first_sample_that_is_no_number_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        write(&path, 32, 10_000);
        let mut bytes = std::fs::read(&path).unwrap();
        let format = AudioFormat::of(&path).unwrap();
        let Storage::Wav { data_start, .. } = format.storage else { panic!("a wav file") };
        for (sample, channel) in [(9_000, 0), (7_500, 2), (7_500, 3)] {
            let at = data_start as usize + (sample * 4 + channel) * 4;
            bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        }
        std::fs::write(&path, bytes).unwrap();
        let error = format.read(&path, 10, &mut vec![0.0; 4 * 9_990]).unwrap_err();
        assert!(error.to_string().contains("sample 7500 of channel 2 is NaN"), "{error}");
        assert!(format.read(&path, 0, &mut vec![0.0; 4 * 7_500]).is_ok());
    }
}
