//! Satisfaction surveys: nothing of their life shows anywhere but in the row.

use crate::account::Account;
use crate::model::Survey;
use crate::time::{DAY, Maybe, Micros};

impl Account {
    pub(super) fn create_survey(&mut self, ticket: i64, now: Micros) -> Option<i64> {
        let row = self.data.tickets.get(&ticket)?;
        // One per ticket.
        if self.data.survey_of.contains_key(&ticket) {
            return None;
        }
        let customer = row.customer;
        self.data.last.survey += 1 + i64::try_from(self.context % 3).unwrap_or(0);
        let id = self.data.last.survey;
        self.data.put_survey(Survey {
            id,
            ticket,
            customer,
            created: now,
            should_send: Maybe::some(now + DAY),
            sent: Maybe::NONE,
            scored: Maybe::NONE,
            score: 0,
        });
        Some(id)
    }

    pub(super) fn send_survey(&mut self, survey: i64, now: Micros) -> Option<i64> {
        let row = self.data.surveys.get_mut(&survey).filter(|row| row.sent == Maybe::NONE)?;
        row.sent = Maybe::some(now);
        Some(survey)
    }

    pub(super) fn score_survey(&mut self, survey: i64, score: u8, now: Micros) -> Option<i64> {
        let row = self.data.surveys.get_mut(&survey).filter(|_| (1..=5).contains(&score))?;
        row.score = score;
        row.scored = Maybe::some(now);
        Some(survey)
    }
}
