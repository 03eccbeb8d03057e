//! Hidden tables beside the target, in which the rows of an unfinished replacement wait.
//!
//! Their names are the same in every version, on every machine and in every database: another process finds them.

use std::borrow::Cow;

use crate::dest::Target;
use crate::model::Strategy;
pub use crate::model::hash::fnv;

/// Strategies whose rows wait in a hidden table, and what its name begins with.
pub const SHADOWS: [(Strategy, &str); 2] =
    [(Strategy::Replace, "_ingestr_new__"), (Strategy::DeleteInsert, "_ingestr_window__")];

/// Which hidden table a target's rows wait in. The name carries the account and source table, so that two accounts
/// that load into one table do not publish each other's rows, and the strategy, because rows collected for one
/// are not what the other needs. `None`: the strategy writes to the table itself.
#[must_use]
pub fn shadow(target: &Target, strategy: Strategy) -> Option<String> {
    let (_, prefix) = SHADOWS.iter().find(|(waiting, _)| *waiting == strategy)?;
    let who = who(&target.account, &target.source_table);
    Some(format!("{prefix}{}__{who:08x}", part(&target.table)))
}

/// What a hidden table's name has of the table's: PostgreSQL has names of 63 bytes, of which the rest takes 27.
fn part(table: &str) -> Cow<'_, str> {
    const MOST: usize = 36;
    if table.len() <= MOST {
        return table.into();
    }
    let cut = table.floor_char_boundary(MOST - 9);
    format!("{}_{:08x}", &table[..cut], fnv(table.to_ascii_lowercase().as_bytes())).into()
}

fn who(account: &str, source_table: &str) -> u32 {
    fnv(&[account.as_bytes(), &[0], source_table.as_bytes()].concat())
}

/// The name of a hidden table once its rows are another account's.
#[must_use]
pub fn reassigned(name: &str, account: &str, source_table: &str) -> String {
    let hash = name.len().checked_sub(8).and_then(|at| name.split_at_checked(at));
    hash.map_or_else(|| name.to_owned(), |(rest, _)| format!("{rest}{:08x}", who(account, source_table)))
}

/// Whether a name is one that [`shadow`] makes for that table, for any account and source table.
#[must_use]
pub fn is_shadow_of(name: &str, table: &str) -> bool {
    let (name, table) = (name.to_ascii_lowercase(), part(table).to_ascii_lowercase());
    SHADOWS.iter().any(|(_, prefix)| {
        let hash = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(&*table)?.strip_prefix("__"));
        hash.is_some_and(|hash| hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
    })
}
