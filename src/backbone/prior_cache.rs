//! x
/// a
pub struct PriorCache;
/// a
pub struct PriorKey;
