//! Seeded random streams, one for each named use, so that adding a draw in one place moves no other.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// The stream that belongs to `seed` and the path of names and numbers that leads to its use.
///
/// The same arguments give the same stream on every platform and in every version of this program.
///
/// ```
/// use rand::RngExt;
/// let a: u64 = at2seld::rng::stream(1, &["scene", "mix001"]).random();
/// let b: u64 = at2seld::rng::stream(1, &["scene", "mix002"]).random();
/// assert_ne!(a, b);
/// ```
pub fn stream(seed: u64, path: &[&str]) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(digest(seed, path))
}

/// A seed derived from `seed` for the use named by `path`; for libraries that take a number (below 2^63,
/// which is what SQL and libtorch can hold).
pub fn derive(seed: u64, path: &[&str]) -> u64 {
    let bytes = digest(seed, path);
    let mut head = [0; 8];
    head.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(head) >> 1
}

fn digest(seed: u64, path: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    for name in path {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
    }
    hash.finalize().into()
}
