//! What can be said on the command line.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, ToSocketAddrs};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::groups::By;
use super::time::Least;

/// Where a console listens, as the X-Ray daemon does.
pub(crate) const DEFAULT_ADDRESS: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2000));

/// X-Ray on your own machine: daemon, trace store, query API, service map and timeline.
#[derive(Debug, Parser)]
#[command(name = "xrc", version, propagate_version = true, max_term_width = 120)]
#[command(after_help = "Exit status: 0 done, 1 found nothing or a check failed, 2 wrong usage, 3 no console there, \
                        4 a port or file cannot be used. \
                        Environment: XRC_TOKEN, what a console asks of other machines; NO_COLOR.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// Where the console listens or is asked: UDP for segments, TCP for all else.
    #[arg(long, global = true, value_name = "HOST:PORT", default_value_t = DEFAULT_ADDRESS, value_parser = address)]
    pub(crate) addr: SocketAddr,
    /// Ask AWS X-Ray instead of a console (commands that read).
    #[arg(long, global = true)]
    pub(crate) aws: bool,
    /// The region, with --aws or --relay.
    #[arg(long, global = true)]
    pub(crate) region: Option<String>,
    /// With --aws: the profile of the shared configuration.
    #[arg(long, global = true, requires = "aws")]
    pub(crate) profile: Option<String>,
    /// Table on a terminal, one JSON value a line in a pipe, unless said here.
    #[arg(long, global = true, value_enum)]
    pub(crate) format: Option<Format>,
    /// Colours.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Nothing but ASCII.
    #[arg(long, global = true)]
    pub(crate) ascii: bool,
    /// Columns; those of the terminal by default, else those of COLUMNS, else 120.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(40..=500))]
    pub(crate) width: Option<u16>,
}

