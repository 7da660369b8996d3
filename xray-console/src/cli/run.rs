//! `xrc run`: a program with a console of its own, and what it made.
//!
//! The console listens on a free port, so that the traces are the program's and nobody else's. A console that runs at
//! `--addr` gets a copy, to look at later.

use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::Command;
use xray_console::api::PutTraceSegments;
use xray_console::query::{Facts, TraceSummary};
use xray_console::store::Window;
use xray_console::{Console, Filter, Store, text};

use super::args::{Format, Global, Run};
use super::failure::{Done, Failure};
use super::output::{Output, counted};
use super::{ask, up};

/// What the program sent last may still be on its way: until nothing has come for so long, and no longer than this.
const QUIET: Duration = Duration::from_millis(250);
const LATEST: Duration = Duration::from_secs(3);
/// Traces shown.
const SHOWN: usize = 50;

pub(crate) async fn run(options: &Run, global: &Global, to: &mut Output) -> Done {
    let filter = match &options.fail_on {
        Some(expression) => Some(Filter::parse(expression).map_err(Failure::usage)?),
        None => None,
    };
    let console = Console::start().map_err(|error| up::refused(&error))?;
    let Some((program, arguments)) = options.command.split_first() else {
        return Err(Failure::usage("no program to run"));
    };
    let name = program.to_string_lossy().into_owned();
    let mut child = Command::new(program)
        .args(arguments)
        .env("AWS_XRAY_DAEMON_ADDRESS", console.address().to_string())
        .spawn()
        .map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            // The program got the signal too, from the terminal; how it ends is its own affair.
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    let status = status.map_err(|error| Failure::io(format!("{name}: {error}")))?;
    quiet(console.store()).await;
    let (summaries, bad) = found(console.store(), filter.as_ref());
    copy(console.store(), &summaries, global).await;
    report(&console, &summaries, to)?;
    if !status.success() {
        return Err(Failure { status: code(status), message: String::new() });
    }
    match (bad.len(), &options.fail_on) {
        (0, _) | (_, None) => Ok(()),
        (many, Some(expression)) => {
            let expression = text::escape(expression);
            let ids = bad.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
            let matches = if many == 1 { "matches" } else { "match" };
            Err(Failure::found(format!("{} {matches} {expression}: {ids}", counted(many, "trace"))))
        }
    }
}

/// Waits until nothing comes any more.
async fn quiet(store: &Store) {
    let mut changes = store.subscribe();
    let settled = async {
        use tokio::sync::broadcast::error::RecvError;
        loop {
            match tokio::time::timeout(QUIET, changes.recv()).await {
                Ok(Ok(_) | Err(RecvError::Lagged(_))) => {}
                Ok(Err(RecvError::Closed)) | Err(_) => return,
            }
        }
    };
    // A program that goes on sending through a process it left behind is not waited for.
    let _ = tokio::time::timeout(LATEST, settled).await;
}

/// The traces, oldest first, and the ids of those that were not to be.
fn found(store: &Store, filter: Option<&Filter>) -> (Vec<TraceSummary>, Vec<String>) {
    let (mut summaries, mut bad) = (Vec::new(), Vec::new());
    store.scan(&Window::ALL, |row| {
        let facts: &Facts = &row.facts;
        if filter.is_some_and(|filter| filter.matches(facts)) {
            bad.push(row.id().as_str().to_owned());
        }
        summaries.push(TraceSummary::of(row.id().as_str(), facts));
        true
    });
    summaries.reverse();
    bad.reverse();
    (summaries, bad)
}

fn report(console: &Console, summaries: &[TraceSummary], to: &mut Output) -> Done {
    // The program's own output is on standard output too; what is ours says so.
    match to.format {
        Format::Json => summaries.iter().try_for_each(|summary| to.json(summary))?,
        _ if summaries.is_empty() => {}
        _ => {
            let style = to.style();
            let shown = summaries.get(summaries.len().saturating_sub(SHOWN)..).unwrap_or_default();
            to.write(&text::traces(shown, style))?;
        }
    }
    to.flush()?;
    let counters = console.intake().counters();
    let (traces, documents) = (counted(summaries.len(), "trace"), counters.documents);
    eprintln!("xrc: {traces} of {documents} documents, {} refused", counters.refused);
    for trouble in console.intake().troubles().iter().rev().take(5) {
        eprintln!("xrc: {}  {}", trouble.code, text::escape(&trouble.message));
    }
    if summaries.is_empty() {
        eprintln!("xrc: nothing came; the program has to send to AWS_XRAY_DAEMON_ADDRESS, which was set for it");
    }
    Ok(())
}

/// Copies the traces to the console that is running, if one is.
async fn copy(store: &Store, summaries: &[TraceSummary], global: &Global) {
    let local = ask::local(global);
    let documents = summaries.iter().filter_map(|summary| store.documents(&summary.id)).flatten();
    let mut batch = Vec::new();
    let mut documents = documents.peekable();
    while let Some(document) = documents.next() {
        batch.push(String::from_utf8_lossy(&document).into_owned());
        if batch.len() < 50 && documents.peek().is_some() {
            continue;
        }
        let put = PutTraceSegments { trace_segment_documents: std::mem::take(&mut batch) };
        // Nobody there, or nobody who takes them: they have been shown here.
        if local.call(&put).await.is_err() {
            return;
        }
    }
}

/// As shells have it: what the program said, or 128 and the signal that ended it.
fn code(status: ExitStatus) -> u8 {
    let by_signal = {
        #[cfg(unix)]
        {
            std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal)
        }
        #[cfg(not(unix))]
        {
            None
        }
    };
    status.code().or(by_signal).and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
