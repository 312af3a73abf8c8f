//! Sound read from its beginning to its end, a block at a time, whatever its length: of a file, or while it comes in
//! through a pipe.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::pcm::Encoding;
use super::problem::AudioProblem;
use super::read::{AudioError, Decoded};
use super::wav::WavHeader;
use crate::fs::FileError;

/// Most samples a channel of a block that comes through a pipe: a twentieth of a second at 24 kHz. What is there is handed
/// on without waiting for more.
const BLOCK_SAMPLES: usize = 1200;

/// What a pipe carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipeFormat {
    /// A wav file, with its header.
    Wav,
    /// Interleaved samples and nothing else.
    Raw {
        /// How they are stored.
        encoding: Encoding,
        /// How many are interleaved.
        channels: u16,
        /// In Hz.
        sample_rate: u32,
    },
}

/// Reads sound in order, a block at a time.
pub struct BlockReader {
    source: Source,
    sample_rate: u32,
    channels: usize,
}

enum Source {
    File(Box<Decoded>),
    Pipe(Pipe),
}

impl std::fmt::Debug for BlockReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("BlockReader");
        debug
            .field("sample_rate", &self.sample_rate)
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

impl BlockReader {
    /// Opens a wav, flac or ogg file of any number of channels.
    ///
    /// # Errors
    /// A file that is missing, empty, not sound or damaged at its beginning.
    pub fn open(path: &Path) -> Result<Self, AudioError> {
        let decoded = Decoded::open(path)?;
        let (sample_rate, channels) = (decoded.sample_rate(), decoded.channels());
        Ok(Self { source: Source::File(Box::new(decoded)), sample_rate, channels })
    }

    /// Begins to read a pipe that is called `name` in errors.
    ///
    /// # Errors
    /// A header that is none, or of samples that are not read; reading fails.
    pub fn pipe(
        source: impl Read + Send + 'static,
        name: &str,
        format: PipeFormat,
    ) -> Result<Self, AudioError> {
        let mut source: Box<dyn Read + Send> = Box::new(source);
        let (encoding, channels, sample_rate, left) = match format {
            PipeFormat::Raw { encoding, channels, sample_rate } => (encoding, channels, sample_rate, None),
            PipeFormat::Wav => {
                let mut forward = Forward { source: &mut source, at: 0 };
                // The size of a pipe is not known: what its header announces is checked at its end.
                let header = WavHeader::read(&mut forward, u64::MAX)
                    .map_err(|problem| AudioError::Pipe { name: name.to_owned(), problem })?;
                let left = (!header.is_streamed).then_some(header.samples);
                (header.encoding, header.channels, header.sample_rate, left)
            }
        };
        let pipe = Pipe {
            source,
            name: name.to_owned(),
            encoding,
            left,
            read: 0,
            rest: Vec::new(),
            planes: Vec::new(),
        };
        Ok(Self { source: Source::Pipe(pipe), sample_rate, channels: usize::from(channels) })
    }

    /// Samples a second, in Hz.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The next samples by channel, at least one of each; none at the end.
    ///
    /// # Errors
    /// What is left is damaged or ends too early, a sample is not finite, reading fails.
    pub fn next_block(&mut self) -> Result<Option<&[Vec<f32>]>, AudioError> {
        match &mut self.source {
            Source::File(decoded) => decoded.next_block(),
            Source::Pipe(pipe) => pipe.next_block(self.channels),
        }
    }
}

struct Pipe {
    source: Box<dyn Read + Send>,
    name: String,
    encoding: Encoding,
    /// Samples a channel to come, where the header said so.
    left: Option<u64>,
    /// Samples a channel read so far.
    read: u64,
    /// Bytes of a sample of all channels that is not whole yet.
    rest: Vec<u8>,
    planes: Vec<Vec<f32>>,
}

impl Pipe {
    fn next_block(&mut self, channels: usize) -> Result<Option<&[Vec<f32>]>, AudioError> {
        let frame = self.encoding.bytes() * channels;
        let wanted = self.left.map_or(BLOCK_SAMPLES, |left| BLOCK_SAMPLES.min(left as usize));
        let mut bytes = vec![0; wanted * frame];
        let mut have = self.rest.len().min(bytes.len());
        bytes[..have].copy_from_slice(&self.rest[..have]);
        while have < frame.min(bytes.len()) {
            match self.source.read(&mut bytes[have..]) {
                Ok(0) => break,
                Ok(count) => have += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(FileError { action: "read", path: PathBuf::from(&self.name), source }.into());
                }
            }
        }
        let samples = have / frame;
        if samples == 0 {
            return self.end(have);
        }
        self.rest = bytes[samples * frame..have].to_vec();
        self.planes.resize(channels, Vec::new());
        self.planes.iter_mut().for_each(|plane| plane.resize(samples, 0.0));
        let mut outputs: Vec<&mut [f32]> = self.planes.iter_mut().map(Vec::as_mut_slice).collect();
        self.encoding.decode(&bytes[..samples * frame], &mut outputs);
        super::stream::check_finite(&outputs, self.read).map_err(|problem| self.problem(problem))?;
        self.read += samples as u64;
        self.left = self.left.map(|left| left - samples as u64);
        Ok(Some(&self.planes))
    }

    /// The end, before which `bytes` of a sample came.
    fn end(&self, bytes: usize) -> Result<Option<&[Vec<f32>]>, AudioError> {
        match self.left {
            Some(left) if left > 0 => {
                let announced = self.read + left;
                Err(self.problem(AudioProblem::Short { announced, present: self.read }))
            }
            _ if self.read == 0 => Err(self.problem(AudioProblem::Empty)),
            _ => {
                if bytes > 0 {
                    tracing::warn!("{} ends within a sample, which is left out", self.name);
                }
                Ok(None)
            }
        }
    }

    fn problem(&self, problem: AudioProblem) -> AudioError {
        AudioError::Pipe { name: self.name.clone(), problem }
    }
}

