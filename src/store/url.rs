//! Where a store lies, as written by people.

use std::path::PathBuf;

use super::error::StoreError;

/// The file of `sqlite:PATH` or `sqlite://PATH`.
///
/// # Errors
/// [`StoreError::Url`] for another scheme, an empty path or a parameter.
pub(super) fn sqlite_file(url: &str) -> Result<PathBuf, StoreError> {
    let refuse = |why: &str| StoreError::Url { url: url.into(), why: why.into() };
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        return Err(refuse("this build supports sqlite only, write sqlite:PATH"));
    }
    let Some(rest) = url.strip_prefix("sqlite:") else {
        return Err(refuse("write sqlite:PATH, for example sqlite:at2seld.db"));
    };
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path == ":memory:" {
        return Err(refuse("a store is a file that several processes share, write sqlite:PATH"));
    }
    if path.contains('?') {
        return Err(refuse("parameters after \"?\" are not supported"));
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_same_file() {
        for url in ["sqlite:a/b.db", "sqlite://a/b.db"] {
            assert_eq!(sqlite_file(url).unwrap(), PathBuf::from("a/b.db"));
        }
        assert_eq!(sqlite_file("sqlite:///tmp/b.db").unwrap(), PathBuf::from("/tmp/b.db"));
    }

    #[test]
    fn others_are_refused_with_the_form_to_write() {
        for url in ["postgres://host/db", "at2seld.db", "sqlite:", "sqlite::memory:", "sqlite:a?mode=ro"] {
            let error = sqlite_file(url).unwrap_err();
            assert!(error.is_input(), "{error}");
        }
        assert!(sqlite_file("postgres://h/d").unwrap_err().to_string().contains("sqlite only"));
    }
}
