//! On which line of a JSON text a place is; and keys that an object has twice, which serde_json accepts.

use std::collections::BTreeMap;

use super::problem::Place;

/// Lines of all keys and list elements of a text.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: BTreeMap<Place, usize>,
    /// Keys seen for the second time in one object.
    pub(super) duplicates: Vec<(Place, usize)>,
}

impl Lines {
    /// Scans a text that is known to be valid JSON.
    pub(super) fn of(text: &str) -> Self {
        let mut scanner = Scanner { bytes: text.as_bytes(), at: 0, line: 1, found: Self::default() };
        scanner.value(&Place::default());
        scanner.found
    }

    /// The line of `place`, or of the nearest place around it.
    pub(super) fn line(&self, place: &Place) -> usize {
        let around = std::iter::successors(Some(place.clone()), Place::parent);
        around.into_iter().find_map(|place| self.lines.get(&place).copied()).unwrap_or(1)
    }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    found: Lines,
}

impl Scanner<'_> {
    fn value(&mut self, place: &Place) {
        match self.peek() {
            Some(b'{') => self.object(place),
            Some(b'[') => self.list(place),
            Some(b'"') => drop(self.string()),
            _ => {
                while self.bytes.get(self.at).is_some_and(|b| !b",]} \t\r\n".contains(b)) {
                    self.at += 1;
                }
            }
        }
    }

    fn object(&mut self, place: &Place) {
        self.at += 1;
        while self.peek() == Some(b'"') {
            let line = self.line;
            let inner = place.key(&self.string());
            if self.found.lines.insert(inner.clone(), line).is_some() {
                self.found.duplicates.push((inner.clone(), line));
            }
            self.skip(b':');
            self.value(&inner);
            self.skip(b',');
        }
        self.skip(b'}');
    }

    fn list(&mut self, place: &Place) {
        self.at += 1;
        for index in 0.. {
            match self.peek() {
                None | Some(b']') => break,
                Some(_) => {}
            }
            let inner = place.index(index);
            self.found.lines.insert(inner.clone(), self.line);
            self.value(&inner);
            self.skip(b',');
        }
        self.skip(b']');
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.at).copied() {
            match byte {
                b'\n' => self.line += 1,
                b' ' | b'\t' | b'\r' => {}
                other => return Some(other),
            }
            self.at += 1;
        }
        None
    }

    fn skip(&mut self, byte: u8) {
        if self.peek() == Some(byte) {
            self.at += 1;
        }
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                break;
            }
        }
        let quoted = self.bytes.get(start..self.at).unwrap_or_default();
        serde_json::from_slice(quoted).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_lines_of_keys_elements_and_duplicates() {
        let text = "{\n \"a\\\"]\": [1,\n  {\"b\": \"}\",\n \"b\": null}],\n \"c\": -1e5\n}";
        let lines = Lines::of(text);
        let root = Place::default();
        let element = root.key("a\"]").index(1);
        assert_eq!(lines.line(&element), 3);
        assert_eq!(lines.line(&root.key("c")), 5);
        assert_eq!(lines.line(&root.key("c").key("missing")), 5);
        assert_eq!(lines.duplicates, [(element.key("b"), 4)]);
    }
}
