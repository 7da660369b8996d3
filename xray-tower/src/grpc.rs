//! gRPC's own status, which travels beside an HTTP status that is always 200.
//!
//! It stands in the trailers, or in the head when there is no body ("trailers-only").
//!
//! Sources: the gRPC specification, "PROTOCOL-HTTP2" and "Status codes and their use in gRPC"; which
//! code is whose mistake follows the X-Ray SDK for Go.

use http::HeaderMap;
use xray_core::{Flags, Node};

/// True when a message's content type is `application/grpc` or one of its kinds (`+proto`, `-web`).
pub(crate) fn is_grpc(content_type: Option<&[u8]>) -> bool {
    content_type.is_some_and(|kind| kind.starts_with(b"application/grpc"))
}

/// Records the `grpc-status` in `headers`, if there is one: flags, and metadata `grpc_status`.
pub(crate) fn record_status(node: &Node, headers: &HeaderMap) {
    let Some(status) = headers.get("grpc-status") else {
        return;
    };
    // A peer's nonsense counts as UNKNOWN, as gRPC's own clients take it.
    let code = status.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(UNKNOWN);
    node.add_metadata("grpc_status", code);
    node.mark(flags(code));
}

const UNKNOWN: u16 = 2;

/// Whose mistake a status is.
fn flags(code: u16) -> Flags {
    let none = Flags::default();
    match code {
        0 => none,
        // RESOURCE_EXHAUSTED
        8 => Flags { throttle: true, ..none },
        // CANCELLED, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED,
        // FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNAUTHENTICATED
        1 | 3 | 5 | 6 | 7 | 9 | 10 | 11 | 16 => Flags { error: true, ..none },
        // UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS; and codes that
        // do not exist yet, for they cannot be blamed on the caller.
        _ => Flags { fault: true, ..none },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_flag() {
        let named = |code| match flags(code) {
            Flags { error: false, throttle: false, fault: false } => "ok",
            Flags { error: true, throttle: false, fault: false } => "error",
            Flags { error: false, throttle: true, fault: false } => "throttle",
            Flags { error: false, throttle: false, fault: true } => "fault",
            _ => "mixed",
        };
        let table: Vec<&str> = (0..=17).map(named).collect();
        assert_eq!(
            table,
            [
                "ok", "error", "fault", "error", "fault", "error", "error", "error", "throttle", "error", "error",
                "error", "fault", "fault", "fault", "fault", "error", "fault"
            ]
        );
    }

    #[test]
    fn kinds_of_grpc_are_told_from_other_types() {
        let with = |kind: &str| is_grpc(Some(kind.as_bytes()));
        assert!(with("application/grpc") && with("application/grpc+proto") && with("application/grpc-web"));
        assert!(!with("application/json") && !is_grpc(None));
    }
}
