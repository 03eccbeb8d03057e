//! A process that dies between two steps of a commit, any two of them: a store that does nothing more after so many changes.
//! The next run neither loses nor doubles a row, and nothing is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use bytes::Bytes;

use super::bench::Anywhere;
use crate::dest::conformance::{Bench as _, batch, commit, items, load};
use crate::dest::files::Files;
use crate::dest::files::store::{Store, Upload, Version, Waiting};
use crate::dest::{Basis, Commit, DestError, DestErrorKind, Destination as _, Target, Targets};
use crate::model::{Deletes, Strategy};

/// A store that dies.
#[derive(Debug)]
pub(super) struct Dying {
    inner: Arc<dyn Store>,
    /// Changes until then.
    left: Arc<AtomicI64>,
    /// Only swaps are changes.
    swaps: bool,
}

impl Dying {
    pub(super) fn after(inner: Arc<dyn Store>, changes: i64) -> Self {
        Self { inner, left: Arc::new(AtomicI64::new(changes)), swaps: false }
    }

    pub(super) fn at_the_swap(inner: Arc<dyn Store>) -> Self {
        Self { swaps: true, ..Self::after(inner, 0) }
    }

    /// Whether something was not done.
    pub(super) fn died(&self) -> bool {
        self.left.load(SeqCst) < 0
    }

    fn change(&self) -> Result<(), DestError> {
        alive(&self.left, !self.swaps)
    }
}

/// One change more, if it counts.
fn alive(left: &AtomicI64, counts: bool) -> Result<(), DestError> {
    if counts && left.fetch_sub(1, SeqCst) <= 0 {
        return Err(dead());
    }
    Ok(())
}

fn dead() -> DestError {
    DestError::new(DestErrorKind::Other, "killed")
}

impl Store for Dying {
    fn name(&self) -> String {
        self.inner.name()
    }

    fn check(&self, folders: &[String]) -> Result<(), DestError> {
        self.inner.check(folders)
    }

    fn check_place(&self, path: &str) -> Result<(), DestError> {
        self.inner.check_place(path)
    }

    fn read(&self, path: &str) -> Result<Option<(Bytes, Version)>, DestError> {
        self.inner.read(path)
    }

    fn write(&self, path: &str, bytes: Bytes) -> Result<(), DestError> {
        self.change()?;
        self.inner.write(path, bytes)
    }

    fn swap(&self, path: &str, before: Option<&Version>, bytes: Bytes) -> Result<bool, DestError> {
        alive(&self.left, true)?;
        self.inner.swap(path, before, bytes)
    }

    fn files(&self, folder: &str) -> Result<Vec<String>, DestError> {
        self.inner.files(folder)
    }

    fn leftovers(&self, folder: &str, ours: &dyn Fn(&str) -> bool) -> Result<Vec<String>, DestError> {
        self.inner.leftovers(folder, ours)
    }

    fn folders(&self, folder: &str) -> Result<Vec<String>, DestError> {
        self.inner.folders(folder)
    }

    fn remove(&self, path: &str) -> Result<(), DestError> {
        self.change()?;
        self.inner.remove(path)
    }

    fn size(&self, path: &str) -> Result<Option<u64>, DestError> {
        self.inner.size(path)
    }

    fn begin(&self, path: &str) -> Result<Box<dyn Upload>, DestError> {
        self.change()?;
        let inner = self.inner.begin(path)?;
        Ok(Box::new(Dies { inner, left: Arc::clone(&self.left), counts: !self.swaps }))
    }

    fn place(&self, waiting: &Waiting) -> Result<bool, DestError> {
        self.change()?;
        self.inner.place(waiting)
    }

    fn abandon(&self, waiting: &Waiting) -> Result<(), DestError> {
        self.change()?;
        self.inner.abandon(waiting)
    }
}

struct Dies {
    inner: Box<dyn Upload>,
    left: Arc<AtomicI64>,
    counts: bool,
}

impl Upload for Dies {
    fn begun(&self) -> Waiting {
        self.inner.begun()
    }

    fn write(&mut self, bytes: &mut Vec<u8>) -> Result<(), DestError> {
        alive(&self.left, self.counts)?;
        self.inner.write(bytes)
    }

    fn complete(self: Box<Self>) -> Result<Waiting, DestError> {
        alive(&self.left, self.counts)?;
        self.inner.complete()
    }
}

/// What one run does: rows of each of its commits, and their names.
type Pages<'a> = &'a [&'a [(i64, &'a str, i64)]];

/// A run: it looks at what is there, goes on from it, and makes its commits.
async fn run(files: &Files, target: &Target, id: &str, pages: Pages<'_>) -> Result<(), DestError> {
    let found = files.inspect(target).await?;
    // Where a run stands is the number of pages that it has read of those that there are.
    let state = if target.strategy == Strategy::Replace { &found.aside } else { &found.state };
    let done: usize = state.as_ref().map_or(0, |state| state.source.0.parse().expect("a number"));
    let mut target = Target { fresh: state.is_none(), ..target.clone() };
    let mut basis: Basis = found.basis;
    for (at, page) in pages.iter().enumerate().skip(done) {
        let last = at + 1 == pages.len();
        let mut next = Commit { basis: Some(basis.clone()), ..commit(id, &(at + 1).to_string(), last) };
        next.release = last;
        basis = basis.after(target.strategy, &next);
        load(files, &target, vec![batch(page)], next).await?;
        target.fresh = false;
    }
    Ok(())
}

