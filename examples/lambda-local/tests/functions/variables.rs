//! What variables change, and what runs where.

use std::process::{Command, Stdio};

use lambda_local::{Function, Invocation, Outcome, RuntimeApi};
use serde_json::{Value, json};
use xray_test::FakeDaemon;

use super::{PATIENCE, Platform, ROOT, annotation, assert_lone, sampled};

#[test]
fn whatever_the_daemons_address_is_the_function_answers() {
    for address in [None, Some("169.254.79.129:2000"), Some("nonsense"), Some("")] {
        let platform = Platform::with("act", |command| match address {
            Some(address) => _ = command.env("AWS_XRAY_DAEMON_ADDRESS", address),
            None => _ = command.env_remove("AWS_XRAY_DAEMON_ADDRESS"),
        });
        let answers = platform.invoke([1, 2].map(|_| Invocation::new(json!({})).trace(sampled())));
        assert!(answers.iter().all(|answer| answer.outcome == Outcome::Response), "{address:?}");
        let (_, told) = platform.written();
        let named = told.contains("XR025") && told.contains("nonsense") && told.contains("AWS_XRAY_DAEMON_ADDRESS");
        assert_eq!(named, address == Some("nonsense"), "{address:?}: {told}");
    }
}

#[test]
fn log_lines_carry_the_trace() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("initialized");
    std::fs::create_dir_all(&folder).unwrap();
    let platform = Platform::with("act", |command| {
        command.env("AWS_LAMBDA_LOG_FORMAT", "JSON").env("TMPDIR", &folder);
    });
    platform.invoke([Invocation::new(json!({})).trace(sampled())]);
    let (lines, _) = platform.written();
    let line: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((&line["xray_trace_id"], &line["level"]), (&json!(ROOT), &json!("INFO")));
    assert_eq!(line["fields"]["message"], "working");
    assert!(folder.join(".aws-xray/initialized").is_file());

    let platform = Platform::with("act", |command| {
        command.env("AWS_LAMBDA_LOG_LEVEL", "WARN");
    });
    platform.invoke([Invocation::new(json!({})).trace(sampled())]);
    assert_eq!(platform.drain().len(), 1, "the level is the log's alone");
    assert_eq!(platform.written().0, "");
}

#[test]
fn x_ray_is_off_outside_lambda_and_where_told() {
    for (adjust, expected) in [
        ((|command| _ = command.env_remove("LAMBDA_TASK_ROOT")) as fn(&mut Command), 0),
        (|command| _ = command.env_remove("LAMBDA_TASK_ROOT").env("AWS_XRAY_SDK_ENABLED", "true"), 1),
        (|command| _ = command.env("AWS_SAM_LOCAL", "true"), 0),
        (|command| _ = command.env("POWERTOOLS_TRACE_DISABLED", "true"), 0),
        (|command| _ = command.env("AWS_XRAY_SDK_ENABLED", "false"), 0),
    ] {
        let platform = Platform::with("act", adjust);
        let answers = platform.invoke([Invocation::new(json!({})).trace(sampled())]);
        assert_eq!((answers[0].outcome, platform.drain().len()), (Outcome::Response, expected));
        let (_, told) = platform.written();
        assert!(!told.contains("XR"), "{told}");
    }
}

#[test]
fn a_function_restored_from_a_snapshot_records() {
    let platform = Platform::with("snapshot", |command| {
        command.env("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start");
    });
    platform.invoke([Invocation::new(json!({})).trace(sampled())]);
    assert_eq!(platform.api.restored(), 1);
    assert_lone(&platform.drain()[0]);
}

#[test]
fn a_response_is_recorded_by_powertools_variable() {
    let platform = Platform::with("quick", |command| {
        command.env("POWERTOOLS_TRACER_CAPTURE_RESPONSE", "true").env("POWERTOOLS_SERVICE_NAME", "payment");
    });
    platform.invoke([Invocation::new(json!({ "order": 7 })).trace(sampled())]);
    let document = &platform.drain()[0];
    assert_eq!(document.metadata["payment"]["## handler response"], json!({ "order": 7 }));
    assert_eq!(annotation(document, "Service"), "payment");
}

#[test]
fn what_errors_say_is_left_out_by_powertools_variable() {
    let off = |command: &mut Command| _ = command.env("POWERTOOLS_TRACER_CAPTURE_ERROR", "false");
    let platform = Platform::with("act", off);
    platform.invoke([Invocation::new(json!({ "do": "fail" })).trace(sampled())]);
    let [invocation] = &platform.drain()[..] else { panic!("not one document") };
    assert!(invocation.fault && invocation.cause.is_none());

    let platform = Platform::with("sqs", off);
    platform.invoke([Invocation::new(json!({ "Records": [{ "body": "bad" }] })).trace(sampled())]);
    let [batch] = &platform.drain()[..] else { panic!("not one document") };
    assert!(batch.subsegments[0].fault && batch.subsegments[0].cause.is_none());
}

#[test]
fn an_example_is_its_own_platform_in_one_process() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
    command.arg("--local").env("TMPDIR", env!("CARGO_TARGET_TMPDIR")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let process = child.id();
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    for part in [
        "invocation 0 answered",
        "invocation 1 failed",
        "└ ## handler  lone {ColdStart=true, Service=my-lambda, cold_start=true}\n  └ work\n",
        "└ ## handler  lone fault {ColdStart=false, Service=my-lambda, cold_start=false}\n",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    if cfg!(unix) {
        assert!(shown.contains(&format!("\"process\":{process},")), "{process}: {shown}");
    }
}

#[test]
fn the_fake_daemon_sees_the_same() {
    let (api, daemon) = (RuntimeApi::start().unwrap(), FakeDaemon::start().unwrap());
    let function = Function::start(env!("CARGO_BIN_EXE_bootstrap"), &api, daemon.address(), |command| {
        command.stdout(Stdio::null());
    });
    let _function = function.unwrap();
    api.invoke(Invocation::new(json!({})).trace(sampled()));
    api.answers(1, PATIENCE).unwrap();
    assert_lone(&daemon.wait_for(1, PATIENCE).unwrap()[0]);
}
