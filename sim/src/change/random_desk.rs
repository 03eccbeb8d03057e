//! What else happens, from a stream of its own: the desk is set up otherwise, its jobs and calls go on, and values of custom
//! fields are set without a sign. With the same seed the tickets, messages, customers, surveys, tags and users of an account
//! become what they would become without it.

use fastrand::Rng;

use super::Change;
use super::random::key;
use crate::account::Account;
use crate::desk::Kind;
use crate::desk::voice::{CALLS, RECORDINGS};
use crate::time::{DAY, Micros};

/// Lists of which all rows are read, and those that show their last days only: a row changes within so many days.
const WHOLE: [&str; 8] =
    ["teams", "views", "rules", "macros", "integrations", "widgets", "custom-fields", "account/settings"];
const DAYS: [(&str, i64); 3] = [("jobs", 6), (CALLS, 2), (RECORDINGS, 28)];

impl Account {
    /// Lets one thing or two happen, now and then.
    pub(super) fn happen_besides(&mut self, now: Micros) {
        let mut rng = std::mem::replace(&mut self.besides, Rng::with_seed(0));
        // Its writes have numbers of their own, too: ids follow from them.
        let others = std::mem::replace(&mut self.context, self.context_besides);
        if rng.u8(0..4) == 0
            && let Some(change) = self.pick_desk(&mut rng, now)
        {
            self.apply(change, now);
        }
        if rng.u8(0..12) == 0
            && self.options.silent_changes
            && let Some(change) = self.pick_fields(&mut rng)
        {
            self.apply(change, now);
        }
        self.context_besides = std::mem::replace(&mut self.context, others);
        self.besides = rng;
    }

    fn pick_fields(&self, rng: &mut Rng) -> Option<Change> {
        Some(match rng.bool() {
            true => Change::SetTicketFields { ticket: key(rng, &self.data.tickets)? },
            false => Change::SetCustomerFields { customer: key(rng, &self.data.customers)? },
        })
    }

    fn pick_desk(&self, rng: &mut Rng, now: Micros) -> Option<Change> {
        let (roll, retired) = (rng.u8(0..10), rng.bool());
        if rng.u8(0..5) < 2 {
            let (list, days) = DAYS[rng.usize(0..DAYS.len())];
            // Whatever comes later is a change without a sign.
            let days = if self.options.silent_changes { i64::MAX / DAY / 2 } else { days };
            let id = self.open(rng, list, now.saturating_sub(days * DAY));
            return Some(match (roll, id) {
                (0..3, _) if list != RECORDINGS => Change::CreateRow { list },
                (9, Some(id)) => Change::DeleteRow { list, id },
                (_, Some(id)) => Change::UpdateRow { list, id },
                (_, None) => Change::CreateRow { list: CALLS },
            });
        }
        let list = WHOLE[rng.usize(0..WHOLE.len())];
        let id = self.some(rng, list);
        let few = self.count(list) < Kind::of(list).map_or(0, |kind| kind.count);
        Some(match (roll, id) {
            (0..3, _) | (_, None) => Change::CreateRow { list },
            (3, _) => Change::LogIn { user: self.some(rng, "users")? },
            (4, _) => Change::UseMacro { id: self.some(rng, "macros")? },
            (5..7, Some(id)) if !few => Change::DeleteRow { list, id },
            (7, Some(id)) => Change::RetireRow { list, id, retired },
            (_, Some(id)) => Change::UpdateRow { list, id },
        })
    }

    /// Some row that may change still, no older than `since`.
    fn open(&self, rng: &mut Rng, list: &str, since: Micros) -> Option<i64> {
        let data = &self.data;
        let may = |id: &i64| list != CALLS || data.calls.get(id).is_some_and(|call| !call.is_over());
        let rows = data.small.get(list)?.iter().filter(|row| row.created >= since).map(|row| row.id);
        rng.choice(rows.filter(may).collect::<Vec<_>>())
    }
}
