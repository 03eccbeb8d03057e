//! Which rows of a replacement are repeated. Beside each part in which rows wait lies a file of their keys, so that what is
//! repeated is known before a row is written; memory is bounded by looking at some of the keys at a time.
//!
//! Of the rows of the table that is read, the newest of each key counts, as everywhere. Of a child table, the rows of a
//! parent count from the last part on that has all of them.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, ArrayRef, RecordBatch};
use arrow_schema::DataType;

use crate::dest::sql::batches::{Batches, encode};
use crate::dest::sql::columns::same;

/// Bytes of one line: key, date, row.
const LINE: usize = 16 + 8 + 4;
/// Keys that are looked at together: some 32 MiB of them.
const AT_ONCE: u64 = 1_000_000;
/// In the place of a row: all rows of that parent are in this part.
const COMPLETE: u32 = u32::MAX;

/// Which of several rows count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counting {
    /// The newest of each key.
    Newest,
    /// Those of a parent from the last part on that has all of them.
    OfParents,
}

/// One line of a file of keys, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct KeyLine {
    key: u128,
    date: i64,
    part: u32,
    row: u32,
}

/// A file of keys in the making.
#[derive(Debug, Default)]
pub(super) struct Keys {
    bytes: Vec<u8>,
    rows: u32,
}

impl Keys {
    /// The keys of these rows. Of a child, the first column of `key` is its parent.
    pub(super) fn of(rows: &Batches, key: &[String], incremental: Option<&str>, complete: &[i64]) -> Self {
        let mut keys = Self::default();
        let place = |name: &str| rows.columns.iter().position(|column| same(&column.name, name));
        let key: Vec<usize> = key.iter().filter_map(|name| place(name)).collect();
        let incremental = incremental.and_then(place);
        for batch in &rows.batches {
            keys.add(batch, &key, incremental);
        }
        for parent in complete {
            keys.line(number(*parent), 0, COMPLETE);
        }
        keys
    }

    fn add(&mut self, batch: &RecordBatch, key: &[usize], incremental: Option<usize>) {
        for row in 0..batch.num_rows() {
            let date = incremental.and_then(|at| instant(batch.column(at), row)).unwrap_or(i64::MIN);
            self.line(key_of(batch, key, row), date, self.rows);
            self.rows += 1;
        }
    }

