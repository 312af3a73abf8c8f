//! The zip archives that torch writes: entries stored one after the other, listed at the end.
//!
//! Read here and not with a zip crate, because those refuse some of torch's files ("Invalid Central Directory
//! header"), and because checksums must not be trusted: torch can be told to leave them out.

use super::CheckpointError;
use super::stream::Stream;

const END: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: usize = 22;
const END64_LOCATOR: [u8; 4] = *b"PK\x06\x07";
const END64_LOCATOR_BYTES: usize = 20;
const END64: [u8; 4] = *b"PK\x06\x06";
const LISTED: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";
/// The field that holds 64-bit sizes in an entry's extra data.
const EXTRA64: u16 = 1;
/// The comment after the end record is at most this long.
const LONGEST_COMMENT: usize = 65535;

/// Names and contents of all entries, in the order of the list at the archive's end.
pub(super) fn entries(bytes: &[u8]) -> Result<Vec<(String, &[u8])>, CheckpointError> {
    let (count, start) = directory(bytes)?;
    let mut list = from(bytes, start)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let entry = Entry::read(&mut list)?;
        if entry.method != 0 {
            let what = format!("zip entry {} is compressed, which torch never does", entry.name);
            return Err(CheckpointError::Container(what));
        }
        let mut local = from(bytes, entry.offset)?;
        expect(&mut local, LOCAL)?;
        local.take(22)?;
        let (name, extra) = (usize::from(local.u16()?), usize::from(local.u16()?));
        local.take(name + extra)?;
        let content = local.take(size(entry.size)?)?;
        entries.push((entry.name, content));
    }
    Ok(entries)
}

/// One row of the list.
struct Entry {
    name: String,
    method: u16,
    size: u64,
    offset: u64,
}

impl Entry {
    fn read(list: &mut Stream<'_>) -> Result<Self, CheckpointError> {
        expect(list, LISTED)?;
        list.take(6)?;
        let method = list.u16()?;
        list.take(8)?;
        let (stored, full) = (list.u32()?, list.u32()?);
        let lengths = (usize::from(list.u16()?), usize::from(list.u16()?), usize::from(list.u16()?));
        list.take(8)?;
        let offset = list.u32()?;
        let name = String::from_utf8_lossy(list.take(lengths.0)?).into_owned();
        let extra = list.take(lengths.1)?;
        list.take(lengths.2)?;
        let mut entry = Self { name, method, size: u64::from(full), offset: u64::from(offset) };
        entry.read_extra(extra, stored == u32::MAX)?;
        Ok(entry)
    }

    /// Replaces sizes that do not fit into 32 bits; only those stand in the field, in this order.
    fn read_extra(&mut self, extra: &[u8], has_stored: bool) -> Result<(), CheckpointError> {
        let mut fields = Stream::new(extra);
        while extra.len() - fields.position() >= 4 {
            let (tag, length) = (fields.u16()?, usize::from(fields.u16()?));
            let mut field = Stream::new(fields.take(length)?);
            if tag != EXTRA64 {
                continue;
            }
            if self.size == u64::from(u32::MAX) {
                self.size = field.u64()?;
            }
            if has_stored {
                field.u64()?;
            }
            if self.offset == u64::from(u32::MAX) {
                self.offset = field.u64()?;
            }
        }
        Ok(())
    }
}

/// Number of entries and where their list starts.
fn directory(bytes: &[u8]) -> Result<(u64, u64), CheckpointError> {
    let truncated = CheckpointError::Truncated { byte: bytes.len() };
    let Some(last) = bytes.len().checked_sub(END_BYTES) else { return Err(truncated) };
    let first = last.saturating_sub(LONGEST_COMMENT);
    let Some(end) = (first..=last).rev().find(|at| bytes[*at..].starts_with(&END)) else {
        return Err(truncated);
    };
    let mut record = Stream::new(&bytes[end + 10..]);
    let count = u64::from(record.u16()?);
    record.take(4)?;
    let start = u64::from(record.u32()?);
    // torch writes the 64-bit records always; they count where they are.
    let locator = end.checked_sub(END64_LOCATOR_BYTES).filter(|at| bytes[*at..].starts_with(&END64_LOCATOR));
    let Some(locator) = locator else { return Ok((count, start)) };
    let at = Stream::new(&bytes[locator + 8..]).u64()?;
    let mut record = from(bytes, at)?;
    expect(&mut record, END64)?;
    record.take(28)?;
    let count = record.u64()?;
    record.take(8)?;
    Ok((count, record.u64()?))
}

fn from(bytes: &[u8], at: u64) -> Result<Stream<'_>, CheckpointError> {
    let rest = size(at)?;
    bytes.get(rest..).map(Stream::new).ok_or(CheckpointError::Truncated { byte: bytes.len() })
}

fn size(number: u64) -> Result<usize, CheckpointError> {
    usize::try_from(number)
        .map_err(|_| CheckpointError::Container("zip archive is larger than memory".to_owned()))
}

fn expect(stream: &mut Stream<'_>, signature: [u8; 4]) -> Result<(), CheckpointError> {
    match stream.take(4)? == signature {
        true => Ok(()),
        false => Err(CheckpointError::Container(
            "broken zip archive: the file is damaged, fetch it again".to_owned(),
        )),
    }
}
