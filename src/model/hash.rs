//! Hashes for what is stored: names, and rows that are known again. The same in every version, on every machine and in
//! every database, which the standard library's hasher does not promise.

/// FNV-1a, 32 bits: short, for names.
#[must_use]
pub fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(*b)).wrapping_mul(0x0100_0193))
}

/// FNV-1a, 64 bits: for rows, of which two must not have the same.
pub fn fnv64(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_fnv_1a() {
        // Of <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>.
        assert_eq!((fnv(b""), fnv(b"foobar")), (0x811c_9dc5, 0xbf9c_f968));
        assert_eq!((fnv64([]), fnv64(*b"foobar")), (0xcbf2_9ce4_8422_2325, 0x8594_4171_f739_67e8));
    }
}
