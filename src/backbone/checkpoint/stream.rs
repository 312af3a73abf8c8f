//! Bytes read from front to back, with errors that say where.

use super::CheckpointError;

/// A position in bytes at hand.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Stream<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// All bytes, read or not.
    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], CheckpointError> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(CheckpointError::Truncated { byte: self.bytes.len() })?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CheckpointError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, CheckpointError> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, CheckpointError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, CheckpointError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, CheckpointError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A 32-bit length.
    pub(super) fn length32(&mut self) -> Result<usize, CheckpointError> {
        let length = self.u32()?;
        usize::try_from(length).map_err(|_| self.malformed("length does not fit into memory"))
    }

    /// A 64-bit length.
    pub(super) fn length64(&mut self) -> Result<usize, CheckpointError> {
        let length = self.u64()?;
        usize::try_from(length).map_err(|_| self.malformed("length does not fit into memory"))
    }

    /// Text up to the next newline, which is skipped.
    pub(super) fn line(&mut self) -> Result<String, CheckpointError> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|b| *b == b'\n');
        let line = self.take(length.ok_or(CheckpointError::Truncated { byte: self.bytes.len() })?)?;
        self.take(1)?;
        Ok(String::from_utf8_lossy(line).trim_end_matches('\r').to_owned())
    }

    pub(super) fn malformed(&self, what: impl Into<String>) -> CheckpointError {
        self.malformed_at(self.at, what)
    }

    pub(super) fn malformed_at(&self, byte: usize, what: impl Into<String>) -> CheckpointError {
        CheckpointError::Malformed { byte, what: what.into() }
    }
}
