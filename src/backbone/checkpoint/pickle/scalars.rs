//! The opcodes that push a plain value.

use super::super::CheckpointError;
use super::super::stream::Stream;
use super::Node;

/// The value of an opcode that pushes nothing, a truth value or a number.
pub(super) fn number(op: u8, s: &mut Stream<'_>) -> Result<Node, CheckpointError> {
    Ok(match op {
        b'N' => Node::None,
        0x88 => Node::Bool(true),
        0x89 => Node::Bool(false),
        b'J' => Node::Int(i64::from(s.u32()? as i32)),
        b'K' => Node::Int(i64::from(s.u8()?)),
        b'M' => Node::Int(i64::from(s.u16()?)),
        b'G' => Node::Float(f64::from_bits(s.u64()?.swap_bytes())),
        0x8a => {
            let length = usize::from(s.u8()?);
            long(s.take(length)?)
        }
        0x8b => {
            let length = s.length32()?;
            long(s.take(length)?)
        }
        b'I' | b'L' => match s.line()?.trim_end_matches('L') {
            "00" => Node::Bool(false),
            "01" => Node::Bool(true),
            digits => Node::Int(digits.parse().map_err(|_| s.malformed("integer is no number"))?),
        },
        _ => Node::Float(s.line()?.parse().map_err(|_| s.malformed("float is no number"))?),
    })
}

/// A little-endian integer in two's complement.
fn long(bytes: &[u8]) -> Node {
    if bytes.len() > 8 {
        return Node::BigInt(bytes.to_vec());
    }
    let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
    let mut wide = [fill; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Node::Int(i64::from_le_bytes(wide))
}

/// The value of an opcode that pushes text or bytes.
pub(super) fn string(op: u8, s: &mut Stream<'_>) -> Result<Node, CheckpointError> {
    let length = match op {
        b'S' => return Ok(Node::Text(s.line()?.trim_matches(['\'', '"']).to_owned())),
        b'V' => return Ok(Node::Text(s.line()?)),
        b'U' | 0x8c | b'C' => usize::from(s.u8()?),
        b'T' | b'X' | b'B' => s.length32()?,
        _ => s.length64()?,
    };
    let bytes = s.take(length)?;
    Ok(match op {
        b'B' | b'C' | 0x8e | 0x96 => Node::Bytes(bytes.to_vec()),
        _ => Node::Text(String::from_utf8_lossy(bytes).into_owned()),
    })
}
