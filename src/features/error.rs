//! What can be wrong with a description of features.

/// A front-end that cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key of the feature configuration has a value that makes no front-end.
    #[error("features.{key}: {got} is not possible, expected {expected}")]
    Config {
        /// Key in the feature configuration.
        key: &'static str,
        /// What is allowed.
        expected: String,
        /// What was given.
        got: String,
    },
    /// libtorch refused an operation.
    #[error("cannot build the feature front-end: {0}")]
    Torch(#[from] tch::TchError),
}

impl Error {
    /// A value of `key` that is not allowed.
    pub(super) fn config(key: &'static str, expected: impl ToString, got: impl ToString) -> Self {
        Self::Config { key, expected: expected.to_string(), got: got.to_string() }
    }
}
