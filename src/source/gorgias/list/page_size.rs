//! How many rows are asked for at once: fewer where an answer would be larger than it may be.

use crate::source::gorgias::api::PAGE_ROWS;

/// How many rows are asked for at once: fewer where an answer would be larger than it may be, and as many as can be once
/// those rows lie behind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageSize {
    rows: usize,
    /// Pages of this size since it was changed.
    good: usize,
}

impl Default for PageSize {
    fn default() -> Self {
        Self { rows: PAGE_ROWS, good: 0 }
    }
}

impl PageSize {
    /// By which the number of rows changes: 100, 10, 1.
    const FACTOR: usize = 10;

    pub(crate) fn rows(self) -> usize {
        self.rows
    }

    /// An answer was too large. False: it was asked for one row only.
    pub(crate) fn shrink(&mut self) -> bool {
        let can = self.rows > 1;
        *self = Self { rows: (self.rows / Self::FACTOR).max(1), good: 0 };
        can
    }

    /// A page came.
    pub(crate) fn fits(&mut self) {
        self.good += 1;
        if self.rows < PAGE_ROWS && self.good >= Self::FACTOR {
            *self = Self { rows: self.rows * Self::FACTOR, good: 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_rows_are_asked_for_until_they_lie_behind() {
        let mut size = PageSize::default();
        let sizes = |size: &mut PageSize, pages: usize| -> Vec<usize> {
            let page = |size: &mut PageSize| {
                let rows = size.rows();
                size.fits();
                rows
            };
            (0..pages).map(|_| page(size)).collect()
        };
        assert_eq!(sizes(&mut size, 3), [100; 3]);
        assert!(size.shrink() && size.shrink());
        assert_eq!(sizes(&mut size, 22), [[1; 10].as_slice(), &[10; 10], &[100; 2]].concat());
        assert!(size.shrink() && size.shrink() && !size.shrink());
        assert_eq!(size.rows(), 1);
    }
}
