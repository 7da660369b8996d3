//! What the unit tests of open trees share.

use super::head::{Head, Kind, Late, PassOn};
use crate::sampling::{Decision, Reason};

/// A sampled trace whose monotonic time 0 is 1465510280 s.
pub(crate) fn head() -> Head {
    Head {
        trace_id: "1-5759e988-bd862e3fe1be46a994272793".parse().unwrap(),
        id: 1,
        parent: None,
        sampled: true,
        decision: Decision::new(true, Reason::Fixed),
        late: Late::No,
        asked: false,
        kind: Kind::Explicit,
        pass_on: PassOn::Own,
        origin: 1_465_510_280_000_000_000,
        start: 0,
    }
}
