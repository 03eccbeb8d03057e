//! What a help desk is set up with, and what it does in the background: small lists, shaped as recorded or documented. Their
//! content hardly matters, their keys do.

mod fields;
mod integrations;
mod jobs;
mod macros;
mod rules;
mod settings;
mod teams;
mod views;
pub(crate) mod voice;
mod widgets;

pub(crate) use jobs::cancel;
pub(crate) use settings::account;
pub(crate) use views::{CUSTOMERS, OPEN};

use std::collections::BTreeMap;

use crate::options::Options;
use crate::small::{Small, int, tags, users};
use crate::time::{Micros, SECOND, iso};

/// One of these lists.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) list: &'static str,
    /// How many rows an account is born with.
    pub(crate) count: usize,
    /// Id of the first of them.
    first: i64,
    make: fn(&Seed<'_>) -> Small,
    /// Changes a row whose revision is one more now; false: it changes no more.
    pub(crate) revise: fn(&mut Small, &Options, Micros) -> bool,
}

pub(crate) const KINDS: [Kind; 9] = [
    Kind { list: "teams", count: 3, first: 2101, make: teams::make, revise: teams::revise },
    Kind { list: "views", count: 11, first: 5501, make: views::make, revise: views::revise },
    Kind { list: "rules", count: 5, first: 9001, make: rules::make, revise: rules::revise },
    Kind { list: "macros", count: 12, first: 3301, make: macros::make, revise: macros::revise },
    Kind {
        list: "integrations",
        count: 7,
        first: 40_021,
        make: integrations::make,
        revise: integrations::revise,
    },
    Kind { list: "jobs", count: 9, first: 7701, make: jobs::make, revise: jobs::revise },
    Kind { list: "widgets", count: 3, first: 6601, make: widgets::make, revise: widgets::revise },
    Kind { list: "custom-fields", count: 12, first: 319_825, make: fields::make, revise: fields::revise },
    Kind { list: "account/settings", count: 9, first: 1101, make: settings::make, revise: settings::revise },
];

impl Kind {
    pub(crate) fn of(list: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.list == list)
    }

    /// The n-th row that was ever made.
    pub(crate) fn row(&self, options: &Options, n: usize, created: Micros) -> Small {
        let seed = Seed {
            n,
            id: self.first + int(n),
            created,
            at: iso(created),
            options,
            is_late: n + 2 >= self.count,
        };
        let row = (self.make)(&seed);
        Small { id: seed.id, created, updated: row.updated.max(created), ..row }
    }
}

/// One row to be: number, id and creation time.
struct Seed<'a> {
    n: usize,
    id: i64,
    created: Micros,
    at: String,
    options: &'a Options,
    /// Among the last that an account is born with, or made after them.
    is_late: bool,
}

/// Every small list by endpoint name, but for those of calls.
pub(crate) fn all(options: &Options) -> BTreeMap<&'static str, Vec<Small>> {
    let mut all = BTreeMap::from([("users", users(options)), ("tags", tags(options))]);
    all.extend(KINDS.iter().map(|kind| (kind.list, rows(options, kind))));
    all
}

fn rows(options: &Options, kind: &Kind) -> Vec<Small> {
    let step = (options.end - options.start) / (int(kind.count) + 1);
    (0..kind.count)
        .map(|n| {
            let mut created = options.start + int(n) * step + int(n % 3) * 104_729;
            // Some are made by hand at a whole second.
            if n % 4 == 1 {
                created -= created.rem_euclid(SECOND);
            }
            kind.row(options, n, created)
        })
        .collect()
}
