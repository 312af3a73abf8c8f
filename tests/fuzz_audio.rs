//! Readers of recordings on bytes that no program should have written: whatever they are, an answer and no panic.
//!
//! `AT2SELD_FUZZ_CASES` sets the number of cases for each test. Every case writes a file: with `TMPDIR` in memory
//! (`/dev/shm`) a million take a minute.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::io::Cursor;
use std::path::Path;

use at2seld::audio::{AudioFormat, StreamError, WavHeader};
use flacenc::component::BitRepr;
use flacenc::error::Verify;
use proptest::prelude::*;
use proptest::sample::{Index, select};

fn cases(usual: u32) -> ProptestConfig {
    let cases = std::env::var("AT2SELD_FUZZ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(usual);
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

/// A small file of each kind that is read.
fn wav(channels: u16, bits: u16, extensible: bool, samples: u32) -> Vec<u8> {
    let bytes = u32::from(bits / 8);
    let tag: u16 = if bits == 32 && !extensible { 3 } else { 1 };
    let block = channels * bits / 8;
    let mut format = Vec::new();
    format.extend(if extensible { 0xFFFE_u16 } else { tag }.to_le_bytes());
    format.extend(channels.to_le_bytes());
    format.extend(24_000_u32.to_le_bytes());
    format.extend((24_000 * u32::from(block)).to_le_bytes());
    format.extend(block.to_le_bytes());
    format.extend(bits.to_le_bytes());
    if extensible {
        format.extend([22, 0]);
        format.extend(bits.to_le_bytes());
        format.extend([0; 4]);
        format.extend(tag.to_le_bytes());
        format.extend([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]);
    }
    let size = samples * u32::from(channels) * bytes;
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((size + 100).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend((format.len() as u32).to_le_bytes());
    file.extend(format);
    file.extend(b"data");
    file.extend(size.to_le_bytes());
    file.extend((0..size).map(|n| (n * 7) as u8));
    file
}

fn flac() -> Vec<u8> {
    let samples: Vec<i32> = (0..4 * 700).map(|n| (n * 37) % 2_001 - 1_000).collect();
    let config = flacenc::config::Encoder::default().into_verified().unwrap();
    let source = flacenc::source::MemSource::from_samples(&samples, 4, 16, 24_000);
    let stream = flacenc::encode_with_fixed_block_size(&config, source, 175).unwrap();
    let mut sink = flacenc::bitsink::ByteSink::new();
    stream.write(&mut sink).unwrap();
    sink.as_slice().to_vec()
}

/// A change of a file.
#[derive(Debug, Clone)]
enum Damage {
    Byte(Index, u8),
    Word(Index, u32),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Repeat(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let sizes = select(vec![0, 1, 2, 3, 4, 8, 16, 0xFFFE, 0x7FFF_F000, 0x7FFF_FFFF, 0x8000_0000, u32::MAX]);
    let names = select(vec![*b"fmt ", *b"data", *b"ds64", *b"LIST", *b"RF64", *b"RIFF", *b"WAVE", *b"fLaC"]);
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        4 => (any::<Index>(), sizes).prop_map(|(at, size)| Damage::Word(at, size)),
        2 => (any::<Index>(), names).prop_map(|(at, name)| Damage::Word(at, u32::from_le_bytes(name))),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => (any::<Index>(), prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Repeat(from, to)),
    ]
}

fn apply(file: &mut Vec<u8>, damage: &Damage, head: usize) {
    if file.is_empty() {
        return;
    }
    // Most of what matters stands at the beginning.
    let within = |at: &Index, file: &[u8]| at.index(file.len().min(head));
    match damage {
        Damage::Byte(at, byte) => {
            let at = within(at, file);
            file[at] = *byte;
        }
        Damage::Word(at, word) => {
            let at = within(at, file) / 2 * 2;
            let end = (at + 4).min(file.len());
            let bytes = word.to_le_bytes();
            file[at..end].copy_from_slice(&bytes[..end - at]);
        }
        Damage::Cut(at) => file.truncate(at.index(file.len())),
        Damage::Insert(at, bytes) => {
            let at = within(at, file);
            file.splice(at..at, bytes.iter().copied());
        }
        Damage::Repeat(from, to) => {
            let (from, to) = (within(from, file), within(to, file));
            let part = file[from.min(to)..from.max(to)].to_vec();
            file.splice(to..to, part);
        }
    }
}

/// Reads a file as a dataset does: the header, then pieces at several places.
fn read(path: &Path, bytes: &[u8]) -> Result<(), TestCaseError> {
    std::fs::write(path, bytes).unwrap();
    let format = match AudioFormat::of(path) {
        Ok(format) => format,
        Err(error) => {
            prop_assert!(error.to_string().len() < 1_000);
            return Ok(());
        }
    };
    prop_assert!(format.channels > 0 && format.sample_rate > 0 && format.samples > 0);
    let channels = usize::from(format.channels).min(4_096);
    let length = 50;
    for start in [0, format.samples / 2, format.samples.saturating_sub(7), format.samples, u64::MAX - 100] {
        let mut out = vec![9.0; usize::from(format.channels) * length];
        match format.read(path, start, &mut out) {
            Ok(()) => {
                prop_assert!(out.iter().all(|x| x.is_finite()));
                let there =
                    usize::try_from(format.samples.saturating_sub(start)).unwrap_or(length).min(length);
                for plane in out.chunks_exact(length).take(channels) {
                    prop_assert!(plane[there..].iter().all(|x| *x == 0.0));
                }
            }
            Err(StreamError::Content { .. } | StreamError::File(_)) => {}
        }
    }
    Ok(())
}

fn place(name: &str) -> tempfile::TempDir {
    tempfile::Builder::new().prefix(name).tempdir().unwrap()
}

#[test]
fn wav_headers_of_any_bytes() {
    proptest!(cases(20_000), |(bytes in prop::collection::vec(any::<u8>(), 0..120), real in any::<bool>())| {
        // Bytes that are none at all rarely get past the first check.
        let bytes = if real { [b"RIFF\x00\x00\x00\x00WAVE".as_slice(), &bytes].concat() } else { bytes };
        let length = bytes.len() as u64;
        if let Ok(header) = WavHeader::read(&mut Cursor::new(&bytes), length) {
            let frame = u64::from(header.channels) * header.encoding.bytes() as u64;
            prop_assert!(header.data_start + header.samples * frame <= length);
        }
    });
}

#[test]
fn damaged_wav_files() {
    let folder = place("fuzz-wav");
    let path = folder.path().join("a.wav");
    let kind = (1u16..6, select(vec![16u16, 24, 32]), any::<bool>(), 1u32..60);
    proptest!(cases(2_000), |((channels, bits, extensible, samples) in kind,
                              damages in prop::collection::vec(damage(), 0..5))| {
        let mut file = wav(channels, bits, extensible, samples);
        damages.iter().for_each(|damage| apply(&mut file, damage, 90));
        read(&path, &file)?;
        if damages.is_empty() {
            let format = AudioFormat::of(&path).unwrap();
            prop_assert_eq!((format.channels, format.samples), (channels, u64::from(samples)));
        }
    });
}

#[test]
fn damaged_flac_files() {
    let folder = place("fuzz-flac");
    let path = folder.path().join("a.flac");
    let whole = flac();
    proptest!(cases(500), |(damages in prop::collection::vec(damage(), 0..5), head in select(vec![60, 400, 100_000]))| {
        let mut file = whole.clone();
        damages.iter().for_each(|damage| apply(&mut file, damage, head));
        read(&path, &file)?;
        if damages.is_empty() {
            prop_assert_eq!(AudioFormat::of(&path).unwrap().samples, 700);
        }
    });
}
