//! Decoding of wav, flac and ogg files.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as DecodeError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use crate::fs::FileError;

/// A decoded sound file.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// Samples a second, in Hz.
    pub sample_rate: u32,
    /// Samples by channel, all of one length; full scale is ±1.
    pub channels: Vec<Vec<f32>>,
}

/// Why a sound file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// It cannot be opened or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is none of the formats this program reads.
    #[error("{}: not a wav, flac or ogg file", path.display())]
    NotAudio {
        /// The file.
        path: PathBuf,
    },
    /// It ends before the length its header gives.
    #[error("{}: truncated: expected {}, got {got} samples per channel; copy the file again", path.display(), expected_text(*expected))]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Samples a channel by the header, where it says so.
        expected: Option<u64>,
        /// Samples a channel that could be read.
        got: u64,
    },
    /// Its content cannot be decoded.
    #[error("{}: cannot decode: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
    /// It holds no samples.
    #[error("{}: holds no samples", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A pipe that does not carry what it should.
    #[error("{name}: {problem}")]
    Pipe {
        /// What it is called: "standard input".
        name: String,
        /// What is wrong with it.
        problem: super::AudioProblem,
    },
    /// It holds a sample that is not a finite number.
    #[error("{}: channel {channel}, sample {sample}: not a finite number", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Channel, from 0.
        channel: usize,
        /// Sample, from 0.
        sample: usize,
    },
}

fn expected_text(expected: Option<u64>) -> String {
    expected.map_or_else(|| "more".into(), |count| count.to_string())
}

impl Audio {
    /// Samples a channel.
    pub fn len(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.len() as f64 / f64::from(self.sample_rate)
    }

    /// The mean of all channels.
    pub fn mono(&self) -> Vec<f32> {
        let scale = 1.0 / self.channels.len().max(1) as f32;
        let sum_at = |i: usize| self.channels.iter().map(|channel| channel[i]).sum::<f32>();
        (0..self.len()).map(|i| sum_at(i) * scale).collect()
    }
}

/// Decodes a whole wav, flac or ogg (Vorbis) file of any number of channels.
///
/// # Errors
/// A file that is missing, not sound, shorter than its header says, undecodable, empty, or that holds a sample
/// that is not finite.
pub fn read(path: &Path) -> Result<Audio, AudioError> {
    let mut decoded = Decoded::open(path)?;
    let mut channels = vec![Vec::new(); decoded.channels()];
    while let Some(block) = decoded.next_block()? {
        channels.iter_mut().zip(block).for_each(|(channel, block)| channel.extend_from_slice(block));
    }
    Ok(Audio { sample_rate: decoded.sample_rate(), channels })
}

/// The first eight bytes, or what there is of them.
fn read_head(path: &Path) -> Result<Vec<u8>, FileError> {
    let mut head = Vec::new();
    let file = File::open(path).map_err(FileError::at("read", path))?;
    file.take(8).read_to_end(&mut head).map_err(FileError::at("read", path))?;
    Ok(head)
}

