//! How long several tables will still take together, from what each of them says.

use std::collections::BTreeMap;
use std::time::Duration;

use super::format::roughly;

/// What is known of each table that is being read.
#[derive(Debug, Default)]
pub(super) struct Left(BTreeMap<String, (f64, Duration)>);

impl Left {
    /// Takes how many rows a second a table reads, and how long it would take for the rest at that speed.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(super) fn page(&mut self, table: &str, rate: u64, left: Option<Duration>) {
        match left {
            Some(left) => drop(self.0.insert(table.to_owned(), (rate.max(1) as f64, left))),
            None => self.ended(table),
        }
    }

    /// The table needs no more time.
    pub(super) fn ended(&mut self, table: &str) {
        self.0.remove(table);
    }

    /// `about 2 min left`. All share one budget: what one table no longer uses, the others get. So it is all that is
    /// left, at the speed of all.
    pub(super) fn total(&self) -> Option<String> {
        let speed: f64 = self.0.values().map(|(rate, _)| rate).sum();
        let rows: f64 = self.0.values().map(|(rate, left)| rate * left.as_secs_f64()).sum();
        let left = Duration::try_from_secs_f64(rows / speed).ok()?;
        Some(format!("about {} left", roughly(left)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_table_no_longer_uses_the_others_get() {
        let mut left = Left::default();
        assert_eq!(left.total(), None);
        left.page("tickets", 100, Some(Duration::from_secs(20)));
        left.page("ticket_messages", 100, Some(Duration::from_secs(60)));
        left.page("users", 5, None);
        assert_eq!(left.total().unwrap(), "about 40 s left");
        left.ended("tickets");
        assert_eq!(left.total().unwrap(), "about 60 s left");
        left.ended("ticket_messages");
        assert_eq!(left.total(), None);
    }
}
