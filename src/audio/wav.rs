//! Headers of wav files: where the samples are and how they are stored.
//!
//! RIFF and RF64 (EBU Tech 3306, for files over 4 GiB), `WAVE_FORMAT_PCM`, `WAVE_FORMAT_IEEE_FLOAT` and
//! `WAVE_FORMAT_EXTENSIBLE` (Microsoft, "Multiple Channel Audio Data and WAVE Files"). The samples themselves are
//! not touched, so a header costs the same however long the recording is.
//!
//! hound, which writes our wav files, knows neither RF64 nor the sizes that programs leave in what they write to a
//! pipe, and trusts the announced size where a file was cut short.

use std::io::{Read, Seek, SeekFrom};

use super::pcm::Encoding;
use super::problem::AudioProblem;

const FORMAT_PCM: u16 = 1;
const FORMAT_FLOAT: u16 = 3;
const FORMAT_EXTENSIBLE: u16 = 0xFFFE;
/// What follows the format number in the GUID of an extensible header.
const GUID_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];
/// Sizes that programs leave behind when they write into a pipe and cannot go back to fill in the real one.
const STREAMED: [u32; 3] = [0x7FFF_F000, 0x7FFF_FFFF, 0xFFFF_FFFF];

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WavHeader {
    /// Interleaved channels.
    pub channels: u16,
    /// Samples a second, in Hz.
    pub sample_rate: u32,
    /// How a sample is stored.
    pub encoding: Encoding,
    /// Byte at which the first sample stands.
    pub data_start: u64,
    /// Samples a channel.
    pub samples: u64,
    /// Written into a pipe, with a made-up length: the samples go on to the end.
    pub is_streamed: bool,
}

impl WavHeader {
    /// Reads the header of a file of `file_bytes` bytes and checks it against that size.
    ///
    /// # Errors
    /// No wav file, a sample format that is not read, no samples, or fewer than the header announces.
    pub fn read(file: &mut (impl Read + Seek), file_bytes: u64) -> Result<Self, AudioProblem> {
        let head: [u8; 12] = take(file).ok_or_else(|| damaged("it ends within its first 12 bytes"))?;
        let large = head.starts_with(b"RF64");
        if !(large || head.starts_with(b"RIFF")) || !head.ends_with(b"WAVE") {
            return Err(damaged("it does not begin with RIFF and WAVE"));
        }
        let mut at = 12_u64;
        let mut format = None;
        let mut large_data = None;
        loop {
            let Some(chunk) = take::<8>(file) else {
                let missing = if format.is_none() { "format" } else { "samples" };
                return Err(damaged(&format!("it ends before its {missing}")));
            };
            let size = u32_at(&chunk, 4);
            at += 8;
            match &chunk[..4] {
                b"fmt " => format = Some(Format::read(file, size)?),
                b"ds64" => large_data = take::<16>(file).map(|sizes| u64_at(&sizes, 8)),
                b"data" => {
                    let format = format.ok_or_else(|| damaged("its samples stand before its format"))?;
                    let announced = match large_data {
                        Some(bytes) if large && size == u32::MAX => bytes,
                        _ => u64::from(size),
                    };
                    let streamed = announced <= u64::from(u32::MAX) && STREAMED.contains(&size);
                    return format.with_data(at, announced, file_bytes.saturating_sub(at), streamed);
                }
                _ => {}
            }
            // Chunks begin at even bytes.
            at = at.saturating_add(u64::from(size) + u64::from(size & 1));
            if at > file_bytes || file.seek(SeekFrom::Start(at)).is_err() {
                return Err(damaged("a part of its header reaches beyond its end"));
            }
        }
    }
}

/// The format chunk.
#[derive(Debug, Clone, Copy)]
struct Format {
    channels: u16,
    sample_rate: u32,
    encoding: Encoding,
}

impl Format {
    fn read(file: &mut impl Read, size: u32) -> Result<Self, AudioProblem> {
        let basic: [u8; 16] = take(file).ok_or_else(|| damaged("it ends within its format"))?;
        let mut tag = u16_at(&basic, 0);
        let (channels, sample_rate) = (u16_at(&basic, 2), u32_at(&basic, 4));
        let (block_bytes, bits) = (u16_at(&basic, 12), u16_at(&basic, 14));
        if tag == FORMAT_EXTENSIBLE {
            let more: Option<[u8; 24]> = if size >= 40 { take(file) } else { None };
            let more = more.ok_or_else(|| damaged("its extensible format is cut short"))?;
            if more[10..] != GUID_TAIL {
                return Err(damaged("its extensible format is neither PCM nor float"));
            }
            tag = u16_at(&more, 8);
        }
        // In an extensible format these are the bits of the container, which the sample fills from the top.
        let (encoding, kind) = match (tag, bits) {
            (FORMAT_PCM, 16) => (Some(Encoding::Int16), "integer"),
            (FORMAT_PCM, 24) => (Some(Encoding::Int24), "integer"),
            (FORMAT_PCM, 32) => (Some(Encoding::Int32), "integer"),
            (FORMAT_FLOAT, 32) => (Some(Encoding::Float32), "float"),
            (FORMAT_PCM, _) => (None, "integer"),
            (FORMAT_FLOAT, _) => (None, "float"),
            _ => return Err(AudioProblem::Compressed { tag }),
        };
        let encoding = encoding.ok_or(AudioProblem::Format { bits, kind })?;
        if channels == 0 || sample_rate == 0 {
            return Err(damaged(&format!("it has {channels} channels at {sample_rate} Hz")));
        }
        if usize::from(block_bytes) != usize::from(channels) * encoding.bytes() {
            return Err(AudioProblem::Padded { bits, block_bytes, channels });
        }
        Ok(Self { channels, sample_rate, encoding })
    }

