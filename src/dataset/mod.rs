//! What to read: dataset layouts, splits, class names, labels of a chunk.
