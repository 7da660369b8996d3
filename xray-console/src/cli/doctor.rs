//! `xrc doctor`: what keeps traces from coming.

use std::net::{SocketAddr, ToSocketAddrs};

use serde_json::json;
use xray_console::api::{GetIntake, GetIntakeAnswer};
use xray_console::client::ClientError;
use xray_console::intake::TroubleKind;
use xray_console::{Console, text};
use xray_core::{Config, ConfigError, Origin, Rules, SETTINGS, Settings};

use super::args::Global;
use super::failure::{Done, Failure};
use super::output::{Output, counted};
use super::{ask, time, up};

/// Senders that are named.
const SENDERS: usize = 5;

/// How a check went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warn,
    Skip,
}

struct Check {
    verdict: Verdict,
    what: String,
}

fn check(verdict: Verdict, what: impl Into<String>) -> Check {
    Check { verdict, what: what.into() }
}

pub(crate) async fn run(global: &Global, to: &mut Output) -> Done {
    let mut checks = vec![];
    let client = ask::client(global).await?;
    let found = client.summaries(&ask::since(6.0 * 3_600.0, None), 1).await;
    match &found {
        Ok(found) => {
            let traces =
                if found.summaries.is_empty() { "no traces of the last 6 hours yet" } else { "and it has traces" };
            checks.push(check(Verdict::Ok, format!("{} answers, {traces}", who(global))));
            if let Some(start) = found.summaries.first().and_then(|last| last.start_time) {
                checks.push(skew(start, time::now()));
            }
        }
        Err(ClientError::Unreachable { .. }) if !global.aws => checks.push(port(global.addr)),
        Err(error) => checks.push(check(Verdict::Warn, error.to_string())),
    }
    if found.is_ok() && !global.aws {
        let answer = ask::local(global).call(&GetIntake {}).await.map_err(ask::failure)?;
        checks.extend(intake(&answer, time::now()));
    }
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    checks.extend(environment(&variable, global.addr, &|name| {
        let found = name.to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        found.unwrap_or_default()
    }));
    checks.extend(settings(&variable));
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    checks.extend(names.filter_map(|name| misspelt(&name)));
    for one in &checks {
        let word = match one.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Skip => "skip",
        };
        let value = json!({"check": word, "what": one.what});
        to.either(&value, |to| to.line(format!("{word:<5} {}", text::escape(&one.what))))?;
    }
    match checks.iter().filter(|one| one.verdict == Verdict::Warn).count() {
        0 => Ok(()),
        1 => Err(Failure::found("1 warning")),
        many => Err(Failure::found(format!("{many} warnings"))),
    }
}

/// What came in, and what did not.
fn intake(answer: &GetIntakeAnswer, now: f64) -> Vec<Check> {
    let counters = &answer.counters;
    let mut checks = vec![check(Verdict::Ok, format!("it has taken {}", counted(counters.documents, "document")))];
    for sender in answer.senders.iter().take(SENDERS) {
        let of = if sender.services.is_empty() { String::new() } else { format!(" ({})", sender.services.join(", ")) };
        let what = counted(sender.documents, "document");
        let refused = if sender.refused > 0 { format!(", {} refused", sender.refused) } else { String::new() };
        let ago = (now - sender.last).max(0.0);
        checks
            .push(check(Verdict::Ok, format!("from {}{of}: {what}{refused}, the last {ago:.0} s ago", sender.sender)));
    }
    if let more @ 1.. = answer.senders.len().saturating_sub(SENDERS) {
        checks.push(check(Verdict::Ok, format!("and from {}", counted(more, "other sender"))));
    }
    if counters.refused > 0 {
        let last = answer.troubles.iter().find(|trouble| trouble.kind == TroubleKind::Refused);
        let last = last.map(|trouble| format!("; the last from {}: {}", trouble.sender, trouble.message));
        checks.push(check(Verdict::Warn, format!("{} refused{}", counters.refused, last.unwrap_or_default())));
    }
    if let Some(drops) = counters.kernel_drops.filter(|drops| *drops > 0) {
        let why = "the receive buffer was full -> raise net.core.rmem_max";
        checks.push(check(Verdict::Warn, format!("{drops} datagrams were dropped by the kernel: {why}")));
    }
    checks
}