/// Whether a wav was written into a pipe: programs that cannot go back to fill in its size leave one near 2 or
/// 4 GiB there.
fn is_streamed_wav(head: &[u8]) -> bool {
    let size = head.get(4..8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
    head.starts_with(b"RIFF") && size >= 0x7fff_0000
}

/// A file that is being decoded, block by block.
pub(super) struct Decoded {
    path: PathBuf,
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track_id: u32,
    sample_rate: u32,
    /// Samples a channel that the header promised.
    expected: Option<u64>,
    /// Whether an end in the middle of a packet is found out by the length, or is none.
    has_length: bool,
    /// Samples a channel so far.
    got: u64,
    planes: Vec<Vec<f32>>,
    /// The first block, which [`Decoded::open`] has to look at, is still to be handed on.
    is_first: bool,
}

impl Decoded {
    /// Opens a file and decodes its first block, which tells the number of channels.
    pub(super) fn open(path: &Path) -> Result<Self, AudioError> {
        let head = read_head(path)?;
        if head.is_empty() {
            return Err(AudioError::Empty { path: path.to_owned() });
        }
        if ![b"RIFF", b"fLaC", b"OggS"].iter().any(|magic| head.starts_with(*magic)) {
            return Err(AudioError::NotAudio { path: path.to_owned() });
        }
        let file = File::open(path).map_err(FileError::at("read", path))?;
        let stream = MediaSourceStream::new(Box::new(file), Default::default());
        let format = symphonia::default::get_probe()
            .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|error| failed(path, error))?;
        let not_audio = || AudioError::NotAudio { path: path.to_owned() };
        let track = format.default_track(TrackType::Audio).ok_or_else(not_audio)?;
        let (track_id, frames) = (track.id, track.num_frames);
        let params = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or_else(not_audio)?;
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(params, &AudioDecoderOptions::default())
            .map_err(|error| failed(path, error))?;
        let mut decoded = Self {
            path: path.to_owned(),
            sample_rate: params.sample_rate.unwrap_or(0),
            format,
            decoder,
            track_id,
            expected: if is_streamed_wav(&head) { None } else { frames },
            has_length: frames.is_some() || is_streamed_wav(&head),
            got: 0,
            planes: Vec::new(),
            is_first: false,
        };
        if !decoded.decode()? {
            return Err(decoded.ended().err().unwrap_or(AudioError::Empty { path: path.to_owned() }));
        }
        decoded.is_first = true;
        Ok(decoded)
    }

    pub(super) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    pub(super) fn channels(&self) -> usize {
        self.planes.len()
    }

    /// The next samples by channel, all of one length; none at the end.
    pub(super) fn next_block(&mut self) -> Result<Option<&[Vec<f32>]>, AudioError> {
        if !std::mem::take(&mut self.is_first) && !self.decode()? {
            return self.ended().map(|()| None);
        }
        for (channel, samples) in self.planes.iter().enumerate() {
            if let Some(at) = samples.iter().position(|x| !x.is_finite()) {
                let sample = self.got as usize - samples.len() + at;
                return Err(AudioError::NotFinite { path: self.path.clone(), channel, sample });
            }
        }
        Ok(Some(&self.planes))
    }

    /// Whether the samples are as many as they should be.
    fn ended(&self) -> Result<(), AudioError> {
        let (path, got) = (self.path.clone(), self.got);
        match self.expected {
            Some(expected) if got < expected => {
                Err(AudioError::Truncated { path, expected: self.expected, got })
            }
            _ if got == 0 => Err(AudioError::Empty { path }),
            _ => Ok(()),
        }
    }

    /// Decodes the next block that is not empty; false at the end.
    fn decode(&mut self) -> Result<bool, AudioError> {
        loop {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(false),
                // The end in the middle of a packet: the length is compared with the header's.
                Err(DecodeError::IoError(e)) if e.kind() == ErrorKind::UnexpectedEof && self.has_length => {
                    return Ok(false);
                }
                Err(error) => return Err(failed(&self.path, error)),
            };
            if packet.track_id != self.track_id {
                continue;
            }
            let buffer = self.decoder.decode(&packet).map_err(|error| failed(&self.path, error))?;
            self.sample_rate = buffer.spec().rate();
            let channels = self.planes.len();
            buffer.copy_to_vecs_planar(&mut self.planes);
            if channels > 0 && channels != self.planes.len() {
                let reason = format!("its {channels} channels become {}", self.planes.len());
                return Err(AudioError::Corrupt { path: self.path.clone(), reason });
            }
            let samples = self.planes.first().map_or(0, Vec::len);
            self.got += samples as u64;
            if samples > 0 {
                return Ok(true);
            }
        }
    }
}

fn failed(path: &Path, error: DecodeError) -> AudioError {
    match error {
        DecodeError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => {
            AudioError::Truncated { path: path.to_owned(), expected: None, got: 0 }
        }
        DecodeError::IoError(e) => AudioError::File(FileError::at("read", path)(e)),
        other => AudioError::Corrupt { path: path.to_owned(), reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float_wav(path: &Path, channels: u16, samples: &[f32]) {
        let spec = hound::WavSpec {
            channels,
            sample_rate: 24_000,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        samples.iter().for_each(|x| writer.write_sample(*x).unwrap());
        writer.finalize().unwrap();
    }

    #[test]
    fn channels_come_apart_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        float_wav(&path, 3, &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
        let audio = read(&path).unwrap();
        assert_eq!(audio.channels, [vec![0.1, 0.4], vec![0.2, 0.5], vec![0.3, 0.6]]);
        assert_eq!(audio.sample_rate, 24_000);
        assert!((audio.mono()[1] - 0.5).abs() < 1e-6);
    }

    #[test]
    fn bad_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        assert!(matches!(read(&path), Err(AudioError::File(_))));
        std::fs::write(&path, b"").unwrap();
        assert!(matches!(read(&path), Err(AudioError::Empty { .. })));
        std::fs::write(&path, b"frame,class\n0,1\n").unwrap();
        assert!(matches!(read(&path), Err(AudioError::NotAudio { .. })));
        std::fs::write(&path, b"RIFF").unwrap();
        assert!(read(&path).is_err());
        float_wav(&path, 1, &[]);
        assert!(matches!(read(&path), Err(AudioError::Empty { .. })));
        float_wav(&path, 2, &[0.0, 0.0, 0.0, f32::NAN]);
        assert!(matches!(read(&path), Err(AudioError::NotFinite { channel: 1, sample: 1, .. })));
    }

    #[test]
    fn a_wav_from_a_pipe_has_no_length_to_compare_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        float_wav(&path, 1, &[0.25; 1_000]);
        let mut bytes = std::fs::read(&path).unwrap();
        let data = bytes.windows(4).position(|four| four == b"data").unwrap();
        // What sox writes.
        for (at, size) in [(4, 0x7fff_f048_u32), (data + 4, 0x7fff_f000)] {
            bytes[at..at + 4].copy_from_slice(&size.to_le_bytes());
        }
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&path).unwrap().len(), 1_000);
    }

    #[test]
    fn truncated_wav_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        float_wav(&path, 2, &vec![0.25; 20_000]);
        let bytes = std::fs::read(&path).unwrap();
        for keep in [bytes.len() / 2, bytes.len() - 3, 60, 30] {
            std::fs::write(&path, &bytes[..keep]).unwrap();
            let error = read(&path).unwrap_err();
            assert!(matches!(error, AudioError::Truncated { .. }), "{keep}: {error}");
        }
    }
}
