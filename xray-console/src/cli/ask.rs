//! Asking a console or AWS, for all commands that read.

use xray_console::client::{Client, ClientError, Found, Local, Query};
use xray_console::{Filter, text};
use xray_core::TraceId;

use super::args::Global;
use super::failure::Failure;
use super::time;

/// Seconds that the clock of a sender may be ahead of this machine's.
const AHEAD: f64 = 60.0;
/// Traces looked through for a part of an id.
const LOOKED_THROUGH: usize = 10_000;
/// Seconds looked back for a trace that is not named by its whole id: AWS X-Ray allows six hours in one question.
pub(crate) const BACK: f64 = 6.0 * 3_600.0;

/// Runs something that waits.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::io(format!("the system gives no runtime: {error}")))?.block_on(future)
}

/// Whom the options name.
pub(crate) async fn client(global: &Global) -> Result<Client, Failure> {
    if !global.aws {
        return Ok(Client::Local(local(global)));
    }
    #[cfg(feature = "relay")]
    {
        let aws = xray_console::client::Aws::connect(global.region.clone(), global.profile.clone()).await;
        aws.map(|aws| Client::Aws(Box::new(aws))).map_err(failure)
    }
    #[cfg(not(feature = "relay"))]
    Err(Failure::usage("this xrc was built without the feature relay, which --aws needs"))
}

/// The console the options name.
pub(crate) fn local(global: &Global) -> Local {
    Local::new(global.addr).with_token(global.token())
}

/// What is said of an error, and how the program ends.
pub(crate) fn failure(error: ClientError) -> Failure {
    // Parts of it came over a network.
    let message = text::escape(&error.to_string()).into_owned();
    match error {
        ClientError::Unreachable { .. } => Failure::unreachable(format!("{message}; start a console with: xrc up")),
        ClientError::Foreign { .. } => Failure::unreachable(format!("{message}; say where yours is by --addr")),
        ClientError::Refused { kind, .. } if kind.starts_with("AccessDenied") => {
            Failure::unreachable(format!("{message} (set XRC_TOKEN to the console's token)"))
        }
        ClientError::Refused { .. } => Failure::usage(message),
        _ => Failure::unreachable(message),
    }
}

/// The last so many seconds.
pub(crate) fn since(seconds: f64, filter: Option<&str>) -> Query {
    let now = time::now();
    Query { start: (now - seconds).max(0.0), end: now + AHEAD, active: false, filter: filter.map(str::to_owned) }
}

pub(crate) async fn summaries(client: &Client, query: &Query, most: usize) -> Result<Found, Failure> {
    client.summaries(query, most).await.map_err(failure)
}

/// The same for an expression that somebody wrote: what is wrong with it is pointed at.
pub(crate) async fn matching(client: &Client, query: &Query, most: usize) -> Result<Found, Failure> {
    summaries(client, query, most).await.map_err(|failure| match query.filter.as_deref().map(Filter::parse) {
        Some(Err(error)) if failure.status == 2 => {
            let expression = text::escape(query.filter.as_deref().unwrap_or_default()).into_owned();
            // Escapes make a text longer; then a column would point elsewhere.
            let same = Some(expression.as_str()) == query.filter.as_deref();
            let before: String = expression.chars().take(error.column() - 1).collect();
            let pointer = if same { format!("\n     {}^", " ".repeat(text::columns(&before))) } else { String::new() };
            Failure::usage(format!("{}\n     {expression}{pointer}", failure.message))
        }
        _ => failure,
    })
}

/// The id that somebody means by `last`, a whole id, a part of one (as [`text::traces`] cuts it), or a trace header.
pub(crate) async fn trace_id(client: &Client, said: &str) -> Result<String, Failure> {
    let said = said.trim();
    if said.eq_ignore_ascii_case("last") {
        let found = summaries(client, &since(BACK, None), 1).await?;
        let last = found.summaries.into_iter().next();
        return last.map(|summary| summary.id).ok_or_else(|| Failure::found("no traces yet"));
    }
    let root = said.split(';').find_map(|part| part.trim().strip_prefix("Root=")).unwrap_or(said);
    if let Some(id) = whole(root) {
        return Ok(id);
    }
    let shown = text::escape(root).into_owned();
    let part = root.trim_start_matches(text::CUT).to_ascii_lowercase();
    let is_part = part.chars().all(|letter| letter.is_ascii_hexdigit() || letter == '-');
    if part.is_empty() || !is_part {
        let expected =
            "expected 1-5759e988-bd862e3fe1be46a994272793, a part of it, 32 hex digits, a trace header, or last";
        return Err(Failure::usage(format!("\"{shown}\" is no trace id; {expected}")));
    }
    let found = summaries(client, &since(BACK, None), LOOKED_THROUGH).await?;
    let mut ids = found.summaries.into_iter().map(|summary| summary.id).filter(|id| id.contains(&part));
    match (ids.next(), ids.next()) {
        (Some(id), None) => Ok(id),
        (Some(one), Some(other)) => {
            let more = ids.count();
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            Err(Failure::usage(format!("{shown} is a part of {one}, {other}{more}; say more of it")))
        }
        (None, _) => Err(Failure::found(format!("no trace of the last 6 hours has {shown} in its id"))),
    }
}

/// A whole id, of X-Ray's or W3C's form.
fn whole(text: &str) -> Option<String> {
    if let Ok(id) = text.parse::<TraceId>() {
        return Some(id.to_string());
    }
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (time, rest) = text.split_at_checked(8).filter(|_| digits)?;
    format!("1-{time}-{rest}").parse::<TraceId>().ok().map(|id| id.to_string())
}
