//! Four-channel wav files, read in pieces.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavReader};

use super::CHANNELS;
use super::error::{Error, WavProblem};
use crate::fs::FileError;

/// Samples of all channels that are decoded at a time.
const BLOCK: usize = 1 << 15;

/// How a sample is stored, little-endian.
#[derive(Debug, Clone, Copy)]
enum Encoding {
    Int16,
    Int24,
    Int32,
    Float32,
}

impl Encoding {
    fn bytes(self) -> usize {
        match self {
            Self::Int16 => 2,
            Self::Int24 => 3,
            Self::Int32 | Self::Float32 => 4,
        }
    }

    /// The sample in [-1, 1); floats as they are.
    fn decode(self, bytes: &[u8]) -> f32 {
        // A shorter integer fills the upper bytes, which scales it to 32 bits.
        let mut word = [0; 4];
        word[4 - bytes.len()..].copy_from_slice(bytes);
        match self {
            Self::Float32 => f32::from_le_bytes(word),
            // In double precision: 32 bit integers just below full scale would round to 1.
            Self::Int16 | Self::Int24 | Self::Int32 => {
                let value = (f64::from(i32::from_le_bytes(word)) / 2f64.powi(31)) as f32;
                value.min(1.0 - f32::EPSILON / 2.0)
            }
        }
    }
}

/// An open file whose header is in order.
pub(super) struct Wav {
    path: PathBuf,
    file: BufReader<File>,
    encoding: Encoding,
    data_start: u64,
    /// Samples in a second.
    pub(super) sample_rate: u32,
    /// Samples per channel.
    pub(super) samples: u64,
}

impl Wav {
    /// Opens a file and checks its header against its size.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let wrong = |problem| Error::Wav { path: path.to_owned(), problem };
        let failed = |error: hound::Error| wrong(WavProblem::Damaged(describe(&error)));
        let io = |error| Error::from(FileError::at("read", path)(error));

        let mut file = BufReader::new(File::open(path).map_err(io)?);
        let header = WavReader::new(&mut file).map_err(failed)?;
        let (spec, samples) = (header.spec(), u64::from(header.duration()));
        let data_start = file.stream_position().map_err(io)?;
        if usize::from(spec.channels) != CHANNELS {
            return Err(wrong(WavProblem::Channels { got: spec.channels }));
        }
        if samples == 0 {
            return Err(wrong(WavProblem::Silent));
        }
        let encoding = match (spec.sample_format, spec.bits_per_sample) {
            (SampleFormat::Int, 16) => Encoding::Int16,
            (SampleFormat::Int, 24) => Encoding::Int24,
            (SampleFormat::Int, 32) => Encoding::Int32,
            (SampleFormat::Float, 32) => Encoding::Float32,
            (SampleFormat::Int, bits) => return Err(wrong(WavProblem::Format { bits, kind: "integer" })),
            (SampleFormat::Float, bits) => return Err(wrong(WavProblem::Format { bits, kind: "float" })),
        };
        // Some programs keep 24 bits in four bytes.
        if matches!(encoding, Encoding::Int24) && stored_width(&mut file).map_err(failed)? != 3 {
            return Err(wrong(WavProblem::Format { bits: 24, kind: "padded integer" }));
        }
        let announced = samples * (CHANNELS * encoding.bytes()) as u64;
        let present = file.get_ref().metadata().map_err(io)?.len().saturating_sub(data_start);
        if present < announced {
            return Err(wrong(WavProblem::Truncated { announced, present }));
        }
        Ok(Self { path: path.to_owned(), file, encoding, data_start, sample_rate: spec.sample_rate, samples })
    }

    /// Calls `take` with (position after `start`, the samples of all channels there) for `len` samples from
    /// `start`, or up to the end.
    pub(super) fn read(
        &mut self,
        start: u64,
        len: usize,
        mut take: impl FnMut(usize, [f32; CHANNELS]),
    ) -> Result<(), Error> {
        let len = usize::try_from(self.samples.saturating_sub(start)).unwrap_or(usize::MAX).min(len);
        let width = self.encoding.bytes();
        let frame = width * CHANNELS;
        let position = self.data_start + start.min(self.samples) * frame as u64;
        self.file.seek(SeekFrom::Start(position)).map_err(FileError::at("read", &self.path))?;
        let mut bytes = vec![0; frame * BLOCK.min(len)];
        let mut done = 0;
        while done < len {
            let count = BLOCK.min(len - done);
            let block = &mut bytes[..count * frame];
            self.file.read_exact(block).map_err(FileError::at("read", &self.path))?;
            for (offset, frame) in block.chunks_exact(frame).enumerate() {
                let mut values = [0.0; CHANNELS];
                for ((channel, value), bytes) in values.iter_mut().enumerate().zip(frame.chunks_exact(width))
                {
                    *value = self.encoding.decode(bytes);
                    if !value.is_finite() {
                        let sample = start + (done + offset) as u64;
                        let problem = WavProblem::NotFinite { sample, channel, value: *value };
                        return Err(Error::Wav { path: self.path.clone(), problem });
                    }
                }
                take(done + offset, values);
            }
            done += count;
        }
        Ok(())
    }
}

/// Bytes that one integer sample takes in the file.
fn stored_width(file: &mut BufReader<File>) -> Result<u64, hound::Error> {
    file.rewind()?;
    let start = WavReader::new(&mut *file)?.into_inner().stream_position()?;
    file.rewind()?;
    WavReader::new(&mut *file)?.samples::<i32>().next().transpose()?;
    Ok(file.stream_position()? - start)
}

fn describe(error: &hound::Error) -> String {
    match error {
        hound::Error::FormatError(what) => (*what).to_owned(),
        other => other.to_string().trim_end_matches('.').to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_scale_stays_below_one() {
        assert_eq!(Encoding::Int16.decode(&i16::MIN.to_le_bytes()), -1.0);
        assert_eq!(Encoding::Int16.decode(&16384i16.to_le_bytes()), 0.5);
        assert_eq!(Encoding::Int24.decode(&[0, 0, 0xC0]), -0.5);
        assert!(Encoding::Int32.decode(&i32::MAX.to_le_bytes()) < 1.0);
        assert_eq!(Encoding::Float32.decode(&1.5f32.to_le_bytes()), 1.5);
    }
}
