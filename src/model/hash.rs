//! A hash for names that must be the same in every version, on every machine and in every database.

/// FNV-1a, 32 bits: short, and the same everywhere, which the standard library's hasher does not promise.
#[must_use]
pub fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(*b)).wrapping_mul(0x0100_0193))
}