    fn line(&mut self, key: u128, date: i64, row: u32) {
        self.bytes.extend(key.to_le_bytes());
        self.bytes.extend(date.to_le_bytes());
        self.bytes.extend(row.to_le_bytes());
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// An integer is a key by itself.
fn number(key: i64) -> u128 {
    u128::from(key.cast_unsigned())
}

fn key_of(batch: &RecordBatch, key: &[usize], row: usize) -> u128 {
    if let [at] = key
        && let Some(numbers) = batch.column(*at).as_primitive_opt::<Int64Type>()
        && !numbers.is_null(row)
    {
        return number(numbers.value(row));
    }
    let mut bytes = Vec::with_capacity(9 * key.len());
    key.iter().for_each(|at| encode(batch.column(*at), row, &mut bytes));
    // No integer is one.
    fnv128(&bytes) | 1 << 127
}

/// FNV-1a, 128 bits: a billion keys have no two with one by chance. It stands here, as nothing else asks for so many bits.
fn fnv128(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |h, b| {
        (h ^ u128::from(*b)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}

fn instant(array: &ArrayRef, row: usize) -> Option<i64> {
    match array.data_type() {
        _ if array.is_null(row) => None,
        DataType::Timestamp(..) => Some(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        DataType::Int64 => Some(array.as_primitive::<Int64Type>().value(row)),
        _ => None,
    }
}

/// For each part the rows that do not count, in order. `read` gives the keys of a part, as often as it is asked; `rows` is
/// how many there are in all.
pub(super) fn repeated<E>(
    parts: usize,
    rows: u64,
    counting: Counting,
    read: impl FnMut(usize) -> Result<Vec<u8>, E>,
) -> Result<Vec<Vec<u32>>, E> {
    in_slices(u128::from(rows / AT_ONCE + 1), parts, counting, read)
}

/// The same, for so many slices of all keys one after the other.
fn in_slices<E>(
    slices: u128,
    parts: usize,
    counting: Counting,
    mut read: impl FnMut(usize) -> Result<Vec<u8>, E>,
) -> Result<Vec<Vec<u32>>, E> {
    let mut repeated = vec![Vec::new(); parts];
    for slice in 0..slices {
        let mut lines: Vec<KeyLine> = Vec::new();
        for part in 0..parts {
            let bytes = read(part)?;
            let part = u32::try_from(part).unwrap_or(u32::MAX);
            let own = bytes.chunks_exact(LINE).filter_map(|bytes| line(bytes, part));
            lines.extend(own.filter(|line| line.key % slices == slice));
        }
        lines.sort_unstable();
        for group in lines.chunk_by(|a, b| a.key == b.key) {
            let whole = group.iter().filter(|line| line.row == COMPLETE).map(|line| line.part).max();
            let lost = |line: &&KeyLine| match counting {
                Counting::Newest => Some(*line) != group.last(),
                Counting::OfParents => line.row != COMPLETE && whole.is_some_and(|whole| line.part < whole),
            };
            for line in group.iter().filter(lost) {
                repeated[line.part as usize].push(line.row);
            }
        }
    }
    repeated.iter_mut().for_each(|rows| rows.sort_unstable());
    Ok(repeated)
}

fn line(bytes: &[u8], part: u32) -> Option<KeyLine> {
    let (key, rest) = bytes.split_first_chunk()?;
    let (date, row) = rest.split_first_chunk()?;
    let row = row.first_chunk()?;
    Some(KeyLine {
        key: u128::from_le_bytes(*key),
        date: i64::from_le_bytes(*date),
        part,
        row: u32::from_le_bytes(*row),
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn the_hash_is_that_of_fnv_1a() {
        // Of <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>.
        assert_eq!(fnv128(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv128(b"foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }

    /// Parts of lines: key, date, row.
    fn found(counting: Counting, parts: &[&[(u128, i64, u32)]]) -> Vec<Vec<u32>> {
        let files: Vec<Vec<u8>> = parts
            .iter()
            .map(|lines| {
                let mut keys = Keys::default();
                lines.iter().for_each(|(key, date, row)| keys.line(*key, *date, *row));
                keys.into_bytes()
            })
            .collect();
        let all: Vec<Vec<Vec<u32>>> = [1, 2, 7]
            .into_iter()
            .map(|slices| {
                let read = |at: usize| Ok::<_, Infallible>(files[at].clone());
                let Ok(found) = in_slices(slices, files.len(), counting, read);
                found
            })
            .collect();
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
        all[0].clone()
    }

    #[test]
    fn the_newest_row_of_a_key_counts_and_the_later_one_on_a_tie() {
        let first: &[_] = &[(1, 10, 0), (2, 20, 1), (3, i64::MIN, 2)];
        let second: &[_] = &[(2, 15, 0), (1, 10, 1), (3, i64::MIN, 2), (u128::MAX, 5, 3)];
        assert_eq!(found(Counting::Newest, &[first, second]), [vec![0, 2], vec![0]]);
    }

    #[test]
    fn rows_of_a_parent_count_from_the_last_part_on_that_has_all() {
        let first: &[_] = &[(1, 0, 0), (1, 0, 1), (2, 0, 2), (1, 0, COMPLETE), (2, 0, COMPLETE)];
        let second: &[_] = &[(1, 0, 0), (1, 0, COMPLETE), (3, 0, COMPLETE)];
        let third: &[_] = &[(2, 0, COMPLETE)];
        assert_eq!(found(Counting::OfParents, &[first, second, third]), [vec![0, 1, 2], vec![], vec![]]);
    }

    #[test]
    fn integers_and_hashes_of_other_keys_never_meet() {
        assert!(number(-1) < 1 << 127 && number(i64::MIN) != number(i64::MAX));
    }
}
