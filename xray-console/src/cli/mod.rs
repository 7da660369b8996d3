//! The program's commands.
//!
//! What reads is a client of X-Ray's API, so it works against a console and against AWS X-Ray alike.

mod args;
mod ask;
mod bundle;
mod cost;
#[cfg(feature = "relay")]
mod daemon;
mod demo;
mod doctor;
mod failure;
#[cfg(feature = "relay")]
mod flags;
mod groups;
mod lint;
mod log;
mod output;
#[cfg(feature = "relay")]
mod relay;
mod run;
mod sampling;
mod segment;
mod tail;
mod time;
mod traces;
mod up;

use std::process::ExitCode;

use clap::Parser;

use xray_console::api::ClearTraces;

use args::{Cli, Command, Format, Global};
use failure::{Done, Failure};
use output::Output;

/// Reads the command line and does what it says.
pub(crate) fn main() -> ExitCode {
    #[cfg(feature = "relay")]
    let cli = Cli::parse_from(flags::ours(std::env::args_os()));
    #[cfg(not(feature = "relay"))]
    let cli = Cli::parse();
    let mut output = Output::new(&cli.global);
    let done = run(&cli, &mut output).and_then(|()| output.flush());
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // What was found before is shown before what is wrong.
            let _ = output.flush();
            if !failure.message.is_empty() {
                eprintln!("xrc: {}", failure.message);
            }
            ExitCode::from(failure.status)
        }
    }
}

fn run(cli: &Cli, to: &mut Output) -> Done {
    let global = &cli.global;
    let default = Command::Up(args::Up::default());
    let command = cli.command.as_ref().unwrap_or(&default);
    if global.aws
        && !matches!(
            command,
            Command::Traces(_)
                | Command::Show(_)
                | Command::Segment(_)
                | Command::Map(_)
                | Command::Tail(_)
                | Command::Export(_)
                | Command::Doctor
        )
    {
        return Err(Failure::usage("--aws is for traces, show, segment, map, tail, export and doctor"));
    }
    if matches!(to.format, Format::Dot | Format::Mermaid) && !matches!(command, Command::Map(_)) {
        return Err(Failure::usage("--format dot and mermaid are for map"));
    }
    match command {
        Command::Up(options) => ask::block_on(up::run(options, global, to)),
        Command::Run(options) => ask::block_on(run::run(options, global, to)),
        Command::Tail(options) => ask::block_on(tail::run(options, global, to)),
        Command::Traces(options) => ask::block_on(traces::traces(options, global, to)),
        Command::Show(options) => ask::block_on(traces::show(options, global, to)),
        Command::Segment(options) => ask::block_on(segment::run(options, global, to)),
        Command::Map(options) => ask::block_on(traces::map(options, global, to)),
        Command::Lint(options) => lint::run(options, to),
        Command::Sampling(what) => sampling::run(what, || ask::block_on(captured(global)), to),
        Command::Cost(options) => cost::run(options, to),
        Command::Doctor => ask::block_on(doctor::run(global, to)),
        Command::Demo(options) => demo::run(options, global, to),
        Command::Export(options) => ask::block_on(bundle::export(options, global, to)),
        Command::Import(options) => ask::block_on(bundle::import(options, global, to)),
        Command::Clear => ask::block_on(clear(global, to)),
    }
}

/// `xrc clear`.
async fn clear(global: &Global, to: &mut Output) -> Done {
    ask::local(global).call(&ClearTraces {}).await.map_err(ask::failure)?;
    to.either(&serde_json::json!({"cleared": global.addr.to_string()}), |to| {
        to.line(format!("the console at {} has forgotten its traces", global.addr))
    })
}

/// The requests of the console's traces, for rules to be tried on.
async fn captured(global: &Global) -> Result<Vec<sampling::Request>, Failure> {
    const MOST: usize = 10_000;
    let client = ask::client(global).await?;
    let found = ask::summaries(&client, &ask::since(7.0 * 86_400.0, None), MOST).await?;
    let request = |summary: xray_console::query::TraceSummary| {
        let url = summary.http.http_url.unwrap_or_default();
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let (host, path) =
            rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
        let path = path.split(['?', '#']).next().map(str::to_owned);
        sampling::Request {
            service: summary.entry_point.and_then(|service| service.name).unwrap_or_default(),
            method: summary.http.http_method,
            path: path.filter(|path| !path.is_empty()),
            host: Some(host.to_owned()).filter(|host| !host.is_empty()),
        }
    };
    Ok(found.summaries.into_iter().map(request).collect())
}
