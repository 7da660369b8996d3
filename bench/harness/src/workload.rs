//! What is measured: one operation is one request.
//!
//! | workload | a request is |
//! |---|---|
//! | W1 | a segment with 1 subsegment |
//! | W2 | a segment with 10 subsegments, five of them nested in the other five; each has 3 fields and 1 event |
//! | W3 | as W2, with sampling off |
//! | W4 | HTTP over loopback, see [`crate::http`] |
//! | W5 | a segment with 10 calls of the AWS SDK |
//! | W6 | as W5, with sampling off |
//! | W7 | as W3, with late capture on, which forgets every request at its end |
//! | W8 | as W7, where every request ends in a fault and is kept |
//! | W9 | as W2, without its events, which not everyone writes into documents |
//! | D1, D2 | no request: a sampling decision by 25 local or central rules |
//! | `flat-N` | a segment with N subsegments beside each other |
//! | `deep-N` | a segment with N subsegments, each in the one before |
//! | `beside-N` | W2, while N other requests are open |
//! | Guard | each hot path by itself |
//!
//! The peers are measured with W1 to W4 and W9, all others are ours alone.

use std::fmt;
use std::str::FromStr;

/// What a request is; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A segment with a subsegment.
    W1,
    /// A segment with ten.
    W2,
    /// W2, not sampled.
    W3,
    /// HTTP.
    W4,
    /// Ten calls of the AWS SDK.
    W5,
    /// W5, not sampled.
    W6,
    /// W3 with late capture, forgotten.
    W7,
    /// W3 with late capture, kept.
    W8,
    /// W2 without its events.
    W9,
    /// A decision by local rules.
    D1,
    /// A decision by central rules.
    D2,
    /// A segment with so many subsegments beside each other, each with 3 fields and 1 event.
    Flat(u32),
    /// A segment with so many subsegments, each in the one before.
    Deep(u32),
    /// W2, while so many other requests are open.
    Beside(u32),
    /// Each hot path by itself.
    Guard,
}

impl fmt::Display for Workload {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Workload::Flat(spans) => write!(out, "flat-{spans}"),
            Workload::Deep(spans) => write!(out, "deep-{spans}"),
            Workload::Beside(open) => write!(out, "beside-{open}"),
            named => write!(out, "{named:?}"),
        }
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(name: &str) -> Result<Workload, String> {
        use Workload::{Beside, D1, D2, Deep, Flat, Guard, W1, W2, W3, W4, W5, W6, W7, W8, W9};
        if let Some((shape, size)) = name.split_once('-') {
            let size = size.parse().map_err(|_| format!("no number in {name}"))?;
            match shape {
                "flat" => return Ok(Flat(size)),
                "deep" => return Ok(Deep(size)),
                "beside" => return Ok(Beside(size)),
                _ => {}
            }
        }
        let named = [W1, W2, W3, W4, W5, W6, W7, W8, W9, D1, D2, Guard];
        named.into_iter().find(|workload| workload.to_string() == name).ok_or(format!("no workload {name}"))
    }
}

impl Workload {
    /// Whether it is a sampling decision alone.
    pub fn is_decision(self) -> bool {
        matches!(self, Workload::D1 | Workload::D2)
    }

    /// Whether its requests are not sampled.
    pub fn is_unsampled(self) -> bool {
        matches!(self, Workload::W3 | Workload::W6 | Workload::W7 | Workload::W8)
    }

    /// Whether requests that are not sampled are recorded until their end.
    pub fn captures_late(self) -> bool {
        matches!(self, Workload::W7 | Workload::W8)
    }

    /// What its requests answer.
    pub fn status(self) -> u16 {
        if self == Workload::W8 { 500 } else { 200 }
    }

    /// Whether its requests call the AWS SDK.
    pub fn calls_aws(self) -> bool {
        matches!(self, Workload::W5 | Workload::W6 | Workload::Guard)
    }

    /// Whether peers can be asked for it.
    pub fn is_for_all(self) -> bool {
        matches!(self, Workload::W1 | Workload::W2 | Workload::W3 | Workload::W4 | Workload::W9)
    }

    /// Spans of a request of those [for all](Workload::is_for_all) that are recorded, its own among them.
    pub fn recorded_spans(self) -> u64 {
        match self {
            Workload::W1 | Workload::W4 => 2,
            Workload::W3 => 0,
            _ => 11,
        }
    }
}
