//! Fault plans by name or by formula, as the command line takes them.

use crate::faults::{Fault, RetryAfter};
use crate::unreadable::Unreadable;

/// Reads `none`, `light`, `heavy` or a list like `p429=0.01,p500=0.005,reset=0.01`.
pub fn fault_plan(text: &str) -> Result<Vec<(Fault, f64)>, String> {
    let text = match text {
        "none" | "" => return Ok(Vec::new()),
        "light" => "p429=0.01,p500=0.005,p503=0.005,reset=0.005",
        // No wrong orders or bare arrays: those are for tests that look for them.
        "heavy" => {
            "p429=0.05,p500=0.03,p502=0.02,p503=0.02,reset=0.03,cut=0.03,hang=0.002,html=0.01,noheader=0.02"
        }
        text => text,
    };
    let mut plan = Vec::new();
    for part in text.split(',') {
        let (name, probability) =
            part.split_once('=').ok_or_else(|| format!("`{part}` is not name=probability"))?;
        let probability: f64 = probability.parse().map_err(|_| format!("`{probability}` is not a number"))?;
        if !(0.0..=1.0).contains(&probability) {
            return Err(format!("`{part}`: a probability lies between 0 and 1"));
        }
        plan.push((fault(name)?, probability));
    }
    let sum: f64 = plan.iter().map(|(_, probability)| probability).sum();
    if sum > 1.0 {
        return Err(format!("the probabilities add up to {sum}, more than 1"));
    }
    Ok(plan)
}

fn fault(name: &str) -> Result<Fault, String> {
    Ok(match name {
        "p429" => Fault::Status429 { retry_after: Some(1) },
        "p429bare" => Fault::Status429 { retry_after: None },
        "p500" => Fault::Status(500),
        "p502" => Fault::Status(502),
        "p503" => Fault::Status(503),
        "reset" => Fault::Reset,
        "cut" => Fault::CutBody,
        "hang" => Fault::Hang,
        "html" => Fault::Html200,
        "expired" => Fault::ExpiredCursor,
        "forbidden" => Fault::Forbidden,
        "nometa" => Fault::MissingMeta,
        "emptypage" => Fault::EmptyPageWithNext,
        "repeat" => Fault::RepeatedCursor,
        "wrongorder" => Fault::WrongOrder,
        "noheader" => Fault::HeaderMissing,
        "badheader" => Fault::HeaderNonsense,
        "array" => Fault::BareArray,
        "emptylookup" => Fault::EmptyLookup,
        "partiallookup" => Fault::PartialLookup,
        "lost" => Fault::Lost,
        "emptynometa" => Fault::EmptyWithoutMeta,
        "emptyend" => Fault::EmptyEnd,
        "shortnometa" => Fault::ShortWithoutMeta,
        "p206" => Fault::Partial206,
        "p203" => Fault::Status203,
        "p204" => Fault::NoContent,
        "emptycursor" => Fault::EmptyCursor,
        "endlessempty" => Fault::EndlessEmpty,
        "endlesssame" => Fault::EndlessSame,
        "botcheck" => Fault::BotCheck,
        "retryfraction" => Fault::Told { status: 429, wait: RetryAfter::Millis(1_500) },
        "retrydate" => Fault::Told { status: 429, wait: RetryAfter::Date(3) },
        "retrylong" => Fault::Told { status: 429, wait: RetryAfter::Seconds(3_600) },
        "notutf8" => Fault::Unreadable(Unreadable::NotUtf8),
        "nan" => Fault::Unreadable(Unreadable::NaN),
        "infinity" => Fault::Unreadable(Unreadable::Infinity),
        "control" => Fault::Unreadable(Unreadable::Control),
        "surrogate" => Fault::Unreadable(Unreadable::HalfSurrogate),
        "surrogatename" => Fault::Unreadable(Unreadable::HalfSurrogateInName),
        "nulname" => Fault::Unreadable(Unreadable::NulInName),
        "oversized" => Fault::Unreadable(Unreadable::Padded { mib: 70 }),
        "bom" => Fault::Bom,
        name => return Err(format!("no fault is called `{name}`")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_read_or_refused() {
        assert_eq!(fault_plan("none"), Ok(vec![]));
        assert_eq!(
            fault_plan("p500=0.5,reset=0.25"),
            Ok(vec![(Fault::Status(500), 0.5), (Fault::Reset, 0.25)])
        );
        assert!(!fault_plan("light").unwrap().is_empty() && !fault_plan("heavy").unwrap().is_empty());
        for bad in ["p500", "p500=x", "p500=2", "sunspots=0.1", "p500=0.6,reset=0.6"] {
            assert!(fault_plan(bad).is_err(), "{bad}");
        }
    }
}
