//! The numbers of the messages. A number keeps its meaning for ever and is never used again.

use std::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $code:ident $text:literal,)+) => {
        /// The number of a message; its documentation says what happened and how to mend it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])+ $code,)+
        }

        impl Code {
            /// All of them, in order.
            pub const ALL: &'static [Code] = &[$(Code::$code),+];

            /// As printed, such as `XR001`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Code::$code => $text,)+
                }
            }
        }
    };
}

codes! {
    /// The daemon cannot be reached: nobody listens, the name has no address, or there is no route.
    ///
    /// Start the X-Ray daemon, or set `AWS_XRAY_DAEMON_ADDRESS`. Documents sent meanwhile are lost; the address
    /// is tried with every document, so nothing needs a restart.
    Xr001 "XR001",
    /// Middleware runs, but the current subscriber has no X-Ray layer: nothing is recorded.
    ///
    /// Add the layer to the subscriber. Behind `tracing_subscriber::reload` it cannot be found.
    Xr002 "XR002",
    /// A global subscriber was there before ours: X-Ray is off.
    ///
    /// Remove the other call (`fmt::init`, a framework's own), or add the layer to that subscriber.
    Xr003 "XR003",
    /// A filter on the whole subscriber hides spans from the layer.
    ///
    /// Put the filter on the log layer alone, by `fmt::layer().with_filter(…)`.
    Xr004 "XR004",
    /// A subsegment was asked for where no segment is open.
    ///
    /// Open a segment around work at start-up or in the background, or set `AWS_XRAY_CONTEXT_MISSING=IGNORE_ERROR`.
    Xr005 "XR005",
    /// A span without a parent opened a segment of its own, perhaps in a spawned task.
    ///
    /// Carry the context there by `.in_current_span()`, or set `XRAY_ROOT_SPANS=off`.
    Xr006 "XR006",
    /// A document was larger or deeper than can be sent, and was split or trimmed.
    ///
    /// Record less metadata, or lower `XRAY_STREAM_AFTER`; open fewer spans within each other.
    Xr007 "XR007",
    /// A name had characters X-Ray refuses, or was too long, and was made valid.
    ///
    /// Use a name of at most 200 letters, digits, blanks and `_.:/%&#=+\-@`.
    Xr008 "XR008",
    /// An annotation was renamed, or moved to metadata.
    ///
    /// Keys are letters, digits and `_`; a trace keeps 50 annotations.
    Xr009 "XR009",
    /// Many requests, and none was sampled.
    ///
    /// Look at the rule that is named, or set `XRAY_SAMPLING_RULES=all` while developing.
    Xr010 "XR010",
    /// Most requests arrive with the decision not to sample; the rules here do not apply to them.
    ///
    /// Change the caller's sampling, or set `XRAY_TRUST=join`.
    Xr011 "XR011",
    /// An incoming trace header could not be used; a new trace was started.
    ///
    /// The sender writes it wrongly. The text is not shown: it came from the network.
    Xr012 "XR012",
    /// An incoming trace id is older than X-Ray takes (30 days), or lies in the future.
    ///
    /// Look for a replayed header, or a clock that is wrong here or there.
    Xr013 "XR013",
    /// An invocation of a Lambda function came without a sampling decision: it is not recorded.
    ///
    /// The function's tracing is off (pass-through) and its caller decided nothing. Set `TracingConfig` `Mode=Active`
    /// (SAM: `Tracing: Active`).
    Xr014 "XR014",
    /// A segment was asked for inside Lambda, where the platform sends the segment: it is recorded as a subsegment.
    ///
    /// Use `subsegment` there, or a span.
    Xr015 "XR015",
    /// `_X_AMZN_TRACE_ID` is set in a function that serves several invocations at a time: it is not used.
    ///
    /// The variable belongs to the process, and an invocation's header to its context (`context.xray_trace_id`).
    Xr016 "XR016",
    /// A message of a queue came without its system attributes: its receiver did not ask for them.
    ///
    /// Ask for `AWSTraceHeader` and `SentTimestamp` in ReceiveMessage; `xray_sqs::interceptor()` does.
    Xr018 "XR018",
    /// Documents were lost because the queue to the sender was full.
    ///
    /// Sample less; or the emitter is too slow.
    Xr021 "XR021",
    /// X-Ray was shut down as soon as it was started.
    ///
    /// The program ended with an error of its own; or the guard was not kept: `let _xray = …`, not `let _ = …`.
    Xr022 "XR022",
    /// A segment has been open for very long.
    ///
    /// Use one segment for each job, not one for the life of a worker.
    Xr024 "XR024",
    /// A setting was refused, and its default is used.
    ///
    /// Correct the value that is named.
    Xr025 "XR025",
    /// The daemon cannot be asked for central sampling rules: it is not there, or X-Ray refuses it.
    ///
    /// Start the X-Ray daemon or correct `AWS_XRAY_DAEMON_ADDRESS` (TCP, too); its role needs
    /// `xray:GetSamplingRules` and `xray:GetSamplingTargets`. The last rules hold for an hour, then local ones decide.
    Xr026 "XR026",
    /// Central sampling rules came that cannot be used, and were left out.
    ///
    /// Look at the rules in the X-Ray console: those of version 1 with all fields are used, each name once.
    Xr027 "XR027",
    /// A file of sampling rules has changed, and its new version cannot be used: the rules in force stay.
    ///
    /// Correct the field that is named; the file is read again as soon as it changes.
    Xr028 "XR028",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_distinct_and_in_order() {
        let texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(texts.is_sorted_by(|before, after| before < after));
        for (index, code) in Code::ALL.iter().enumerate() {
            assert_eq!(*code as usize, index);
            assert_eq!(format!("{code:?}").to_uppercase(), code.as_str());
        }
    }
}