/// A pipe in which one can go forward, as reading a header does.
struct Forward<'a> {
    source: &'a mut Box<dyn Read + Send>,
    at: u64,
}

impl Read for Forward<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(bytes)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Forward<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(to) = to else { return Err(ErrorKind::Unsupported.into()) };
        let ahead = to.checked_sub(self.at).ok_or(ErrorKind::Unsupported)?;
        let passed = io::copy(&mut self.by_ref().take(ahead), &mut io::sink())?;
        if passed < ahead { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(to) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipe that gives a few bytes at a time.
    struct Drops(io::Cursor<Vec<u8>>, usize);

    impl Read for Drops {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.1);
            self.0.read(&mut bytes[..count])
        }
    }

    fn wav(path: &Path, bits: u16, samples: usize) {
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

    fn all(mut reader: BlockReader) -> Result<Vec<Vec<f32>>, AudioError> {
        let mut planes = vec![Vec::new(); reader.channels()];
        while let Some(block) = reader.next_block()? {
            assert!(!block[0].is_empty());
            planes.iter_mut().zip(block).for_each(|(plane, block)| plane.extend_from_slice(block));
        }
        Ok(planes)
    }

    fn pipe(bytes: Vec<u8>, drop: usize, format: PipeFormat) -> Result<Vec<Vec<f32>>, AudioError> {
        all(BlockReader::pipe(Drops(io::Cursor::new(bytes), drop), "standard input", format)?)
    }

    #[test]
    fn a_file_and_a_pipe_hold_the_same_samples() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        for bits in [16, 24, 32] {
            wav(&path, bits, 5_001);
            let whole = super::super::read(&path).unwrap().channels;
            assert_eq!(whole[3].len(), 5_001);
            assert_eq!(all(BlockReader::open(&path).unwrap()).unwrap(), whole);
            let bytes = std::fs::read(&path).unwrap();
            for drop in [1, 7, 100_000] {
                assert_eq!(pipe(bytes.clone(), drop, PipeFormat::Wav).unwrap(), whole, "{bits} bits");
            }
        }
    }

    #[test]
    fn raw_samples_need_no_header() {
        let values: Vec<f32> = (0..4 * 3_000).map(|n| n as f32 / 1e5).collect();
        let mut bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        // Of a last sample, which is left out.
        bytes.extend([1, 2, 3]);
        let raw = PipeFormat::Raw { encoding: Encoding::Float32, channels: 4, sample_rate: 24_000 };
        let planes = pipe(bytes, 13, raw).unwrap();
        let expected: Vec<f32> = values.iter().skip(2).step_by(4).copied().collect();
        assert_eq!(planes[2], expected);
    }

    #[test]
    fn what_is_wrong_with_a_pipe_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        wav(&path, 16, 2_000);
        let bytes = std::fs::read(&path).unwrap();
        let error = |bytes: Vec<u8>| pipe(bytes, 64, PipeFormat::Wav).unwrap_err().to_string();
        assert!(error(bytes[..bytes.len() / 2].to_vec()).contains("announces 2000 samples"));
        assert!(error(vec![0; 100]).contains("standard input: not a readable wav file"));
        let raw = PipeFormat::Raw { encoding: Encoding::Float32, channels: 1, sample_rate: 24_000 };
        let nan = [1.0f32, f32::NAN].iter().flat_map(|x| x.to_le_bytes()).collect();
        assert!(pipe(nan, 4, raw).unwrap_err().to_string().contains("sample 1 of channel 0 is NaN"));
        assert!(pipe(vec![], 4, raw).unwrap_err().to_string().contains("no samples"));
        // What programs write that cannot go back to fill in the length.
        let mut endless = bytes.clone();
        let data = endless.windows(4).position(|four| four == b"data").unwrap();
        endless[data + 4..data + 8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(pipe(endless, 64, PipeFormat::Wav).unwrap()[0].len(), 2_000);
    }
}