    fn with_data(
        self,
        data_start: u64,
        announced: u64,
        present: u64,
        streamed: bool,
    ) -> Result<WavHeader, AudioProblem> {
        let Self { channels, sample_rate, encoding } = self;
        let bytes = match present < announced {
            true if streamed => present,
            true => return Err(AudioProblem::Truncated { announced, present }),
            false => announced,
        };
        let samples = bytes / (u64::from(channels) * encoding.bytes() as u64);
        if samples == 0 {
            return Err(AudioProblem::Empty);
        }
        Ok(WavHeader { channels, sample_rate, encoding, data_start, samples, is_streamed: streamed })
    }
}

fn damaged(why: &str) -> AudioProblem {
    AudioProblem::Damaged { kind: "wav", why: why.to_owned() }
}

/// The next `N` bytes; nothing when there are fewer.
fn take<const N: usize>(file: &mut impl Read) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes).ok().map(|()| bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn header(bytes: &[u8]) -> Result<WavHeader, AudioProblem> {
        WavHeader::read(&mut Cursor::new(bytes), bytes.len() as u64)
    }

    /// A file with these chunks.
    fn riff(magic: &[u8; 4], chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
        let mut bytes = [magic.as_slice(), &[0; 4], b"WAVE"].concat();
        for (name, content) in chunks {
            bytes.extend_from_slice(*name);
            bytes.extend_from_slice(&(content.len() as u32).to_le_bytes());
            bytes.extend_from_slice(content);
            bytes.extend(vec![0; content.len() & 1]);
        }
        bytes
    }

    fn format(tag: u16, bits: u16) -> Vec<u8> {
        let block = 4 * bits.div_ceil(8);
        let rate = 24_000_u32.to_le_bytes();
        let words = [tag.to_le_bytes(), 4_u16.to_le_bytes()].concat();
        [&words[..], &rate, &[0; 4], &block.to_le_bytes(), &bits.to_le_bytes()].concat()
    }

    fn extensible(tag: u16, bits: u16) -> Vec<u8> {
        let valid = [22_u16.to_le_bytes(), bits.to_le_bytes()].concat();
        [&format(FORMAT_EXTENSIBLE, bits)[..], &valid, &[0; 4], &tag.to_le_bytes(), &GUID_TAIL].concat()
    }

    #[test]
    fn formats_are_recognised() {
        for (format, encoding) in [
            (format(1, 16), Encoding::Int16),
            (format(1, 24), Encoding::Int24),
            (format(1, 32), Encoding::Int32),
            (format(3, 32), Encoding::Float32),
            (extensible(1, 24), Encoding::Int24),
            (extensible(3, 32), Encoding::Float32),
        ] {
            let found = header(&riff(b"RIFF", &[(b"fmt ", format), (b"data", vec![0; 160])])).unwrap();
            assert_eq!((found.encoding, found.channels, found.sample_rate), (encoding, 4, 24_000));
            assert_eq!(found.samples, 160 / 4 / encoding.bytes() as u64);
        }
    }

    #[test]
    fn other_chunks_are_passed_over() {
        let odd = (b"LIST", vec![7; 5]);
        let bytes =
            riff(b"RIFF", &[odd, (b"fmt ", format(1, 16)), (b"bext", vec![]), (b"data", vec![0; 16])]);
        let found = header(&bytes).unwrap();
        assert_eq!((found.samples, found.data_start), (2, bytes.len() as u64 - 16));
    }

    #[test]
    fn large_files_say_their_size_elsewhere() {
        let sizes = [0_u64.to_le_bytes(), 16_u64.to_le_bytes(), [0; 8]].concat();
        let mut bytes = riff(b"RF64", &[(b"ds64", sizes), (b"fmt ", format(1, 16)), (b"data", vec![0; 16])]);
        let at = bytes.len() - 20;
        bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(header(&bytes).unwrap().samples, 2);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let with = |format| riff(b"RIFF", &[(b"fmt ", format), (b"data", vec![0; 16])]);
        for (bytes, words) in [
            (b"RIFF".to_vec(), "it ends within its first 12 bytes"),
            (vec![b'x'; 20], "it does not begin with RIFF and WAVE"),
            (riff(b"RIFF", &[]), "it ends before its format"),
            (riff(b"RIFF", &[(b"data", vec![])]), "its samples stand before its format"),
            (with(format(1, 8)), "8 bit integer samples are not read"),
            (with(format(3, 64)), "64 bit float samples are not read"),
            (with(format(0x55, 16)), "sample format number 85 is not read"),
            (riff(b"RIFF", &[(b"fmt ", format(1, 16)), (b"data", vec![0; 7])]), "there are no samples in it"),
        ] {
            let error = header(&bytes).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let mut padded = format(1, 24);
        padded[12] = 16;
        assert!(header(&with(padded)).unwrap_err().to_string().contains("padded"));
        let whole = with(format(1, 16));
        let truncated = AudioProblem::Truncated { announced: 16, present: 13 };
        assert_eq!(header(&whole[..whole.len() - 3]), Err(truncated));
    }

    #[test]
    fn a_wav_from_a_pipe_goes_on_to_its_end() {
        let mut bytes = riff(b"RIFF", &[(b"fmt ", format(1, 16)), (b"data", vec![0; 16])]);
        let at = bytes.len() - 20;
        bytes[at..at + 4].copy_from_slice(&0x7FFF_F000_u32.to_le_bytes());
        assert_eq!(header(&bytes).unwrap().samples, 2);
    }
}