impl Global {
    /// What a console asks of other machines, and is asked for by `up`: XRC_TOKEN.
    pub(crate) fn token(&self) -> Option<String> {
        std::env::var("XRC_TOKEN").ok().filter(|token| !token.is_empty())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON value a line.
    Json,
    /// `map` only: Graphviz.
    Dot,
    /// `map` only: Mermaid.
    Mermaid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take segments and answer queries, until interrupted; the default.
    // The last of repeated flags counts, as with the X-Ray daemon: an image gives some, a task definition others.
    #[command(args_override_self = true)]
    Up(Up),
    /// Run a program with a console and show the traces it made.
    Run(Run),
    /// Show traces as they come.
    Tail(Tail),
    /// List traces, newest first.
    Traces(Traces),
    /// Show one trace as a waterfall.
    Show(Show),
    /// Show one segment or subsegment with all its fields.
    Segment(Segment),
    /// Show the service map.
    Map(Map),
    /// Check segment documents against what X-Ray takes.
    Lint(Lint),
    /// Check and try out a file of sampling rules.
    #[command(subcommand)]
    Sampling(Sampling),
    /// Estimate what tracing costs a month.
    Cost(Cost),
    /// Look for what keeps traces from coming.
    Doctor,
    /// Send the traces of a sample shop.
    Demo(Demo),
    /// Write traces to a file: JSON lines, gzip.
    Export(Export),
    /// Send the traces of an exported file.
    Import(Import),
    /// Forget all traces of the console.
    Clear,
}

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Up {
    /// Memory for traces, in megabytes.
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(16..))]
    pub(crate) memory: Option<u32>,
    /// Sampling rules that clients are given; every request is sampled without.
    #[arg(long, value_name = "FILE")]
    pub(crate) sampling: Option<PathBuf>,
    /// Keep traces in this file too, across restarts.
    #[cfg(feature = "db")]
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// Do not show traces as they come.
    #[arg(long)]
    pub(crate) no_tail: bool,
    /// Answer queries of other machines, too, if they show the token: that of XRC_TOKEN, or one made for this run.
    #[arg(long)]
    pub(crate) expose: bool,
    #[cfg(feature = "relay")]
    #[command(flatten)]
    pub(crate) relay: super::relay::Relay,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Run {
    /// Fail (exit status 1) if a trace of the program matches this expression.
    #[arg(long, value_name = "EXPR")]
    pub(crate) fail_on: Option<String>,
    /// The program and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    pub(crate) command: Vec<std::ffi::OsString>,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Tail {
    /// Only traces that match this filter expression.
    pub(crate) expression: Option<String>,
    /// Stop after so many.
    #[arg(short = 'n', long, value_name = "N", value_parser = one_or_more)]
    pub(crate) limit: Option<usize>,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Traces {
    /// A filter expression, such as 'fault OR responsetime > 1'.
    pub(crate) expression: Option<String>,
    /// How far back: 30s, 15m, 6h, 7d.
    #[arg(long, value_name = "TIME", default_value = "6h", value_parser = super::time::parse_span)]
    pub(crate) since: f64,
    /// In which order.
    #[arg(long, value_enum, default_value_t = Sort::Time)]
    pub(crate) sort: Sort,
    /// How many at most.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = one_or_more)]
    pub(crate) limit: usize,
    /// Count them by what they have in common: url, service or annotation.KEY.
    #[arg(long, value_name = "BY", value_parser = By::parse, conflicts_with = "sort")]
    pub(crate) group_by: Option<By>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// Newest first.
    Time,
    /// Longest first.
    Duration,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Show {
    /// A trace id (X-Ray's or W3C's), a part of it, a trace header, or `last`.
    #[arg(default_value = "last")]
    pub(crate) trace: String,
    /// Print its documents instead.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Hide what is deeper.
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<usize>,
    /// Hide what is shorter, unless it or something beneath it failed or is open: 1ms, 0.5s, or 2% of the whole.
    #[arg(long, value_name = "TIME", value_parser = super::time::parse_least)]
    pub(crate) min_duration: Option<Least>,
    /// Show only what this filter expression means, each segment and subsegment taken for a trace of its own, and what
    /// is above it.
    #[arg(long, value_name = "EXPR")]
    pub(crate) only: Option<String>,
    /// Show only what the whole took its time for.
    #[arg(long)]
    pub(crate) critical: bool,
    /// Long times in which nothing was active.
    #[arg(long, value_enum, default_value_t = Gaps::Fold)]
    pub(crate) gaps: Gaps,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Gaps {
    Fold,
    Keep,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Segment {
    /// Its id (16 hex digits), or its name.
    pub(crate) segment: String,
    /// The trace it is in, as `xrc show` takes it. Without it an id is looked for in all traces of the last 6 hours
    /// (not with --aws), a name in the last trace.
    #[arg(long, value_name = "ID")]
    pub(crate) trace: Option<String>,
    /// Print its document instead.
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Map {
    /// A filter expression: the map of the traces that it means.
    #[arg(conflicts_with = "trace")]
    pub(crate) expression: Option<String>,
    /// How far back: 30s, 15m, 6h, 7d.
    #[arg(long, value_name = "TIME", default_value = "6h", value_parser = super::time::parse_span)]
    pub(crate) since: f64,
    /// The map of one trace.
    #[arg(long, value_name = "ID", conflicts_with = "since")]
    pub(crate) trace: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Lint {
    /// A file of documents (one, a list, or one a line, with or without the daemon's header line); `-` is standard input.
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Sampling {
    /// Say what is wrong with a file of rules.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Say which rule decides on a request, and why.
    Explain(Explain),
    /// Say how much would be recorded of some traffic.
    DryRun(DryRun),
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Explain {
    /// The file of rules.
    pub(crate) file: PathBuf,
    /// The request's method.
    #[arg(long)]
    pub(crate) method: Option<String>,
    /// The request's path.
    #[arg(long)]
    pub(crate) path: Option<String>,
    /// The request's host.
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// The service that serves it.
    #[arg(long, default_value = "service")]
    pub(crate) service: String,
    /// What the service runs on, such as AWS::EC2::Instance.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// An attribute of the request.
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) attributes: Vec<(String, String)>,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct DryRun {
    /// The file of rules.
    pub(crate) file: PathBuf,
    /// The traffic: `captured` (the console's traces), or a file with one request a line, as JSON
    /// ({"method","path","host","service"}) or in the common log format; `-` is standard input.
    #[arg(long, value_name = "FROM", default_value = "captured")]
    pub(crate) from: String,
    /// Requests a second in all.
    #[arg(long, default_value_t = 10.0, value_parser = positive, allow_negative_numbers = true)]
    pub(crate) rps: f64,
    /// Processes that decide, each with reservoirs of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) instances: u32,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Cost {
    /// Requests a second.
    #[arg(long, value_parser = positive, allow_negative_numbers = true, required_unless_present = "traces_per_month")]
    pub(crate) rps: Option<f64>,
    /// Sampling rules; the built-in default (1 a second, then 5 %) without. All requests are taken to meet the
    /// default rule.
    #[arg(long, value_name = "FILE", conflicts_with = "traces_per_month")]
    pub(crate) rules: Option<PathBuf>,
    /// Processes that decide, each with reservoirs of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) instances: u32,
    /// Traces recorded a month, in place of requests and rules.
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true, conflicts_with = "rps")]
    pub(crate) traces_per_month: Option<f64>,
    /// Traces looked at or scanned, for each one recorded.
    #[arg(long, value_name = "N", default_value_t = 0.25, value_parser = not_negative, allow_negative_numbers = true)]
    pub(crate) scan_factor: f64,
    /// Days of the month.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=31))]
    pub(crate) days: u32,
    /// Dollars for a million traces recorded.
    #[arg(long, default_value_t = 5.0, value_parser = not_negative, allow_negative_numbers = true)]
    pub(crate) recorded_price: f64,
    /// Dollars for a million traces retrieved or scanned.
    #[arg(long, default_value_t = 0.5, value_parser = not_negative, allow_negative_numbers = true)]
    pub(crate) retrieved_price: f64,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Demo {
    /// How many requests.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) requests: u64,
    /// The number of the first request: the same number tells the same story.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// When the last request began, seconds since the epoch; now by default.
    #[arg(long, value_name = "SECONDS", value_parser = not_negative, allow_negative_numbers = true)]
    pub(crate) at: Option<f64>,
    /// One trace of 10,000 subsegments more.
    #[arg(long)]
    pub(crate) big: bool,
    /// Print the documents instead of sending them.
    #[arg(long)]
    pub(crate) print: bool,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Export {
    /// The file to write; `-` is standard output.
    pub(crate) file: PathBuf,
    /// Only traces that match this expression.
    #[arg(long, value_name = "EXPR")]
    pub(crate) filter: Option<String>,
    /// How far back: 30s, 15m, 6h, 7d.
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = super::time::parse_span)]
    pub(crate) since: f64,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Import {
    /// The file to read, gzip or not; `-` is standard input.
    pub(crate) file: PathBuf,
}

/// `host:port`; `:port` for all addresses of the machine. Of a name's addresses the first of IPv4, for there the other side
/// is by default: `localhost` is `::1` first on many machines.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let all = text.strip_prefix(':').map(|port| format!("0.0.0.0:{port}"));
    let found: Vec<SocketAddr> =
        all.as_deref().unwrap_or(text).to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    let found = found.iter().find(|address| address.is_ipv4()).or(found.first());
    found.copied().ok_or_else(|| format!("{text:?}: expected an address such as {DEFAULT_ADDRESS}"))
}

fn one_or_more(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "expected a whole number, 1 or more".to_owned())
}

fn positive(text: &str) -> Result<f64, String> {
    not_negative(text).ok().filter(|number| *number > 0.0).ok_or_else(|| "expected a number above 0".to_owned())
}

fn not_negative(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "expected a number of 0 or more".to_owned())
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| "expected KEY=VALUE".to_owned())?;
    Ok((key.to_owned(), value.to_owned()))
}
