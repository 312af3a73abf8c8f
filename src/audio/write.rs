//! Writing of wav files.

use std::path::{Path, PathBuf};

use crate::fs::{FileError, write_atomic_path};

/// Why a wav file was not written.
#[derive(Debug, thiserror::Error)]
pub enum AudioWriteError {
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// A sample lies outside full scale; scale the signal first.
    #[error("cannot write {}: channel {channel}, sample {sample}: {got} is outside [-1, 1]", path.display())]
    Clips {
        /// The file.
        path: PathBuf,
        /// Channel, from 0.
        channel: usize,
        /// Sample, from 0.
        sample: usize,
        /// The value.
        got: f32,
    },
    /// The channels differ in length, or there are none or more than 65535 of them.
    #[error("cannot write {}: expected at least one channel, all of one length, got lengths {got:?}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// Samples by channel.
        got: Vec<usize>,
    },
    /// The wav encoder refused.
    #[error("cannot write {}: {source}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: hound::Error,
    },
}

/// Writes a 16-bit PCM wav file, whole or not at all.
///
/// A sample `x` is stored as `round(32767 x)`; nothing is clipped or dithered.
///
/// # Errors
/// A sample outside [-1, 1] or not finite, channels of unequal length, or a file system that refuses.
pub fn write_wav<C: AsRef<[f32]>>(
    path: &Path,
    sample_rate: u32,
    channels: &[C],
) -> Result<(), AudioWriteError> {
    let lengths: Vec<usize> = channels.iter().map(|channel| channel.as_ref().len()).collect();
    let count = u16::try_from(lengths.len()).unwrap_or(0);
    if count == 0 || lengths.iter().any(|length| *length != lengths[0]) {
        return Err(AudioWriteError::Shape { path: path.to_owned(), got: lengths });
    }
    for (channel, samples) in channels.iter().enumerate() {
        let outside = |x: &f32| !(-1.0..=1.0).contains(x);
        if let Some(sample) = samples.as_ref().iter().position(outside) {
            let got = samples.as_ref()[sample];
            return Err(AudioWriteError::Clips { path: path.to_owned(), channel, sample, got });
        }
    }
    let spec = hound::WavSpec {
        channels: count,
        sample_rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let encode = |temporary: &Path| {
        let mut writer = hound::WavWriter::create(temporary, spec)?;
        for i in 0..lengths[0] {
            for samples in channels {
                writer.write_sample((samples.as_ref()[i] * 32_767.0).round() as i16)?;
            }
        }
        writer.finalize()
    };
    write_atomic_path(path, |temporary| {
        encode(temporary).map_err(|source| match source {
            hound::Error::IoError(source) => AudioWriteError::File(FileError::at("write", path)(source)),
            source => AudioWriteError::Encode { path: path.to_owned(), source },
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/a.wav");
        let channels = [vec![0.0, 0.5, -1.0], vec![1.0, -0.25, 0.125]];
        write_wav(&path, 16_000, &channels).unwrap();
        let audio = crate::audio::read(&path).unwrap();
        assert_eq!(audio.sample_rate, 16_000);
        for (read, written) in audio.channels.iter().flatten().zip(channels.iter().flatten()) {
            assert!((read - written).abs() < 1.0 / 16_000.0);
        }
    }

    #[test]
    fn overload_is_refused_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        for bad in [1.01, f32::NAN] {
            let refused = write_wav(&path, 24_000, &[vec![0.0, bad]]);
            assert!(matches!(refused, Err(AudioWriteError::Clips { channel: 0, sample: 1, .. })));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
