//! The texts, one function per code; [`Code`](super::Code) documents each.
//!
//! Rules: one line, lower case, no full stop; first what happened, then how to mend it. Values from the
//! configuration and names the host chose are shown in quotes, shortened; of text from the network only the
//! field and its length.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use crate::emit::EmitError;

/// XR001. `origin` is where the address came from: a variable, `code` or `default`.
pub(crate) fn unreachable(error: &EmitError, origin: &dyn fmt::Display, lost: u64) -> String {
    let what = match error {
        EmitError::Unreachable { destination, source } if source.kind() == io::ErrorKind::ConnectionRefused => {
            format!("nothing is listening on {destination} (from {origin})")
        }
        EmitError::Unreachable { destination, source } => {
            format!("{destination} (from {origin}) cannot be reached: {source}")
        }
        other => format!("the daemon (from {origin}) cannot be reached: {}", Chain(other)),
    };
    format!("{what}; {} lost. Start the X-Ray daemon, or set AWS_XRAY_DAEMON_ADDRESS", Count(lost, "document"))
}

/// XR002. `middleware` is the type that found no layer.
pub(crate) fn no_layer(middleware: &str) -> String {
    format!(
        "{middleware} runs, but the subscriber has no X-Ray layer, so no segment is recorded. \
         Add .with(xray_core::layer(\"name\")) to it, not behind a reload layer"
    )
}

/// XR004.
pub(crate) fn spans_filtered() -> String {
    "a filter on the whole subscriber hides spans: a task spawned .in_current_span() loses its segment, and INFO spans \
     that the filter hides are not recorded. Put it on the log layer: \
     fmt::layer().with_filter(EnvFilter::from_default_env())"
        .to_owned()
}

/// XR005.
pub(crate) fn context_missing(subsegment: &str) -> String {
    format!(
        "subsegment {} has no open segment and is not recorded. Open one around it by xray_core::segment(\"job\"), \
         or set AWS_XRAY_CONTEXT_MISSING=IGNORE_ERROR",
        Quoted(subsegment)
    )
}

/// XR006.
pub(crate) fn root_span(span: &str) -> String {
    format!(
        "span {} has no parent and opened a segment of its own. If it runs in a spawned task add .in_current_span() \
         to the task; XRAY_ROOT_SPANS=off stops such segments",
        Quoted(span)
    )
}

/// XR007. Sizes in bytes, too deep if they are within the limit; the rest are counts of what was done about it.
pub(crate) fn too_large(service: &str, bytes: usize, limit: usize, split: u32, trimmed: u32, lost: u32) -> String {
    let most = crate::document::limits::NESTED_SUBSEGMENTS;
    let (what, mend) = match bytes > limit {
        true => (format!("is {bytes} bytes, limit {limit}"), "Record less metadata, or lower XRAY_STREAM_AFTER"),
        false => (format!("has more than {most} subsegments within each other"), "Open fewer spans within each other"),
    };
    let mut text = format!("a document of {} {what}", Quoted(service));
    if split > 0 {
        text += &format!("; sent {} separately", Count(split.into(), "subsegment"));
    }
    if trimmed > 0 {
        text += &format!("; left out metadata in {}", Count(trimmed.into(), "document"));
    }
    if lost > 0 {
        text += &format!("; lost {}", Count(lost.into(), "document"));
    }
    text + ". " + mend
}

/// XR008. `network` when the name came from a request (its host): then it is not shown.
pub(crate) fn name_changed(name: &str, sent: &str, network: bool) -> String {
    let what = if network {
        format!("a segment name from a request ({}) is not valid and was changed", Count(name.len() as u64, "byte"))
    } else {
        format!("segment name {} is not valid and was sent as {}", Quoted(name), Quoted(sent))
    };
    format!("{what}. {NAMES}")
}

/// XR008, of a name in the field `otel.name`, which may hold what came with a request.
pub(crate) fn field_name_changed(bytes: usize) -> String {
    format!(
        "a name in a span's field otel.name ({}) is not valid and was changed. {NAMES}",
        Count(bytes as u64, "byte")
    )
}

const NAMES: &str = "Use at most 200 letters, digits, blanks and _ . : / % & # = + \\ - @";

/// XR009, a key with characters X-Ray refuses.
pub(crate) fn key_changed(key: &str, sent: &str) -> String {
    format!("annotation {} was sent as {}. Use letters, digits and _ in keys", Quoted(key), Quoted(sent))
}

