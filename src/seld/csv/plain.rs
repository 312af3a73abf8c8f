//! Rows of plain numbers, which label files nearly always are, several times faster than by a general CSV reader.
//!
//! Whatever is not plain is not read here at all: quotes, spaces, signs and exponents, line ends of other systems,
//! and every row with a problem. Then the general reader takes the whole file, and what it says counts.

use super::{COLUMNS, DistanceUnit, Limits, is_header, names_onsets};
use crate::seld::doa::Direction;
use crate::seld::event::FrameEvent;

/// Most digits of a number that is read here: a whole number below 10^15 is exact in f64, and so is the power of
/// ten that it is divided by, so that the quotient is the nearest f64, as in `str::parse`.
const MOST_DIGITS: usize = 15;
/// Powers of ten by the number of digits after the point.
const POWERS: [f64; MOST_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
/// Most digits of an index: fewer than u32 has.
const MOST_INDEX_DIGITS: usize = 9;
/// A row is hardly shorter than this.
const SHORT_ROW_BYTES: usize = 12;

/// The rows of a file that consists of plain ones, with or without a header line; `None` for any other file.
pub(super) fn parse(text: &[u8], classes: Option<usize>, unit: DistanceUnit) -> Option<Vec<FrameEvent>> {
    let classes = classes.unwrap_or(usize::MAX);
    let mut cursor = Cursor { rest: text };
    cursor.skip_empty_lines();
    cursor.skip_header()?;
    cursor.skip_empty_lines();
    let mut events = Vec::with_capacity(cursor.rest.len() / SHORT_ROW_BYTES + 1);
    while !cursor.rest.is_empty() {
        events.push(cursor.row(classes, unit)?);
        cursor.skip_empty_lines();
    }
    Some(events)
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn row(&mut self, classes: usize, unit: DistanceUnit) -> Option<FrameEvent> {
        let frame = self.index()?;
        self.byte(b',')?;
        let class = self.index()?;
        self.byte(b',')?;
        let source = self.index()?;
        self.byte(b',')?;
        let azimuth_deg = self.number(&Limits::AZIMUTH)?;
        self.byte(b',')?;
        let elevation_deg = self.number(&Limits::ELEVATION)?;
        let distance_m = match self.byte(b',') {
            Some(()) => Some(unit.metres(self.number(&Limits::DISTANCE)?)),
            None => None,
        };
        self.line_end()?;
        let direction = Direction { azimuth_deg, elevation_deg };
        ((class as usize) < classes).then_some(FrameEvent { frame, class, source, direction, distance_m })
    }

    /// Digits at the front, appended to those of `value`, and how many there are, at most `most`.
    #[inline]
    fn digits(&mut self, mut value: u64, most: usize) -> Option<(u64, usize)> {
        let mut rest = self.rest;
        while let [digit @ b'0'..=b'9', tail @ ..] = rest {
            // Wraps only with more digits than are taken.
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            rest = tail;
        }
        let count = self.rest.len() - rest.len();
        self.rest = rest;
        (count <= most).then_some((value, count))
    }

    fn index(&mut self) -> Option<u32> {
        let (value, count) = self.digits(0, MOST_INDEX_DIGITS)?;
        (count > 0).then_some(value as u32)
    }

    fn number(&mut self, limits: &Limits) -> Option<f64> {
        let negative = self.byte(b'-').is_some();
        let (mut value, mut count) = self.digits(0, MOST_DIGITS)?;
        let mut decimals = 0;
        if self.byte(b'.').is_some() {
            (value, decimals) = self.digits(value, MOST_DIGITS - count)?;
            count += decimals;
        }
        let size = value as f64 / POWERS[decimals];
        let number = if negative { -size } else { size };
        (count > 0 && limits.contain(number)).then_some(number)
    }

    fn byte(&mut self, expected: u8) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        (*first == expected).then(|| self.rest = rest)
    }

    fn line_end(&mut self) -> Option<()> {
        match self.rest {
            [] => {}
            [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] => self.rest = rest,
            _ => return None,
        }
        Some(())
    }

    fn skip_empty_lines(&mut self) {
        while let [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Passes over the first line when it is plain words.
    fn skip_header(&mut self) -> Option<()> {
        if self.rest.first().is_none_or(u8::is_ascii_digit) {
            return Some(());
        }
        let end = self.rest.iter().position(|&byte| byte == b'\n').unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at(end);
        let line = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).ok()?;
        let fields = line.split(',').map(str::trim);
        let plain = !line.contains(['"', '\r']) && fields.clone().count() <= COLUMNS.len();
        (plain && is_header(fields.clone()) && !names_onsets(fields)).then(|| self.rest = rest)
    }
}
