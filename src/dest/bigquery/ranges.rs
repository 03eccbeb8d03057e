//! Few closed ranges around many keys, so that a merge into a table that is clustered by its key reads few blocks.

/// More ranges than this make the statement longer and skip little more.
const MOST: usize = 16;

/// At most [`MOST`] ranges that hold all keys, apart where the gaps are widest.
pub(super) fn ranges(mut keys: Vec<i64>) -> Vec<(i64, i64)> {
    keys.sort_unstable();
    keys.dedup();
    let (Some(first), Some(last)) = (keys.first().copied(), keys.last().copied()) else { return Vec::new() };
    let mut gaps: Vec<(u64, usize)> =
        keys.windows(2).enumerate().map(|(i, pair)| (pair[0].abs_diff(pair[1]), i)).collect();
    gaps.retain(|(width, _)| *width > 1);
    gaps.sort_unstable_by(|a, b| b.cmp(a));
    gaps.truncate(MOST - 1);
    let mut cuts: Vec<usize> = gaps.into_iter().map(|(_, i)| i).collect();
    cuts.sort_unstable();
    let mut found = Vec::with_capacity(cuts.len() + 1);
    let mut low = first;
    for cut in cuts {
        found.push((low, keys[cut]));
        low = keys[cut + 1];
    }
    found.push((low, last));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_both_ends_are_two_ranges() {
        assert_eq!(ranges(Vec::new()), []);
        assert_eq!(ranges(vec![7]), [(7, 7)]);
        assert_eq!(ranges(vec![5, 3, 4, 3]), [(3, 5)]);
        assert_eq!(
            ranges(vec![1, 2, 900, 901, i64::MIN, i64::MAX]),
            [(i64::MIN, i64::MIN), (1, 2), (900, 901), (i64::MAX, i64::MAX)]
        );
    }

    #[test]
    fn there_are_never_many_and_every_key_is_in_one() {
        let keys: Vec<i64> = (0..10_000).map(|i: i64| i * i).collect();
        let found = ranges(keys.clone());
        assert_eq!(found.len(), MOST);
        assert!(keys.iter().all(|key| found.iter().any(|(low, high)| low <= key && key <= high)));
        assert!(found.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }
}