/// XR009, more annotations than a trace keeps.
pub(crate) fn annotations_moved() -> String {
    format!(
        "annotations beyond the {} that a trace keeps were moved to metadata. Annotate what you search by, and make the \
         rest metadata",
        crate::document::limits::ANNOTATIONS
    )
}

/// XR010.
pub(crate) fn none_sampled(requests: u64, rule: Option<&str>) -> String {
    let rule = rule.map(|rule| format!("; the last was decided by rule {}", Quoted(rule))).unwrap_or_default();
    format!(
        "{}, none sampled{rule}. Raise its fixed target or rate, or set XRAY_SAMPLING_RULES=all while developing",
        Count(requests, "request")
    )
}

/// XR010 in detail: one request.
pub(crate) fn not_sampled(segment: &str, rule: Option<&str>) -> String {
    match rule {
        Some(rule) => format!("segment {} is not sampled by rule {}", Quoted(segment), Quoted(rule)),
        None => format!("segment {} is not sampled", Quoted(segment)),
    }
}

/// XR011.
pub(crate) fn upstream_unsampled(unsampled: u64, requests: u64) -> String {
    format!(
        "{unsampled} of {} arrived with Sampled=0, so the rules here do not apply to them. \
         Change the caller's sampling, or set XRAY_TRUST=join to decide here",
        Count(requests, "request")
    )
}

/// XR012. `reason` comes from our own parser, and `bytes` is the header's length.
pub(crate) fn malformed_header(header: &str, bytes: usize, reason: &str, in_lambda: bool) -> String {
    let place = if header == crate::header::MESSAGE_ATTRIBUTE { "message attribute" } else { "request header" };
    let outcome = if in_lambda { "what it belongs to joins no trace" } else { "a new trace was started" };
    format!("{place} {header} ({bytes} bytes) cannot be used: {reason}; {outcome}")
}

/// XR013. Seconds since the Unix epoch.
pub(crate) fn stale_trace_id(trace_seconds: u32, now_seconds: u64) -> String {
    let trace = u64::from(trace_seconds);
    let what = match now_seconds.checked_sub(trace) {
        Some(age) => format!("{} old", Count(age / 86_400, "day")),
        None => format!("{} ahead of this clock", Count(trace.saturating_sub(now_seconds), "second")),
    };
    format!(
        "an incoming trace id is {what}, and X-Ray drops such traces. Look for a replayed header or a wrong clock \
         (here it is {now_seconds} s since 1970)"
    )
}

/// XR014. `traced` when there is a trace header, without a decision.
pub(crate) fn lambda_passive(traced: bool) -> String {
    let what = if traced { "a trace header without a sampling decision" } else { "no usable trace header" };
    format!(
        "an invocation came with {what} and is not recorded. Set the function's TracingConfig to Mode=Active \
         (SAM: Tracing: Active)"
    )
}

/// XR015.
pub(crate) fn segment_in_lambda(segment: &str) -> String {
    format!(
        "in Lambda the platform sends the segment, so segment {} becomes a subsegment of it. Use xray_core::subsegment \
         there, or a span",
        Quoted(segment)
    )
}

/// XR021.
pub(crate) fn queue_full(lost: u64, documents: usize, bytes: usize) -> String {
    format!(
        "{} lost in all because the queue to the sender is full ({documents} documents or {bytes} bytes). \
         Sample less, or look at what keeps the emitter busy",
        Count(lost, "document")
    )
}

/// XR022. `after` is the time since the start.
pub(crate) fn guard_dropped(after: Duration) -> String {
    format!(
        "shut down {} ms after the start, before any segment: the program ended, or the guard was not kept \
         (let _xray = …, not let _ = …)",
        after.as_millis()
    )
}

/// XR024.
pub(crate) fn open_long(segment: &str, open: Duration, streamed: u64) -> String {
    format!(
        "segment {} has been open for {} s; {} left ahead of their segments so far. Use one segment for each job",
        Quoted(segment),
        open.as_secs(),
        Count(streamed, "subsegment")
    )
}

/// XR024, at the end of the program.
pub(crate) fn open_at_shutdown(segments: u64) -> String {
    format!("{} still open at shutdown, sent as in progress", Count(segments, "segment"))
}

/// XR025.
pub(crate) fn setting_refused(error: &dyn Error) -> String {
    format!("{}; the default is used", Chain(error))
}

/// XR025, about a rules file that is used all the same.
pub(crate) fn rules_warning(warning: &str) -> String {
    format!("sampling rules: {warning}")
}

