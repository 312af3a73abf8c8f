//! Implementations by the name that `"kind"` has in a space file.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::space::OptionsError;

/// Makes an implementation from its options, an object without `kind`.
pub type Factory<T> = fn(Value) -> Result<Arc<T>, OptionsError>;

/// An implementation of a seam.
#[derive(Debug)]
pub struct Kind<T: ?Sized + 'static> {
    /// Its name.
    pub(crate) name: &'static str,
    /// Makes it.
    pub(crate) build: Factory<T>,
    /// The JSON Schema of its options.
    pub(crate) options: fn() -> Value,
}

/// The options of an implementation that has none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoOptions {}

/// All implementations of a seam.
#[derive(Debug)]
pub struct Registry<T: ?Sized + 'static> {
    /// What the seam is called in messages.
    pub(crate) seam: &'static str,
    /// The name where none is given.
    pub(crate) default: &'static str,
    /// All of them.
    pub(crate) kinds: &'static [Kind<T>],
    /// Names that the design has and this version has not.
    pub(crate) later: &'static [&'static str],
}

impl<T: ?Sized> Registry<T> {
    /// The name of the implementation that is used where none is named.
    pub fn default_name(&self) -> &'static str {
        self.default
    }

    /// The names of all implementations.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + Clone + use<'_, T> {
        self.kinds.iter().map(|kind| kind.name)
    }

    /// The factory of the implementation of this name.
    pub fn factory(&self, name: &str) -> Option<Factory<T>> {
        self.kinds.iter().find(|kind| kind.name == name).map(|kind| kind.build)
    }
}