fn who(global: &Global) -> String {
    if global.aws { "AWS X-Ray".to_owned() } else { format!("a console at tcp {}", global.addr) }
}

/// Nobody answers: is the port free, or whose is it?
fn port(address: SocketAddr) -> Check {
    match Console::builder().address(address).start() {
        Ok(_) => check(Verdict::Warn, format!("nobody listens on {address} -> start a console: xrc up")),
        Err(error) => check(Verdict::Warn, up::refused(&error).message),
    }
}

fn skew(last: f64, now: f64) -> Check {
    let ahead = last - now;
    if ahead > 1.0 {
        return check(
            Verdict::Warn,
            format!("the last trace began {ahead:.1} s from now -> a sender's clock is ahead of this one"),
        );
    }
    check(Verdict::Ok, format!("the last trace began {:.0} s ago", -ahead))
}

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;
type Resolve<'a> = &'a dyn Fn(&str) -> Vec<SocketAddr>;

/// What this shell tells programs.
fn environment(variable: Lookup<'_>, address: SocketAddr, resolve: Resolve<'_>) -> Vec<Check> {
    let mut checks = vec![match variable("AWS_XRAY_DAEMON_ADDRESS") {
        None if address == SocketAddr::from(([127, 0, 0, 1], 2000)) => {
            check(Verdict::Ok, "AWS_XRAY_DAEMON_ADDRESS is not set: programs send to 127.0.0.1:2000")
        }
        None => check(
            Verdict::Warn,
            format!(
                "AWS_XRAY_DAEMON_ADDRESS is not set: programs send to 127.0.0.1:2000, not {address} -> set it to {address}"
            ),
        ),
        Some(value) => daemon_address(&value, address, resolve),
    }];
    // Of other languages' SDKs; our own are in `settings`.
    let off = |value: &String| value.eq_ignore_ascii_case("false") || value == "0";
    if let Some(value) = variable("AWS_XRAY_TRACING_ENABLED").filter(off) {
        checks.push(sends_nothing("AWS_XRAY_TRACING_ENABLED", &value));
    }
    checks.push(match variable("AWS_LAMBDA_FUNCTION_NAME") {
        Some(_) => check(
            Verdict::Warn,
            "AWS_LAMBDA_FUNCTION_NAME is set: SDKs send subsegments only, and nothing is shown without the platform's segment",
        ),
        None => check(Verdict::Skip, "not in AWS Lambda"),
    });
    checks
}

/// What `xray-core`'s layer makes of them, in a program that is started here.
fn settings(variable: Lookup<'_>) -> Vec<Check> {
    // What wants a feature that the program may have, and this one has not.
    let wants_feature = |name: &str, value: &str| {
        [("XRAY_ORIGIN", "auto"), ("XRAY_SAMPLING", "central")].contains(&(name, value.trim()))
    };
    let lookup = |name: &str| variable(name).filter(|value| !wants_feature(name, value));
    let (config, refused) = Config::from_lookup_lossy(&lookup, Settings::default());
    let refused = refused.iter().filter(|error| !matches!(error, ConfigError::DaemonAddress { .. })); // told already
    let mut checks: Vec<Check> = refused.map(|error| check(Verdict::Warn, error.to_string())).collect();
    if let (false, Origin::Variable(name)) = (config.enabled.value, config.enabled.origin) {
        checks.push(sends_nothing(name, &variable(name).unwrap_or_default()));
    }
    let name = "XRAY_SAMPLING_RULES";
    if let Some(text) = variable(name) {
        match Rules::from_setting(&text) {
            Err(error) => checks.push(check(Verdict::Warn, format!("{name}: {error}"))),
            Ok(rules) if rules == Rules::none() => {
                let what = format!("{name}={text} in this shell -> programs will begin no trace of their own");
                checks.push(check(Verdict::Warn, what));
            }
            Ok(_) => {}
        }
    }
    checks
}

