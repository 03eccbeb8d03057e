//! Columns and their types: the vocabulary that sources declare, `normalise` fills and destinations store.
//!
//! Arrow carries the data, but Arrow alone cannot say "this text is JSON", so a field's metadata does ([`LogicalType::of`]).

use std::collections::HashMap;

use arrow_schema::{DataType, Field, TimeUnit};
use jiff::SignedDuration;
use jiff::civil::DateTime;

/// Microseconds since 1970-01-01T00:00:00Z: the precision the API sends and every destination keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// That much later; saturates at the ends of time.
    #[must_use]
    pub fn plus(self, span: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// That much earlier; saturates at the ends of time.
    #[must_use]
    pub fn minus(self, span: std::time::Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Date and time in UTC; `None`: before the year 0 or after 9999, which four digits do not write. (jiff's instants end 26
    /// hours before that year does, and 9999-12-31 is what many write for "never".)
    #[must_use]
    pub fn civil(self) -> Option<DateTime> {
        EPOCH.checked_add(SignedDuration::from_micros(self.0)).ok().filter(|time| time.year() >= 0)
    }

    /// `2026-11-22T09:40:25.250000Z`: of one width, so that texts sort as times do.
    #[must_use]
    pub fn iso(self) -> Option<String> {
        Some(self.civil()?.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
    }

    /// The instant of a date and time in UTC.
    #[must_use]
    pub fn of_civil(time: DateTime) -> Self {
        // No year that jiff knows is as far away.
        Self(i64::try_from(time.duration_since(EPOCH).as_micros()).unwrap_or(i64::MAX))
    }
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// As the API writes it: `2026-08-26T18:36:51.461517+00:00`, the fraction left out when it is zero.
impl std::fmt::Display for Micros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.civil() {
            Some(time) => {
                let text = time.to_string();
                match text.split_once('.') {
                    Some((whole, fraction)) => write!(f, "{whole}.{fraction:0<6}+00:00"),
                    None => write!(f, "{text}+00:00"),
                }
            }
            None => write!(f, "{} µs", self.0),
        }
    }
}

/// From any form of RFC 3339, to the microsecond; in UTC up to the end of 9999.
impl std::str::FromStr for Micros {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = text.parse::<jiff::Timestamp>().map(|at| Self(at.as_microsecond()));
        let in_utc = text.strip_suffix(['Z', 'z']).or_else(|| text.strip_suffix("+00:00"));
        match in_utc {
            Some(time) => known.or_else(|_| time.parse().map(Self::of_civil)),
            None => known,
        }
    }
}

/// What a column means, independent of how a destination spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogicalType {
    /// `true` or `false`.
    Bool,
    /// A 64-bit signed integer; every Gorgias id is one.
    Int64,
    /// A double.
    Float64,
    /// Unicode text.
    Text,
    /// An instant in UTC, to the microsecond.
    Timestamp,
    /// A JSON value, kept as the exact text that was received.
    Json,
}

/// Key of the field metadata that tells JSON from text.
const LOGICAL: &str = "ingestr.logical";

impl LogicalType {
    /// Each of them.
    pub const ALL: [Self; 6] =
        [Self::Bool, Self::Int64, Self::Float64, Self::Text, Self::Timestamp, Self::Json];

    /// The name users see in `ingestr tables` and may type in `--columns`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int64 => "bigint",
            Self::Float64 => "double",
            Self::Text => "text",
            Self::Timestamp => "timestamptz",
            Self::Json => "json",
        }
    }

    /// The Arrow type that carries it.
    #[must_use]
    pub fn arrow(self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Text | Self::Json => DataType::Utf8,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }

    /// Reads the type back from a field made by [`Column::field`]; `None` for a type we never make.
    #[must_use]
    pub fn of(field: &Field) -> Option<Self> {
        match field.data_type() {
            DataType::Boolean => Some(Self::Bool),
            DataType::Int64 => Some(Self::Int64),
            DataType::Float64 => Some(Self::Float64),
            DataType::Utf8 if field.metadata().get(LOGICAL).is_some_and(|v| v == "json") => Some(Self::Json),
            DataType::Utf8 => Some(Self::Text),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Some(Self::Timestamp),
            _ => None,
        }
    }

    /// The narrowest type that holds every value of both without loss. Used only for columns whose type was
    /// inferred: a documented column keeps its type, and what does not fit is rejected.
    #[must_use]
    pub fn widen(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Json, _) | (_, Self::Json) => Self::Json,
            (Self::Int64, Self::Float64) | (Self::Float64, Self::Int64) => Self::Float64,
            _ => Self::Text,
        }
    }
}

/// The column that a field of the source has which is not documented.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldName {
    /// The field, as the source spells it.
    pub field: String,
    /// Its column; [`super::EXTRA`] where it lies with others.
    pub column: String,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name in the destination.
    pub name: String,
    /// Its type.
    pub logical: LogicalType,
}

impl Column {
    /// A column of that name and type.
    pub fn new(name: impl Into<String>, logical: LogicalType) -> Self {
        Self { name: name.into(), logical }
    }

    /// The Arrow field, nullable, with the logical type in its metadata where Arrow cannot tell.
    #[must_use]
    pub fn field(&self) -> Field {
        let field = Field::new(&self.name, self.logical.arrow(), true);
        match self.logical {
            LogicalType::Json => field.with_metadata(HashMap::from([(LOGICAL.into(), "json".into())])),
            _ => field,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_print_as_the_api_writes_them() {
        assert_eq!(Micros(1_787_769_411_461_510).to_string(), "2026-08-26T18:36:51.461510+00:00");
        assert_eq!(Micros(1_787_747_400_000_000).to_string(), "2026-08-26T12:30:00+00:00");
        assert_eq!(Micros(-1).to_string(), "1969-12-31T23:59:59.999999+00:00");
        assert_eq!(Micros(253_402_300_799_000_000).to_string(), "9999-12-31T23:59:59+00:00");
        assert_eq!(Micros(253_402_300_800_000_000).to_string(), "253402300800000000 µs");
    }

    #[test]
    fn instants_of_four_digits_are_written_and_read() {
        for (micros, text) in [
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
            (253_402_207_200_000_000, "9999-12-30T22:00:00.000000Z"),
            (1_795_340_425_250_000, "2026-11-22T09:40:25.250000Z"),
            (-62_135_596_800_000_000, "0001-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(Micros(micros).iso().as_deref(), Some(text));
            assert_eq!(text.parse().ok(), Some(Micros(micros)));
        }
        assert_eq!("9999-12-31T23:59:59+00:00".parse().ok(), Some(Micros(253_402_300_799_000_000)));
        assert_eq!("2026-11-22 10:40:25.25+01".parse().ok(), Some(Micros(1_795_340_425_250_000)));
        for micros in [i64::MIN, 253_402_300_800_000_000, i64::MAX] {
            assert_eq!(Micros(micros).iso(), None, "{micros}");
        }
        for text in ["", "never", "9999-12-31T23:59:59", "9999-12-31"] {
            assert_eq!(text.parse::<Micros>().ok(), None, "{text}");
        }
    }

    #[test]
    fn every_type_survives_the_way_through_arrow() {
        for logical in LogicalType::ALL {
            assert_eq!(LogicalType::of(&Column::new("c", logical).field()), Some(logical));
        }
    }

    #[test]
    fn widening_is_symmetric_and_never_narrows() {
        for a in LogicalType::ALL {
            for b in LogicalType::ALL {
                assert_eq!(a.widen(b), b.widen(a));
                assert_eq!(a.widen(b).widen(a), a.widen(b));
            }
        }
    }
}
