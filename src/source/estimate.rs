//! What a read would take, before it begins; and what is left of it, while it goes on.

use std::time::Duration;

/// A number that is not known exactly: no less than, about, and no more than; `None`: nobody can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guess {
    /// Less would surprise.
    pub least: u64,
    /// The best guess.
    pub about: u64,
    /// More would surprise.
    pub most: Option<u64>,
}

impl Guess {
    /// A number that is known.
    #[must_use]
    pub fn exactly(number: u64) -> Self {
        Self { least: number, about: number, most: Some(number) }
    }

    /// Whether it is known.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.most == Some(self.least)
    }

    /// Whether it is known so little that a reason has to be given.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        self.most.is_none_or(|most| most > self.least.saturating_mul(4))
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            least: self.least + other.least,
            about: self.about + other.about,
            most: self.most.zip(other.most).map(|(a, b)| a + b),
        }
    }

    /// The same of each bound.
    #[must_use]
    pub fn map(self, f: impl Fn(u64) -> u64) -> Self {
        Self { least: f(self.least), about: f(self.about), most: self.most.map(f) }
    }
}

/// What a guess is drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// All of it was seen.
    Seen,
    /// Pages at some dates: how many rows there are in a day.
    Dates,
    /// The number of tickets, and how many messages some of them have.
    Tickets,
    /// The same of rows by their last change.
    Changes,
    /// What an unfinished pass has read so far, and how far that was.
    Progress,
    /// What such tables usually have.
    Small,
}

impl Basis {
    /// The name in machine-readable output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Dates => "dates",
            Self::Tickets => "tickets",
            Self::Changes => "changes",
            Self::Progress => "progress",
            Self::Small => "small",
        }
    }
}

/// Why a range is wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wide {
    /// The list can only be looked at from its ends.
    Ends,
    /// Many rows came at once, as in an import, and how many was not found out.
    AtOnce,
    /// Some days have many more rows than others, or there are long times without any.
    Uneven,
}

impl Wide {
    /// The name in machine-readable output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ends => "ends",
            Self::AtOnce => "at_once",
            Self::Uneven => "uneven",
        }
    }
}

/// What reading a table would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// Rows that would be read.
    pub rows: Guess,
    /// Requests that would be sent.
    pub requests: Guess,
    /// Where this comes from.
    pub basis: Basis,
    /// Why the range of rows is wider than a factor of four, if it is.
    pub wide: Option<Wide>,
}

/// How a list is re-scanned for changes without a sign, as the last run left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rescan {
    /// In which time the whole list is to be read; `None`: never.
    pub period: Option<Duration>,
    /// Pages of the list, about.
    pub pages: u64,
    /// Pages a run may read of it, if that is fewer than become due; `None`: all that was due has been read.
    pub cap: Option<u64>,
}

impl Rescan {
    /// Runs that the whole list takes where the cap decides.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.pages.div_ceil(self.cap.unwrap_or(self.pages).max(1))
    }
}

/// How far a pass has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Headway {
    /// Pages of it that this run has read.
    pub read: u64,
    /// About so many more will be. Not negative.
    pub left: f64,
}
