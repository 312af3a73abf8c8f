//! Pretrained taggers: networks, checkpoint reading, registry, the cache of what a frozen network computes.
