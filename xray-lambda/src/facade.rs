//! Which trace header an invocation came with.
//!
//! It stands in the invocation's context. `_X_AMZN_TRACE_ID` belongs to the process: it is asked only where the context
//! has none, and only while the process serves one invocation at a time.

use lambda_runtime::Context;
use xray_core::{Code, Incoming};

use crate::settings::Environment;

/// Reads the invocation's header.
pub(crate) fn incoming(
    context: Option<&Context>,
    environment: &Environment,
    lookup: impl Fn(&str) -> Option<String>,
) -> Incoming {
    let own = context.and_then(|context| context.xray_trace_id.as_deref()).filter(|header| !header.trim().is_empty());
    if let Some(header) = own {
        return Incoming::read(Some(header.as_bytes()), None);
    }
    let Some(header) = lookup(VARIABLE).filter(|header| !header.trim().is_empty()) else {
        return Incoming::default();
    };
    if environment.concurrency > 1 {
        xray_core::report(Code::Xr016, || {
            format!(
                "an invocation has no trace header, and {VARIABLE} is not asked with AWS_LAMBDA_MAX_CONCURRENCY={}: it \
                 may be another invocation's. Unset it",
                environment.concurrency
            )
        });
        return Incoming::default();
    }
    Incoming::read(Some(header.as_bytes()), None)
}

const VARIABLE: &str = "_X_AMZN_TRACE_ID";

#[cfg(test)]
mod tests {
    use super::*;
    use xray_test::{Captured, ManualClock, SeededEntropy};

    const OURS: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    const OTHER: &str = "Root=1-aaaaaaaa-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

    fn read(own: Option<&str>, variable: Option<&str>, concurrency: u32) -> Option<String> {
        let mut context = Context::default();
        context.xray_trace_id = own.map(str::to_owned);
        let environment = Environment { concurrency, ..Environment::default() };
        let incoming = incoming(Some(&context), &environment, |name| {
            assert_eq!(name, "_X_AMZN_TRACE_ID");
            variable.map(str::to_owned)
        });
        incoming.header().map(ToString::to_string)
    }

    #[test]
    fn the_context_wins_over_the_variable() {
        assert_eq!(read(Some(OURS), Some(OTHER), 1).as_deref(), Some(OURS));
        assert_eq!(read(None, Some(OTHER), 1).as_deref(), Some(OTHER));
        assert_eq!(read(Some(" "), Some(OTHER), 1).as_deref(), Some(OTHER));
        assert_eq!(read(None, None, 1), None);
        assert_eq!(read(None, Some(""), 1), None);
    }

    #[test]
    fn a_header_that_cannot_be_used_is_not_replaced_by_the_variable() {
        assert_eq!(read(Some("Root=oops"), Some(OTHER), 1), None);
    }

    #[test]
    fn of_concurrent_invocations_the_variable_says_nothing() {
        let xray = Captured::with(ManualClock::at(0.0), SeededEntropy::new(1), |layer| layer.lambda(true));
        xray.run(|| assert_eq!(read(None, Some(OTHER), 8), None));
        expect_test::expect![[r#"["XR016: an invocation has no trace header, and _X_AMZN_TRACE_ID is not asked with AWS_LAMBDA_MAX_CONCURRENCY=8: it may be another invocation's. Unset it"]"#]]
            .assert_eq(&format!("{:?}", xray.diagnostics()));
        xray.run(|| assert_eq!(read(Some(OURS), Some(OTHER), 8).as_deref(), Some(OURS)));
    }
}