fn names(place: &Anywhere, table: &str) -> Vec<String> {
    place.rows(table, &["id", "name"]).unwrap_or_default().into_iter().map(|row| row.join(" ")).collect()
}

/// Ids of runs: what a dead one leaves is known by them.
const RUN: [&str; 3] = [
    "20261122T094025.123456Z-4f2a90c1",
    "20261123T094025.123456Z-4f2a90c1",
    "20261124T094025.123456Z-4f2a90c1",
];

const PLACES: [fn() -> Anywhere; 2] = [Anywhere::disk, Anywhere::memory];

/// Runs a life after each number of steps, until one is not cut short, at each place.
async fn at_each_step(mut life: impl AsyncFnMut(Anywhere, i64) -> bool) {
    for make in PLACES {
        for step in 0.. {
            if !life(make(), step).await {
                assert!(step > 5, "only {step} steps");
                break;
            }
        }
    }
}

/// Kills a run after each of its changes; `after`: what must be there once the next one is through.
async fn killed_at_each_step(
    strategies: [Strategy; 2],
    (before, pages): (Pages<'_>, Pages<'_>),
    wanted: &[&str],
) {
    let [first, second] = strategies;
    at_each_step(async |place, step| {
        let healthy = place.files();
        run(&healthy, &items(first), RUN[0], before).await.expect("goes through");
        let old = names(&place, "items");
        let (dying, store) = place.dying(step);
        let ended = run(&dying, &items(second), RUN[1], pages).await;
        assert!(ended.is_ok() || store.died());
        // What was appended is removed once the replacement is there.
        if strategies == [Strategy::Replace; 2] {
            let now = names(&place, "items");
            assert!(now == old || now == wanted, "step {step}: {now:?}");
        }
        run(&healthy, &items(second), RUN[2], pages).await.expect("goes through");
        assert_eq!(names(&place, "items"), wanted, "step {step}");
        let left: Vec<String> = place.all().into_iter().filter(|path| !path.contains("/runs/")).collect();
        assert!(
            left.iter().all(|path| path.ends_with(".parquet") || path.ends_with("state.json")),
            "step {step}: {left:?}"
        );
        store.died()
    })
    .await;
}

#[tokio::test]
async fn a_replacement_that_dies_at_any_step_is_brought_to_its_end() {
    let before: Pages<'_> = &[&[(1, "old", 10), (9, "gone", 10)]];
    let pages: Pages<'_> =
        &[&[(1, "a", 10), (2, "b", 10)], &[(3, "c", 10), (1, "a2", 20)], &[(4, "d", 10), (2, "older", 5)]];
    let wanted = ["1 a2", "2 b", "3 c", "4 d"];
    killed_at_each_step([Strategy::Replace, Strategy::Replace], (before, pages), &wanted).await;
    // Over what was appended, which goes.
    killed_at_each_step([Strategy::Append, Strategy::Replace], (before, pages), &wanted).await;
}

#[tokio::test]
async fn appending_that_dies_at_any_step_neither_loses_nor_doubles_rows() {
    let before: Pages<'_> = &[&[(1, "old", 10)]];
    let pages: Pages<'_> = &[&[(1, "old", 10)], &[(2, "b", 10)], &[(3, "c", 10)], &[(4, "d", 10)]];
    let wanted = ["1 old", "2 b", "3 c", "4 d"];
    killed_at_each_step([Strategy::Append, Strategy::Append], (before, pages), &wanted).await;
    killed_at_each_step([Strategy::Replace, Strategy::Append], (before, pages), &wanted).await;
}

/// A child's part of a commit is made with its parent's, or not at all.
#[tokio::test]
async fn a_child_dies_with_its_parent() {
    let parent = Target { deletes: Deletes::Ignore, ..items(Strategy::Replace) };
    let child = Target {
        source_table: "parts".into(),
        table: "parts".into(),
        key: vec!["id".into(), "name".into()],
        ..parent.clone()
    };
    at_each_step(async |place, step| {
        let (healthy, (dying, store)) = (place.files(), place.dying(step));
        for (files, id) in [(&dying, RUN[0]), (&healthy, RUN[1])] {
            let (found, of_child) = (files.inspect(&parent).await, files.inspect(&child).await);
            let (found, of_child) = (found.expect("a look"), of_child.expect("a look"));
            assert_eq!(found.aside, of_child.aside, "step {step}");
            let done: usize =
                found.aside.as_ref().map_or(0, |state| state.source.0.parse().expect("a number"));
            // The second page has the rows of the first parent anew.
            let pages = [(1, vec!["a", "b"]), (1, vec!["c"]), (2, vec!["d"])];
            for (at, (id_of_parent, names)) in pages.iter().enumerate().skip(done) {
                let fresh = at == 0;
                let (parent, child) = (Target { fresh, ..parent.clone() }, Target { fresh, ..child.clone() });
                let mut load =
                    files.begin(Targets { table: &parent, children: std::slice::from_ref(&child) });
                load.stage(0, batch(&[(*id_of_parent, "x", 10)])).await.expect("can be staged");
                let rows: Vec<_> = names.iter().map(|name| (*id_of_parent, *name, 10)).collect();
                load.stage(1, batch(&rows)).await.expect("can be staged");
                load.complete(1, vec![*id_of_parent]);
                let made = load.commit(commit(id, &(at + 1).to_string(), at + 1 == pages.len())).await;
                if made.is_err() {
                    break;
                }
            }
        }
        assert_eq!(names(&place, "parts"), ["1 c", "2 d"], "step {step}");
        store.died()
    })
    .await;
}
