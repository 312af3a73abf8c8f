//! The document of a candidate, as text: of the thousands that a study keeps, few are looked into.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde_json::Value;

/// An architecture document. Two are equal when their texts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// First, so that comparing with thousands of others reads no texts.
    digest: u64,
    text: Arc<str>,
}

impl Document {
    /// A document by its text, which is JSON.
    pub fn from_text(text: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self { digest: hasher.finish(), text: text.into() }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The document; null when the text is none, which no store holds.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Hash for Document {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        // The text has been read for it.
        self.digest.hash(hasher);
    }
}

impl From<&Value> for Document {
    fn from(value: &Value) -> Self {
        Self::from_text(&value.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_equal_when_their_texts_are() {
        let value = json!({"encoder": {"width": 8}});
        let document = Document::from(&value);
        assert_eq!(document, Document::from_text(document.as_str()));
        assert_ne!(document, Document::from(&json!({"encoder": {"width": 9}})));
        assert_eq!(document.value(), value);
    }
}