/// XR026. `trouble` is in words of our own. `rules` when there are rules of the service's to go on with.
#[cfg(feature = "central-sampling")]
pub(crate) fn sampling_call_failed(address: &str, operation: &str, trouble: &str, rules: bool) -> String {
    let meanwhile = if rules { "the last rules stay in force" } else { "local rules decide" };
    format!(
        "{operation} failed: the daemon at tcp {address} {trouble}; {meanwhile}. Start the X-Ray daemon, or correct \
         AWS_XRAY_DAEMON_ADDRESS; its role needs xray:{operation}"
    )
}

/// XR027. Of those that were left out, the first by name.
#[cfg(feature = "central-sampling")]
pub(crate) fn sampling_rules_skipped(skipped: usize, names: &[String], operation: &str) -> String {
    let (what, mend) = if operation == "GetSamplingRules" {
        let needs =
            "each needs every field, version 1, a rate from 0 to 1, a reservoir of 0 or more, a name of its own";
        ("central sampling rule", needs)
    } else {
        ("sampling target", "targets are made from them")
    };
    let mut which: Vec<String> = names.iter().map(|name| Quoted(name).to_string()).collect();
    match (skipped.saturating_sub(names.len()), which.is_empty()) {
        (0, _) | (_, true) => {}
        (more, false) => which.push(format!("{more} more")),
    }
    let which = if which.is_empty() { String::new() } else { format!(" ({})", which.join(", ")) };
    format!(
        "{}{which} cannot be used, left out. Look at the sampling rules in the X-Ray console: {mend}",
        Count(skipped as u64, what)
    )
}

/// XR028.
pub(crate) fn rules_refused(error: &dyn Error) -> String {
    format!("{}; the rules in force stay, and the file is read again when it changes", Chain(error))
}

/// XR025, about rules on the response.
pub(crate) fn late_rules_unused(rule: &str, in_lambda: bool) -> String {
    let mend = if in_lambda {
        "in Lambda the platform decides what is recorded"
    } else {
        "late capture is off; set XRAY_LATE_CAPTURE=rules"
    };
    format!("sampling rules: rule {} asks for the response and never matches: {mend}", Quoted(rule))
}

/// An error with its sources. They come from the configuration or the system, not from the network.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}

/// In quotes, line breaks escaped, 100 characters at most.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(100) {
            Some((end, _)) => write!(f, "{:?}…", self.0.get(..end).unwrap_or_default()),
            None => write!(f, "{:?}", self.0),
        }
    }
}