fn sends_nothing(name: &str, value: &str) -> Check {
    check(Verdict::Warn, format!("{name}={value} in this shell -> programs will send nothing"))
}

/// A name that nobody reads, and that is nearly one of ours.
fn misspelt(name: &str) -> Option<Check> {
    let mut known = SETTINGS.iter().flat_map(|setting| setting.variables).copied();
    if !(name.starts_with("XRAY_") || name.starts_with("AWS_XRAY_")) || known.clone().any(|known| known == name) {
        return None;
    }
    // What is left between a common beginning and a common end: a letter or two, an ending, or `AWS_`.
    let nearly = |known: &str| {
        let alike = |(one, other): &(u8, u8)| one == other;
        let begin = name.bytes().zip(known.bytes()).take_while(alike).count();
        let end = name.bytes().rev().zip(known.bytes().rev()).take_while(alike).count();
        let end = end.min(name.len().min(known.len()) - begin);
        name.len() + known.len() - 2 * (begin + end) <= 4
    };
    let known = known.find(|known| nearly(known))?;
    Some(check(Verdict::Warn, format!("{name} is no variable that is read -> {known}")))
}

fn daemon_address(value: &str, address: SocketAddr, resolve: Resolve<'_>) -> Check {
    let name = "AWS_XRAY_DAEMON_ADDRESS";
    // `host:port`, or one for each protocol.
    let udp = value.split_whitespace().find_map(|part| part.strip_prefix("udp:")).unwrap_or(value);
    let found = resolve(udp);
    match found.first() {
        None => check(
            Verdict::Warn,
            format!("{name} is {value:?}, which is no host:port or no host that is known -> set it to {address}"),
        ),
        Some(first) if *first == address || (address.ip().is_unspecified() && first.port() == address.port()) => {
            check(Verdict::Ok, format!("{name} is {value:?}"))
        }
        Some(first) if found.contains(&address) => check(
            Verdict::Warn,
            format!("{name} is {value:?}, which is {first} first; the console is at {address} -> set it to {address}"),
        ),
        Some(first) => check(
            Verdict::Warn,
            format!("{name} is {value:?} ({first}); the console is looked for at {address} -> set it to {address}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(variables: &[(&str, &str)]) -> String {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let resolve = |name: &str| {
            let known = match name {
                "localhost:2000" => vec!["[::1]:2000", "127.0.0.1:2000"],
                "127.0.0.1:2000" => vec!["127.0.0.1:2000"],
                "10.0.0.1:2000" => vec!["10.0.0.1:2000"],
                _ => vec![],
            };
            known.into_iter().map(|address| address.parse().unwrap()).collect()
        };
        let checks = environment(&lookup, "127.0.0.1:2000".parse().unwrap(), &resolve).into_iter();
        let checks = checks.chain(settings(&lookup)).chain(variables.iter().filter_map(|(name, _)| misspelt(name)));
        let warnings = checks.filter(|check| check.verdict == Verdict::Warn).map(|check| check.what);
        warnings.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_this_shell_tells_programs() {
        assert_eq!(said(&[]), "");
        assert_eq!(said(&[("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000"), ("AWS_XRAY_SDK_ENABLED", "true")]), "");
        assert_eq!(said(&[("AWS_XRAY_DAEMON_ADDRESS", "tcp:x:1 udp:127.0.0.1:2000")]), "");
        for (value, part) in
            [("localhost:2000", "[::1]:2000 first"), ("10.0.0.1:2000", "looked for at"), ("nonsense", "no host:port")]
        {
            let warning = said(&[("AWS_XRAY_DAEMON_ADDRESS", value)]);
            assert!(warning.contains(part) && warning.ends_with("-> set it to 127.0.0.1:2000"), "{warning}");
        }
        for (name, value) in [
            ("AWS_XRAY_SDK_ENABLED", "FALSE"),
            ("AWS_XRAY_SDK_DISABLED", "true"),
            ("AWS_XRAY_TRACING_ENABLED", "false"),
            ("OTEL_SDK_DISABLED", "true"),
            ("POWERTOOLS_TRACE_DISABLED", "1"),
            ("AWS_LAMBDA_FUNCTION_NAME", "f"),
            ("XRAY_SAMPLING_RULES", "none"),
        ] {
            assert!(said(&[(name, value)]).starts_with(name), "{name}: {}", said(&[(name, value)]));
        }
    }

    #[test]
    fn a_setting_that_a_program_would_refuse() {
        for (name, value) in [
            ("XRAY_SAMPLING_RULES", "all"),
            ("XRAY_TRUST", "join"),
            ("XRAY_ORIGIN", "auto"),
            ("XRAY_SAMPLING", "central"),
        ] {
            assert_eq!(said(&[(name, value)]), "", "{name}");
        }
        assert_eq!(
            said(&[("XRAY_TRUST", "maybe")]),
            r#"trust is "maybe" (from XRAY_TRUST), expected full, join or none"#
        );
        let told = said(&[("XRAY_SAMPLING_RULES", r#"{"version": 2, "default": {"fixed_target": 1, "rate": 2.0}}"#)]);
        assert!(told.starts_with("XRAY_SAMPLING_RULES: ") && told.contains("rate is 2.0"), "{told}");
    }

    #[test]
    fn a_name_that_is_nearly_one() {
        for (name, known) in [
            ("XRAY_SAMPLING_RULE", "XRAY_SAMPLING_RULES"),
            ("XRAY_SAMPLE_RULES", "XRAY_SAMPLING_RULES"),
            ("AWS_XRAY_SAMPLING_RULES", "XRAY_SAMPLING_RULES"),
            ("AWS_XRAY_DEAMON_ADDRESS", "AWS_XRAY_DAEMON_ADDRESS"),
            ("AWS_XRAY_SDK_DISABLE", "AWS_XRAY_SDK_DISABLED"),
        ] {
            assert_eq!(said(&[(name, "x")]), format!("{name} is no variable that is read -> {known}"));
        }
        for name in ["XRAY_ID", "AWS_XRAY_TRACING_ENABLED", "SAMPLING_RULES"] {
            assert_eq!(said(&[(name, "x")]), "", "{name}");
        }
    }

    #[test]
    fn those_who_sent_last_are_named() {
        let sender = |number: u32| {
            json!({"Sender": format!("udp 192.0.2.{number}"), "Services": ["shop", "billing"], "Documents": 7 * number,
                   "Refused": number / 2, "Dropped": 0, "Last": 100.0 - f64::from(number)})
        };
        let counters = serde_json::to_value(xray_console::intake::Intake::new(xray_console::Store::new()).counters());
        let answer = json!({"Counters": counters.unwrap(), "Senders": (1..8).map(sender).collect::<Vec<_>>()});
        let checks = intake(&serde_json::from_value(answer).unwrap(), 100.0);
        let said: Vec<&str> = checks.iter().map(|check| check.what.as_str()).collect();
        assert_eq!(said[1], "from udp 192.0.2.1 (shop, billing): 7 documents, the last 1 s ago");
        assert_eq!(said[2], "from udp 192.0.2.2 (shop, billing): 14 documents, 1 refused, the last 2 s ago");
        assert_eq!((said.len(), said[6]), (7, "and from 2 other senders"));
    }

    #[test]
    fn a_clock_that_is_ahead() {
        assert!(skew(110.0, 100.0).verdict == Verdict::Warn);
        assert!(skew(90.0, 100.0).verdict == Verdict::Ok);
    }
}
