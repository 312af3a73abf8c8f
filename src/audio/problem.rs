//! What can be wrong with a sound file that is read in pieces.

/// Why its samples cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AudioProblem {
    /// Not what its name says, or a damaged file.
    #[error("not a readable {kind} file: {why}")]
    Damaged {
        /// "wav" or "flac".
        kind: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The file ends early.
    #[error(
        "truncated: the header announces {announced} bytes of samples, {present} are there; copy the file again"
    )]
    Truncated {
        /// Bytes of samples by the header.
        announced: u64,
        /// Bytes that are there.
        present: u64,
    },
    /// The file ends early, in a format where bytes say nothing.
    #[error(
        "truncated: the header announces {announced} samples, {present} could be read; copy the file again"
    )]
    Short {
        /// Samples a channel by the header.
        announced: u64,
        /// Samples a channel that could be read.
        present: u64,
    },
    /// No samples.
    #[error("there are no samples in it")]
    Empty,
    /// A sample that is NaN or infinite.
    #[error("sample {sample} of channel {channel} is {value}; all must be finite")]
    NotFinite {
        /// Position in the recording, from 0.
        sample: u64,
        /// Channel, from 0.
        channel: usize,
        /// What stands there.
        value: f32,
    },
    /// A sample format that is not read.
    #[error("{bits} bit {kind} samples are not read; 16, 24 and 32 bit integers and 32 bit floats are")]
    Format {
        /// Bits of a sample.
        bits: u16,
        /// "integer" or "float".
        kind: &'static str,
    },
    /// Samples with empty bytes between them.
    #[error(
        "{bits} bit samples padded to {block_bytes} bytes for {channels} channels are not read; store them packed"
    )]
    Padded {
        /// Bits of a sample.
        bits: u16,
        /// Bytes of all channels of one sample.
        block_bytes: u16,
        /// Channels.
        channels: u16,
    },
    /// A compressed wav file, or an older way to store samples.
    #[error("sample format number {tag} is not read; PCM (1) and float (3) are")]
    Compressed {
        /// The number in the header.
        tag: u16,
    },
}
