//! Pieces of flac files, decoded by symphonia.
//!
//! A piece costs its own length, and the search for its first frame: flac frames have no fixed size, so that search
//! halves the file until it is found. Wav files are read several times faster.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoderOptions};
use symphonia::core::errors::Error as DecodeError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::core::units::Timestamp;

use super::problem::AudioProblem;
use super::stream::{AudioFormat, Storage, StreamError};
use crate::fs::FileError;

/// Reads the header.
pub(super) fn format(path: &Path) -> Result<AudioFormat, StreamError> {
    let opened = Opened::open(path)?;
    let parameters = &opened.parameters;
    let channels = parameters.channels.as_ref().map_or(0, |channels| channels.count());
    let (sample_rate, bits) = (parameters.sample_rate.unwrap_or(0), parameters.bits_per_sample.unwrap_or(0));
    let fail = StreamError::at(path);
    if channels == 0 || sample_rate == 0 {
        return Err(fail(damaged(&format!("it has {channels} channels at {sample_rate} Hz"))));
    }
    match opened.samples {
        None => Err(fail(damaged("its header does not say how long it is; encode it to a file, not a pipe"))),
        Some(0) => Err(fail(AudioProblem::Empty)),
        Some(samples) => {
            let channels = u16::try_from(channels).unwrap_or(u16::MAX);
            Ok(AudioFormat { channels, sample_rate, samples, storage: Storage::Flac { bits } })
        }
    }
}

/// Fills `planes`, one a channel and all of one length, from sample `start` on.
pub(super) fn read(
    path: &Path,
    format: &AudioFormat,
    start: u64,
    planes: &mut [&mut [f32]],
) -> Result<(), StreamError> {
    let mut opened = Opened::open(path)?;
    let failed = failed(path);
    let ts = Timestamp::new(i64::try_from(start).unwrap_or(i64::MAX));
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(&opened.parameters, &AudioDecoderOptions::default())
        .map_err(&failed)?;
    if start > 0 {
        let to = SeekTo::Timestamp { ts, track_id: opened.track };
        opened.reader.seek(SeekMode::Accurate, to).map_err(&failed)?;
    }
    let wanted = planes.first().map_or(0, |plane| plane.len());
    let mut block: Vec<Vec<f32>> = Vec::new();
    let mut done = 0;
    while done < wanted {
        let packet = match opened.reader.next_packet() {
            Ok(Some(packet)) => packet,
            Err(DecodeError::IoError(e)) if e.kind() == ErrorKind::UnexpectedEof => break,
            Ok(None) => break,
            Err(error) => return Err(failed(error)),
        };
        if packet.track_id != opened.track {
            continue;
        }
        let first = u64::try_from(packet.pts.get()).unwrap_or(0);
        let buffer = decoder.decode(&packet).map_err(&failed)?;
        buffer.copy_to_vecs_planar(&mut block);
        if block.len() != planes.len() {
            return Err(StreamError::at(path)(damaged("its number of channels changes")));
        }
        // The frame begins at or before what is wanted next.
        let skip = usize::try_from((start + done as u64).saturating_sub(first)).unwrap_or(usize::MAX);
        let length = block.first().map_or(0, Vec::len);
        let count = length.saturating_sub(skip).min(wanted - done);
        if count > 0 {
            for (plane, block) in planes.iter_mut().zip(&block) {
                plane[done..done + count].copy_from_slice(&block[skip..skip + count]);
            }
        }
        done += count;
    }
    if done < wanted {
        let problem = AudioProblem::Short { announced: format.samples, present: start + done as u64 };
        return Err(StreamError::at(path)(problem));
    }
    Ok(())
}

/// A file whose header has been read.
struct Opened {
    reader: Box<dyn FormatReader>,
    track: u32,
    samples: Option<u64>,
    parameters: AudioCodecParameters,
}

impl Opened {
    fn open(path: &Path) -> Result<Self, StreamError> {
        let file = File::open(path).map_err(FileError::at("read", path))?;
        let stream = MediaSourceStream::new(Box::new(file), Default::default());
        let mut hint = Hint::new();
        hint.with_extension("flac");
        let reader = symphonia::default::get_probe()
            .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(failed(path))?;
        let no_audio = || StreamError::at(path)(damaged("there is no audio in it"));
        let track = reader.default_track(TrackType::Audio).ok_or_else(no_audio)?;
        let parameters = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or_else(no_audio)?.clone();
        let (track, samples) = (track.id, track.num_frames);
        Ok(Self { reader, track, samples, parameters })
    }
}

fn damaged(why: &str) -> AudioProblem {
    AudioProblem::Damaged { kind: "flac", why: why.to_owned() }
}

fn failed(path: &Path) -> impl Fn(DecodeError) -> StreamError + '_ {
    move |error| match error {
        DecodeError::IoError(e) if e.kind() != ErrorKind::UnexpectedEof => {
            FileError::at("read", path)(e).into()
        }
        DecodeError::IoError(_) => StreamError::at(path)(damaged("it ends early")),
        other => StreamError::at(path)(damaged(&other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use flacenc::component::BitRepr;
    use flacenc::error::Verify;

    use super::*;

    /// Divides the lengths below: the encoder enters a shorter last block as the least block size, which makes
    /// readers expect blocks of various sizes.
    const BLOCK: usize = 1000;

    fn encode(path: &Path, bits: usize, samples: &[i32]) {
        let config = flacenc::config::Encoder::default().into_verified().unwrap();
        let source = flacenc::source::MemSource::from_samples(samples, 4, bits, 24_000);
        let stream = flacenc::encode_with_fixed_block_size(&config, source, BLOCK).unwrap();
        let mut sink = flacenc::bitsink::ByteSink::new();
        stream.write(&mut sink).unwrap();
        std::fs::write(path, sink.as_slice()).unwrap();
    }

    #[test]
    fn pieces_are_the_samples_that_were_encoded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.flac");
        let count = 10_000;
        for bits in [16, 24] {
            let scale = 1 << (bits - 2);
            let samples: Vec<i32> =
                (0..4 * count).map(|n| ((n as f64 * 0.01).sin() * f64::from(scale)) as i32).collect();
            encode(&path, bits, &samples);
            let format = AudioFormat::of(&path).unwrap();
            assert_eq!((format.samples, format.channels, format.sample_rate), (count as u64, 4, 24_000));
            for (start, length) in [(0, count), (1, 1), (999, 2), (5_000, 4_000), (9_990, 50)] {
                let mut out = vec![9.0; 4 * length];
                format.read(&path, start as u64, &mut out).unwrap();
                for (channel, plane) in out.chunks_exact(length).enumerate() {
                    for (n, value) in plane.iter().enumerate() {
                        let stored = samples.get(4 * (start + n) + channel).copied().unwrap_or(0);
                        assert_eq!(*value, stored as f32 / (1 << (bits - 1)) as f32, "{bits}: {start} + {n}");
                    }
                }
            }
        }
    }

    #[test]
    fn damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.flac");
        std::fs::write(&path, b"no sound").unwrap();
        assert!(AudioFormat::of(&path).unwrap_err().to_string().contains("not a readable flac file"));
        encode(&path, 16, &[5; 40_000]);
        let bytes = std::fs::read(&path).unwrap();
        let format = AudioFormat::of(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
        let error = format.read(&path, 0, &mut vec![0.0; 40_000]).unwrap_err().to_string();
        assert!(error.contains("truncated: the header announces 10000 samples"), "{error}");
    }
}