struct Count(u64, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn texts() {
        let refused = EmitError::Unreachable {
            destination: "udp 127.0.0.1:2000".into(),
            source: io::ErrorKind::ConnectionRefused.into(),
        };
        let unknown =
            EmitError::Unreachable { destination: "udp daemon:2000".into(), source: io::Error::other("no such name") };
        let lines = [
            unreachable(&refused, &"default", 1),
            unreachable(&unknown, &"AWS_XRAY_DAEMON_ADDRESS", 3),
            no_layer("ServerSegment"),
            spans_filtered(),
            context_missing("Dynamo\nDB"),
            root_span("fetch"),
            too_large("orders", 91_204, 64_000, 14, 1, 0),
            too_large("orders", 31_650, 63_970, 3, 0, 0),
            name_changed("orders(api)", "ordersapi", false),
            name_changed("{}.evil", ".evil", true),
            field_name_changed(16),
            key_changed("order-id", "order_id"),
            annotations_moved(),
            none_sampled(1000, Some("default")),
            not_sampled("orders", None),
            upstream_unsampled(930, 1000),
            malformed_header("x-amzn-trace-id", 10, "trace header Root is not a trace id", false),
            malformed_header("AWSTraceHeader", 10, "there is no Root field", true),
            stale_trace_id(1_000_000_000, 1_000_000_000 + 365 * 86_400),
            stale_trace_id(1_000_000_090, 1_000_000_000),
            lambda_passive(false),
            lambda_passive(true),
            segment_in_lambda("orders"),
            queue_full(412, 4096, 8_388_608),
            guard_dropped(Duration::from_millis(3)),
            open_long("worker", Duration::from_secs(900), 5000),
            setting_refused(&io::Error::other("AWS_XRAY_CONTEXT_MISSING is \"x\"")),
            rules_refused(&io::Error::other(
                "sampling rules in a.json: rule 1: rate is 2.0; expected a number from 0.0 to 1.0",
            )),
            late_rules_unused("errors", false),
            late_rules_unused("errors", true),
        ];
        expect![[r#"
            nothing is listening on udp 127.0.0.1:2000 (from default); 1 document lost. Start the X-Ray daemon, or set AWS_XRAY_DAEMON_ADDRESS
            udp daemon:2000 (from AWS_XRAY_DAEMON_ADDRESS) cannot be reached: no such name; 3 documents lost. Start the X-Ray daemon, or set AWS_XRAY_DAEMON_ADDRESS
            ServerSegment runs, but the subscriber has no X-Ray layer, so no segment is recorded. Add .with(xray_core::layer("name")) to it, not behind a reload layer
            a filter on the whole subscriber hides spans: a task spawned .in_current_span() loses its segment, and INFO spans that the filter hides are not recorded. Put it on the log layer: fmt::layer().with_filter(EnvFilter::from_default_env())
            subsegment "Dynamo\nDB" has no open segment and is not recorded. Open one around it by xray_core::segment("job"), or set AWS_XRAY_CONTEXT_MISSING=IGNORE_ERROR
            span "fetch" has no parent and opened a segment of its own. If it runs in a spawned task add .in_current_span() to the task; XRAY_ROOT_SPANS=off stops such segments
            a document of "orders" is 91204 bytes, limit 64000; sent 14 subsegments separately; left out metadata in 1 document. Record less metadata, or lower XRAY_STREAM_AFTER
            a document of "orders" has more than 60 subsegments within each other; sent 3 subsegments separately. Open fewer spans within each other
            segment name "orders(api)" is not valid and was sent as "ordersapi". Use at most 200 letters, digits, blanks and _ . : / % & # = + \ - @
            a segment name from a request (7 bytes) is not valid and was changed. Use at most 200 letters, digits, blanks and _ . : / % & # = + \ - @
            a name in a span's field otel.name (16 bytes) is not valid and was changed. Use at most 200 letters, digits, blanks and _ . : / % & # = + \ - @
            annotation "order-id" was sent as "order_id". Use letters, digits and _ in keys
            annotations beyond the 50 that a trace keeps were moved to metadata. Annotate what you search by, and make the rest metadata
            1000 requests, none sampled; the last was decided by rule "default". Raise its fixed target or rate, or set XRAY_SAMPLING_RULES=all while developing
            segment "orders" is not sampled
            930 of 1000 requests arrived with Sampled=0, so the rules here do not apply to them. Change the caller's sampling, or set XRAY_TRUST=join to decide here
            request header x-amzn-trace-id (10 bytes) cannot be used: trace header Root is not a trace id; a new trace was started
            message attribute AWSTraceHeader (10 bytes) cannot be used: there is no Root field; what it belongs to joins no trace
            an incoming trace id is 365 days old, and X-Ray drops such traces. Look for a replayed header or a wrong clock (here it is 1031536000 s since 1970)
            an incoming trace id is 90 seconds ahead of this clock, and X-Ray drops such traces. Look for a replayed header or a wrong clock (here it is 1000000000 s since 1970)
            an invocation came with no usable trace header and is not recorded. Set the function's TracingConfig to Mode=Active (SAM: Tracing: Active)
            an invocation came with a trace header without a sampling decision and is not recorded. Set the function's TracingConfig to Mode=Active (SAM: Tracing: Active)
            in Lambda the platform sends the segment, so segment "orders" becomes a subsegment of it. Use xray_core::subsegment there, or a span
            412 documents lost in all because the queue to the sender is full (4096 documents or 8388608 bytes). Sample less, or look at what keeps the emitter busy
            shut down 3 ms after the start, before any segment: the program ended, or the guard was not kept (let _xray = …, not let _ = …)
            segment "worker" has been open for 900 s; 5000 subsegments left ahead of their segments so far. Use one segment for each job
            AWS_XRAY_CONTEXT_MISSING is "x"; the default is used
            sampling rules in a.json: rule 1: rate is 2.0; expected a number from 0.0 to 1.0; the rules in force stay, and the file is read again when it changes
            sampling rules: rule "errors" asks for the response and never matches: late capture is off; set XRAY_LATE_CAPTURE=rules
            sampling rules: rule "errors" asks for the response and never matches: in Lambda the platform decides what is recorded"#]].assert_eq(&lines.join("\n"));
        assert!(lines.iter().all(|line| !line.contains('\n') && !line.ends_with('.')));
    }

    #[test]
    fn host_text_is_shortened() {
        assert_eq!(Quoted(&"é".repeat(101)).to_string(), format!("\"{}\"…", "é".repeat(100)));
    }
}
