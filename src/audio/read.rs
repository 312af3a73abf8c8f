//! Decoding of wav, flac and ogg files.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error as DecodeError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
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
    let head = read_head(path)?;
    if head.is_empty() {
        return Err(AudioError::Empty { path: path.to_owned() });
    }
    if ![b"RIFF", b"fLaC", b"OggS"].iter().any(|magic| head.starts_with(*magic)) {
        return Err(AudioError::NotAudio { path: path.to_owned() });
    }
    let (audio, mut expected) = decode(path)?;
    if is_streamed_wav(&head) {
        expected = None;
    }
    let got = audio.len() as u64;
    if expected.is_some_and(|expected| got < expected) {
        return Err(AudioError::Truncated { path: path.to_owned(), expected, got });
    }
    if audio.is_empty() {
        return Err(AudioError::Empty { path: path.to_owned() });
    }
    for (channel, samples) in audio.channels.iter().enumerate() {
        if let Some(sample) = samples.iter().position(|x| !x.is_finite()) {
            return Err(AudioError::NotFinite { path: path.to_owned(), channel, sample });
        }
    }
    Ok(audio)
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

/// What could be decoded, and the samples a channel that the header promised.
fn decode(path: &Path) -> Result<(Audio, Option<u64>), AudioError> {
    let file = File::open(path).map_err(FileError::at("read", path))?;
    let stream = MediaSourceStream::new(Box::new(file), Default::default());
    let failed = |error: DecodeError| match error {
        DecodeError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => {
            AudioError::Truncated { path: path.to_owned(), expected: None, got: 0 }
        }
        DecodeError::IoError(e) => AudioError::File(FileError::at("read", path)(e)),
        other => AudioError::Corrupt { path: path.to_owned(), reason: other.to_string() },
    };
    let mut format = symphonia::default::get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(failed)?;
    let not_audio = || AudioError::NotAudio { path: path.to_owned() };
    let track = format.default_track(TrackType::Audio).ok_or_else(not_audio)?;
    let (track_id, expected) = (track.id, track.num_frames);
    let params = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or_else(not_audio)?;
    let mut audio = Audio { sample_rate: params.sample_rate.unwrap_or(0), channels: Vec::new() };
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(params, &AudioDecoderOptions::default())
        .map_err(failed)?;
    let mut planes: Vec<Vec<f32>> = Vec::new();
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // The end in the middle of a packet: the caller compares the length with the header's.
            Err(DecodeError::IoError(e)) if e.kind() == ErrorKind::UnexpectedEof && expected.is_some() => {
                break;
            }
            Err(error) => return Err(failed(error)),
        };
        if packet.track_id != track_id {
            continue;
        }
        let buffer = decoder.decode(&packet).map_err(failed)?;
        audio.sample_rate = buffer.spec().rate();
        buffer.copy_to_vecs_planar(&mut planes);
        audio.channels.resize(planes.len().max(audio.channels.len()), Vec::new());
        for (channel, plane) in audio.channels.iter_mut().zip(&planes) {
            channel.extend_from_slice(plane);
        }
    }
    Ok((audio, expected))
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
