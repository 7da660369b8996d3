//! What a function sends, as the console shows it. For the tests of the examples that are functions.

use std::time::{Duration, Instant};

use lambda_local::{Function, Invocation, RuntimeApi, sent_by_lambda};
use serde_json::Value;
use xray_console::Console;
use xray_console::intake::Sender;

/// Long enough for a busy machine; a test that passes never waits it out.
const PATIENCE: Duration = Duration::from_secs(60);

/// Invokes the program with these events, each in a trace of its own. The names of all that is in each trace, of which
/// nothing is an orphan, and nothing was refused, repaired or dropped.
pub(crate) fn names(program: &str, events: &[Value]) -> Vec<Vec<String>> {
    let (console, api) = (Console::start().unwrap(), RuntimeApi::start().unwrap());
    let _function = Function::start(program, &api, console.address(), |_| {}).unwrap();
    let traces: Vec<String> = (0..events.len()).map(|number| format!("1-5759e988-{number:024x}")).collect();
    for (number, (trace, event)) in traces.iter().zip(events).enumerate() {
        let segment = format!("{:016x}", number + 1);
        api.invoke(Invocation::new(event).trace(format!("Root={trace};Parent={segment};Sampled=1")));
        for document in sent_by_lambda(trace, &segment) {
            console.intake().put(document.as_bytes(), Sender::Local("Lambda")).unwrap();
        }
    }
    api.answers(events.len(), PATIENCE).unwrap();

    // Sent before the answers, and read by a thread of the console's.
    let shown = |trace: &String| {
        let trace = console.store().trace(trace).unwrap();
        let names = trace.segments.iter().flat_map(|segment| segment.walk()).map(|document| document.name.clone());
        (names.collect::<Vec<_>>(), trace.orphans)
    };
    let began = Instant::now();
    while !traces.iter().all(|trace| shown(trace).0.contains(&"## handler".to_owned())) {
        assert!(began.elapsed() < PATIENCE, "not all came: {:?}", traces.iter().map(shown).collect::<Vec<_>>());
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let counters = console.intake().counters();
    assert_eq!((counters.refused, counters.repaired, counters.dropped), (0, 0, 0));
    let names_of = |trace: &String| {
        let (names, orphans) = shown(trace);
        assert_eq!(orphans, []);
        names
    };
    traces.iter().map(names_of).collect()
}
