//! What the page shows, from the rows of the report's question.

/// All of it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Data {
    /// First and last day; `None` where nothing ever happened.
    pub(super) period: Option<(String, String)>,
    pub(super) tickets: f64,
    pub(super) deleted: f64,
    pub(super) spam: f64,
    pub(super) trashed: f64,
    pub(super) current: Figures,
    pub(super) before: Figures,
    /// By day, in order.
    pub(super) days: Vec<Day>,
    /// How many tickets were open when the period began.
    pub(super) open_before: Option<f64>,
    /// By week, in order.
    pub(super) weeks: Vec<Week>,
    /// Messages of customers, by weekday from Monday and hour.
    pub(super) hours: [[f64; 24]; 7],
    pub(super) agents: Vec<Agent>,
    pub(super) tags: Vec<Tag>,
    pub(super) channels: Vec<Channel>,
}

/// Sums and medians of a period.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Figures {
    pub(super) created: f64,
    pub(super) closed: f64,
    pub(super) first_response: Option<f64>,
    pub(super) resolution: Option<f64>,
    pub(super) scores: Scores,
}

/// Surveys that were answered, and how many of them with 4 or 5.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Scores {
    pub(super) scored: f64,
    pub(super) good: f64,
}

impl Scores {
    /// The share of good ones.
    pub(super) fn satisfaction(self) -> Option<f64> {
        (self.scored > 0.0).then(|| self.good / self.scored)
    }
}

#[derive(Debug, PartialEq)]
pub(super) struct Day {
    pub(super) day: String,
    pub(super) created: f64,
    pub(super) closed: f64,
    pub(super) open: f64,
}

impl Day {
    /// Several days as one, named by the first of them: what happened in all, and what was open at the end.
    pub(super) fn together(days: &[Self]) -> Option<Self> {
        let (first, last) = (days.first()?, days.last()?);
        Some(Self {
            day: first.day.clone(),
            created: days.iter().map(|day| day.created).sum(),
            closed: days.iter().map(|day| day.closed).sum(),
            open: last.open,
        })
    }
}

#[derive(Debug, PartialEq)]
pub(super) struct Week {
    pub(super) monday: String,
    pub(super) median: f64,
    pub(super) p90: f64,
}

#[derive(Debug, PartialEq)]
pub(super) struct Agent {
    pub(super) name: String,
    pub(super) replies: f64,
    pub(super) tickets: f64,
    pub(super) closed: f64,
    pub(super) first_response: Option<f64>,
    pub(super) response: Option<f64>,
    pub(super) scores: Scores,
}

#[derive(Debug, PartialEq)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) created: f64,
    pub(super) closed: f64,
    pub(super) first_response: Option<f64>,
    pub(super) resolution: Option<f64>,
    pub(super) scores: Scores,
}

#[derive(Debug, PartialEq)]
pub(super) struct Channel {
    pub(super) name: String,
    pub(super) created: f64,
    pub(super) closed: f64,
    pub(super) received: f64,
    pub(super) sent: f64,
    pub(super) first_response: Option<f64>,
    pub(super) scores: Scores,
}

/// A row of the answer: a part, two texts, nine numbers.
struct Row<'a>(&'a [Option<String>]);

impl Row<'_> {
    fn text(&self, column: usize) -> &str {
        self.0.get(column).and_then(Option::as_deref).unwrap_or_default()
    }

    /// One of the nine numbers, from 1.
    fn some(&self, number: usize) -> Option<f64> {
        self.0.get(2 + number)?.as_deref()?.parse().ok()
    }

    fn number(&self, number: usize) -> f64 {
        self.some(number).unwrap_or_default()
    }

    fn scores(&self, first: usize) -> Scores {
        Scores { scored: self.number(first), good: self.number(first + 1) }
    }
}

impl Data {
    /// Reads the answer. Agents have numbers instead of names if they are to be hidden.
    pub(super) fn from_rows(rows: &[Vec<Option<String>>], anonymous: bool) -> Self {
        let mut data = Self::default();
        let mut days = Vec::new();
        for row in rows.iter().map(|row| Row(row)) {
            data.take(&row, &mut days);
        }
        data.order(days);
        for (place, agent) in data.agents.iter_mut().enumerate() {
            if anonymous {
                agent.name = format!("Agent {}", place + 1);
            }
        }
        data
    }

    fn take(&mut self, row: &Row<'_>, days: &mut Vec<Day>) {
        let (key, name) = (row.text(1), row.text(2));
        match row.text(0) {
            "about" => {
                self.period = (!name.is_empty()).then(|| (key.to_owned(), name.to_owned()));
                (self.tickets, self.deleted) = (row.number(1), row.number(3));
                (self.spam, self.trashed) = (row.number(4), row.number(5));
            }
            "figures" => {
                let figures = Figures {
                    created: row.number(1),
                    closed: row.number(2),
                    first_response: row.some(3),
                    resolution: row.some(4),
                    scores: row.scores(5),
                };
                *(if key == "current" { &mut self.current } else { &mut self.before }) = figures;
            }
            "day" => days.push(Day {
                day: key.to_owned(),
                created: row.number(1),
                closed: row.number(2),
                open: row.number(3),
            }),
            "week" => {
                self.weeks.push(Week { monday: key.to_owned(), median: row.number(1), p90: row.number(2) });
            }
            "hour" => {
                let place = (key.parse::<usize>().ok(), name.parse::<usize>().ok());
                if let (Some(weekday @ 1..=7), Some(hour @ 0..=23)) = place {
                    self.hours[weekday - 1][hour] = row.number(1);
                }
            }
            "agent" => self.agents.push(Agent {
                name: if name.is_empty() { format!("Agent {key}") } else { name.to_owned() },
                replies: row.number(1),
                tickets: row.number(2),
                closed: row.number(3),
                first_response: row.some(4),
                response: row.some(5),
                scores: row.scores(6),
            }),
            "tag" => self.tags.push(Tag {
                name: name.to_owned(),
                created: row.number(1),
                closed: row.number(2),
                first_response: row.some(3),
                resolution: row.some(4),
                scores: row.scores(5),
            }),
            "channel" => self.channels.push(Channel {
                name: key.to_owned(),
                created: row.number(1),
                closed: row.number(2),
                received: row.number(3),
                sent: row.number(4),
                first_response: row.some(5),
                scores: row.scores(6),
            }),
            _ => {}
        }
    }

    /// Puts in order what comes in any, and divides the days into those of the period and those before.
    fn order(&mut self, mut days: Vec<Day>) {
        days.sort_by(|one, other| one.day.cmp(&other.day));
        let first = self.period.as_ref().map_or("", |(first, _)| first.as_str());
        let (before, current): (Vec<Day>, Vec<Day>) =
            days.into_iter().partition(|day| day.day.as_str() < first);
        self.open_before = before.last().map(|day| day.open);
        self.days = current;
        self.weeks.sort_by(|one, other| one.monday.cmp(&other.monday));
        self.agents.sort_by(|one, other| {
            other
                .replies
                .total_cmp(&one.replies)
                .then(other.closed.total_cmp(&one.closed))
                .then(one.name.cmp(&other.name))
        });
        self.tags.sort_by(|one, other| other.created.total_cmp(&one.created).then(one.name.cmp(&other.name)));
        self.channels
            .sort_by(|one, other| other.created.total_cmp(&one.created).then(one.name.cmp(&other.name)));
    }
}
