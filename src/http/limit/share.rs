//! The budget in numbers: our part of it, what may be sent, what an answer says of it.

use std::fmt;
use std::str::FromStr;

/// The part of the account's budget that is ours, in whole percent from 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(pub(super) u8);

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self(100);

    /// As a factor.
    #[must_use]
    pub fn part(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// What is no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must be whole percent from 1% to 100%, such as 70%")]
pub struct NoShare;

impl FromStr for Share {
    type Err = NoShare;

    /// `70%`; the sign may be left out, as in a URI it would have to be escaped.
    fn from_str(text: &str) -> Result<Self, NoShare> {
        let digits = text.trim().trim_end_matches('%').trim_end();
        match digits.parse() {
            Ok(percent @ 1..=100) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Self(percent)),
            _ => Err(NoShare),
        }
    }
}

/// What may be sent, as far as the answers so far have told: for forecasts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// Requests a second in the long run, within our share, if nobody else sends any. More than zero.
    pub rate: f64,
    /// Requests that may be sent at once. Not negative; less than one if the budget is used up.
    pub free: f64,
    /// The part of the account's budget that is ours.
    pub share: Share,
}

/// `used/limit` of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RateHeader {
    pub(super) used: u32,
    pub(super) limit: u32,
}
