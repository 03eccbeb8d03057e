//! How many pages a pass has left, by how long pages are where its walks stand.
//!
//! Few pages tell little: those at a list's oldest end may span years between imports, or a second in which thousands were
//! made. So what is unlike all else is left out as long as there is anything better. What both ends of a stretch say of it
//! is told as in a forecast (`stretch`).

use crate::source::gorgias::list::checkpoint::Walk;
use crate::source::gorgias::list::coverage;
use crate::source::gorgias::list::parallel::Parallel;
use crate::source::gorgias::list::seek;
use crate::source::gorgias::list::stretch::{evenly, real, without_bursts};

/// Lengths of pages that differ by no more than this are alike.
const ALIKE: i64 = 8;
/// Pages after which the end of a stretch is as good as known.
const KNOWN: u64 = 5;

impl Parallel {
    /// How many pages the pass has left. `None`: nothing tells where it ends.
    pub(crate) fn rest(&self, walks: &[Walk]) -> Option<f64> {
        match walks {
            _ if walks.iter().any(|walk| walk.unordered) => None,
            _ if walks.iter().all(|walk| walk.done) => Some(0.0),
            [walk] => {
                let pace = self.walkers.first()?.state.pace()?;
                Some(seek::pages(walk.last?, walk.until?, pace, pace))
            }
            _ => self.left(walks),
        }
    }

    /// How many pages are left between walks, as far as that can be estimated.
    pub(crate) fn left(&self, walks: &[Walk]) -> Option<f64> {
        let mut paces: Vec<i64> = self.walkers.iter().filter_map(|walker| walker.state.pace()).collect();
        paces.sort_unstable();
        let typical =
            seek::density(paces.get(paces.len().saturating_sub(1) / 2).copied().unwrap_or_default());
        let stretch = |n: usize| match coverage::left_below(walks, n) {
            Some((from, to)) => {
                let (near, far) = self.ends(walks, n)?;
                let far = if Self::known(walks, n, near, far) { far } else { near };
                // A burst of imports is no measure.
                let usual = |rate: f64| if rate > real(ALIKE) * typical { typical } else { rate };
                let rates = without_bursts([near, far].map(seek::density), typical).map(usual);
                Some(evenly(real(from.0.saturating_sub(to.0)), rates))
            }
            None => walks[n].done.then_some(0.0),
        };
        (0..walks.len() - 1).map(stretch).sum()
    }

    /// How long pages are at both ends of the stretch below walk `n`.
    pub(crate) fn ends(&self, walks: &[Walk], n: usize) -> Option<(i64, i64)> {
        let near = self.walkers[n].state.pace()?;
        let below = self.walkers.get(n + 1)?;
        let far = if walks[n + 1].first.is_some() { below.entry } else { below.state.pace() };
        Some((near, far.unwrap_or(near)))
    }

    /// Whether both ends of the stretch below walk `n` tell what is between them. Ends that differ much are not yet where
    /// most of the rows are: imported ones may lie years before.
    pub(crate) fn known(walks: &[Walk], n: usize, near: i64, far: i64) -> bool {
        let settled = walks[n].pages.min(walks[n + 1].pages) >= KNOWN;
        settled || near.max(far) / ALIKE <= near.min(far)
    }
}
