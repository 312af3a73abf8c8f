//! Names of a tagger's classes, in a file beside its weights.
//!
//! Checkpoints do not hold them. `cnn14_classes.txt` beside `cnn14.pth` has one a line, in the order of the outputs;
//! `cnn14_classes.csv` has the columns `index` and `display_name` among others, as AudioSet's
//! `class_labels_indices.csv` and YAMNet's `yamnet_class_map.csv` do. The text file comes before the table.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Error;
use crate::fs::FileError;

#[derive(Debug, Deserialize)]
struct Row {
    index: usize,
    display_name: String,
}

/// The names of `count` classes from the file beside `weights`; without a file, the numbers of the classes.
///
/// # Errors
/// The file cannot be read, is no list of names, or has another number of them.
pub fn beside(weights: &Path, count: usize) -> Result<Vec<String>, Error> {
    let [list, table] = [path_beside(weights, "txt"), path_beside(weights, "csv")];
    if let Some(bytes) = read(&list)? {
        let text = String::from_utf8(bytes).map_err(|_| malformed(&list, "is no UTF-8 text".to_owned()))?;
        return counted(&list, text.lines().map(str::to_owned).collect(), count);
    }
    match read(&table)? {
        Some(bytes) => {
            let names = from_table(&bytes).map_err(|what| malformed(&table, what))?;
            counted(&table, names, count)
        }
        None => Ok((0..count).map(|class| class.to_string()).collect()),
    }
}

/// Where class names lie for a file of weights: `yamnet_classes.csv` for `yamnet.pth`.
pub(super) fn path_beside(weights: &Path, ending: &str) -> PathBuf {
    let stem = weights.file_stem().unwrap_or_default().to_string_lossy();
    weights.with_file_name(format!("{stem}_classes.{ending}"))
}

/// The names in a table with the columns `index` and `display_name`, by index; what is wrong with it otherwise.
pub(super) fn from_table(bytes: &[u8]) -> Result<Vec<String>, String> {
    let mut reader = csv::Reader::from_reader(bytes);
    let rows: Result<Vec<Row>, csv::Error> = reader.deserialize().collect();
    let mut rows = rows.map_err(|error| {
        format!("is no table of class names with the columns index and display_name: {error}")
    })?;
    rows.sort_by_key(|row| row.index);
    let gap = rows.iter().enumerate().find(|(place, row)| row.index != *place);
    if let Some((place, row)) = gap {
        return Err(match row.index < place {
            true => format!("has index {} twice", row.index),
            false => format!("has no index {place}, but {}", row.index),
        });
    }
    Ok(rows.into_iter().map(|row| row.display_name).collect())
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::at("read", path)(error).into()),
    }
}

fn counted(path: &Path, names: Vec<String>, expected: usize) -> Result<Vec<String>, Error> {
    match names.len() == expected {
        true => Ok(names),
        false => Err(Error::ClassNames { path: path.to_owned(), expected, got: names.len() }),
    }
}

fn malformed(path: &Path, what: String) -> Error {
    Error::ClassList { path: path.to_owned(), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_one_a_line_or_from_a_table_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let weights = folder.path().join("mine.pth");
        assert_eq!(beside(&weights, 3).unwrap(), ["0", "1", "2"]);
        let table = folder.path().join("mine_classes.csv");
        let text = "index,mid,display_name\n1,/m/b,\"Bark, loud\"\n0,/m/a,Speech\n2,/m/c,Music\n";
        std::fs::write(&table, text).unwrap();
        assert_eq!(beside(&weights, 3).unwrap(), ["Speech", "Bark, loud", "Music"]);
        let error = beside(&weights, 4).unwrap_err();
        assert!(error.is_input());
        assert!(error.to_string().ends_with("mine_classes.csv names 3 classes, expected 4"), "{error}");
        std::fs::write(folder.path().join("mine_classes.txt"), "Sound, loud\nB\nC\n").unwrap();
        assert_eq!(beside(&weights, 3).unwrap(), ["Sound, loud", "B", "C"]);
    }

    #[test]
    fn tables_of_another_shape_are_refused() {
        let of = |rows: &str| from_table(format!("index,mid,display_name\n{rows}").as_bytes()).unwrap_err();
        assert_eq!(of("0,a,A\n0,b,B\n"), "has index 0 twice");
        assert_eq!(of("0,a,A\n2,b,B\n"), "has no index 1, but 2");
        assert!(of("0,a,A\nx,b,B\n").contains("line: 3"), "{}", of("0,a,A\nx,b,B\n"));
        let other = from_table(b"<html><body>log in</body></html>\n<p>\n").unwrap_err();
        assert!(other.contains("is no table of class names"), "{other}");
        assert!(from_table(b"\xff\xfe,index,display_name\n0,0,\xff\n").is_err());
        assert!(from_table(b"").unwrap().is_empty());
    }
}
