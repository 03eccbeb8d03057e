//! One growing column: takes JSON text, gives an Arrow array, and can become a wider type on the way.

use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};

use super::decode::{self, Decoded, HALF};
use super::{escapes, token};
use crate::model::{LogicalType, Micros};

/// A column being filled.
#[derive(Debug)]
pub(super) enum Builder {
    Bool(BooleanBuilder),
    Int64(Int64Builder),
    Float64(Float64Builder),
    Text(StringBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Json(StringBuilder),
}

/// How a value went in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Whole,
    /// Stored, but not all of it.
    Lossy(&'static str),
    /// NULL was stored in its place.
    Rejected(&'static str),
}

/// What becomes of JSON that no column takes.
pub(super) const TOO_DEEP: Fit = Fit::Rejected("nested too deep");

impl Builder {
    pub(super) fn new(logical: LogicalType) -> Self {
        match logical {
            LogicalType::Bool => Self::Bool(BooleanBuilder::new()),
            LogicalType::Int64 => Self::Int64(Int64Builder::new()),
            LogicalType::Float64 => Self::Float64(Float64Builder::new()),
            LogicalType::Text => Self::Text(StringBuilder::new()),
            LogicalType::Timestamp => {
                Self::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
            LogicalType::Json => Self::Json(StringBuilder::new()),
        }
    }

    pub(super) fn append_null(&mut self) {
        match self {
            Self::Bool(builder) => builder.append_null(),
            Self::Int64(builder) => builder.append_null(),
            Self::Float64(builder) => builder.append_null(),
            Self::Text(builder) | Self::Json(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
        }
    }

    /// Appends an instant; NULL if the column is of another type by the user's wish, where it is text or JSON then.
    pub(super) fn append_instant(
        &mut self,
        value: Option<Micros>,
        raw: impl FnOnce(Micros) -> String,
    ) -> Fit {
        match (self, value) {
            (Self::Timestamp(builder), value) => {
                builder.append_option(value.map(|micros| micros.0));
                Fit::Whole
            }
            (builder, Some(value)) => builder.append(&format!("\"{}\"", raw(value)), false),
            (builder, None) => {
                builder.append_null();
                Fit::Whole
            }
        }
    }

    /// Appends one value given as JSON text. Exactly one slot is filled whatever happens.
    pub(super) fn append(&mut self, raw: &str, trim: bool) -> Fit {
        match self {
            Self::Bool(builder) => fill(decode::bool(raw), |value| builder.append_option(value)),
            Self::Int64(builder) => fill(decode::int64(raw), |value| builder.append_option(value)),
            Self::Float64(builder) => fill(decode::float64(raw), |value| builder.append_option(value)),
            Self::Timestamp(builder) => {
                fill(decode::timestamp(raw), |value| builder.append_option(value.map(|micros| micros.0)))
            }
            Self::Json(builder) if token::too_deep(raw, 0) => {
                builder.append_null();
                TOO_DEEP
            }
            Self::Json(builder) => match escapes::without_halves(raw) {
                Some(whole) => {
                    builder.append_value(whole);
                    Fit::Lossy(HALF)
                }
                None => {
                    builder.append_option((raw != "null").then_some(raw));
                    Fit::Whole
                }
            },
            Self::Text(builder) => append_text(builder, raw, trim),
        }
    }

    /// How many values it holds.
    pub(super) fn len(&self) -> usize {
        use arrow_array::builder::ArrayBuilder as _;
        match self {
            Self::Bool(builder) => builder.len(),
            Self::Int64(builder) => builder.len(),
            Self::Float64(builder) => builder.len(),
            Self::Text(builder) | Self::Json(builder) => builder.len(),
            Self::Timestamp(builder) => builder.len(),
        }
    }

    /// The values so far; the builder starts anew.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Int64(builder) => Arc::new(builder.finish()),
            Self::Float64(builder) => Arc::new(builder.finish()),
            Self::Text(builder) | Self::Json(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
        }
    }

    /// The same values in a wider type ([`LogicalType::widen`]), or as text where that does not hold all of them: an integer
    /// beyond 2^53 is no double. Returns the type that they have now.
    pub(super) fn widen(&mut self, to: LogicalType) -> LogicalType {
        let old = self.finish();
        let (wider, whole) = Self::of(&old, to);
        if whole || to == LogicalType::Text {
            *self = wider;
            return to;
        }
        *self = Self::of(&old, LogicalType::Text).0;
        LogicalType::Text
    }

    /// These values in another type, and whether it holds all of them.
    fn of(values: &ArrayRef, to: LogicalType) -> (Self, bool) {
        let mut builder = Self::new(to);
        let mut whole = true;
        for row in 0..values.len() {
            match json_text(values, row) {
                Some(raw) => whole &= builder.append(&raw, false) == Fit::Whole,
                None => builder.append_null(),
            }
        }
        (builder, whole)
    }
}

fn fill<T>(decoded: Decoded<T>, append: impl FnOnce(Option<T>)) -> Fit {
    match decoded {
        Decoded::Null => {
            append(None);
            Fit::Whole
        }
        Decoded::Value(value) => {
            append(Some(value));
            Fit::Whole
        }
        Decoded::Lossy(value, reason) => {
            append(Some(value));
            Fit::Lossy(reason)
        }
        Decoded::Rejected(reason) => {
            append(None);
            Fit::Rejected(reason)
        }
    }
}

/// Most strings have no escapes and go in without a copy of their own.
fn append_text(builder: &mut StringBuilder, raw: &str, trim: bool) -> Fit {
    let trimmed = |text: &str| if trim { text.trim().to_owned() } else { text.to_owned() };
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(inner) if memchr::memchr(b'\\', inner.as_bytes()).is_none() => {
            builder.append_value(if trim { inner.trim() } else { inner });
            Fit::Whole
        }
        _ => {
            let mut text = String::with_capacity(raw.len());
            let decoded = decode::text(raw, &mut text);
            fill(decoded, |value: Option<()>| match value {
                Some(()) if trim => builder.append_value(trimmed(&text)),
                Some(()) => builder.append_value(&text),
                None => builder.append_null(),
            })
        }
    }
}

/// One stored value as the JSON text it could have come from.
fn json_text(array: &ArrayRef, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    let any = array.as_any();
    if let Some(array) = any.downcast_ref::<BooleanArray>() {
        return Some(array.value(row).to_string());
    }
    if let Some(array) = any.downcast_ref::<Int64Array>() {
        return Some(array.value(row).to_string());
    }
    if let Some(array) = any.downcast_ref::<Float64Array>() {
        return serde_json::to_string(&array.value(row)).ok();
    }
    if let Some(array) = any.downcast_ref::<TimestampMicrosecondArray>() {
        return Some(format!("\"{}\"", Micros(array.value(row))));
    }
    any.downcast_ref::<StringArray>().and_then(|array| serde_json::to_string(array.value(row)).ok())
}
