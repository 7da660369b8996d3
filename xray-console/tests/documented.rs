//! What the documentation asks is in the language.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panics

use xray_console::Filter;

const RUNBOOK: &str = include_str!("../../docs/runbook.md");

#[test]
fn every_question_of_the_runbook_can_be_asked() {
    let questions: Vec<&str> = RUNBOOK
        .split("`xrc traces '")
        .skip(1)
        .map(|rest| rest.split_once("'`").expect("an expression in quotes").0)
        .collect();
    assert!(questions.len() > 10, "{questions:?}");
    for question in questions {
        if let Err(error) = Filter::parse(question) {
            panic!("{question}: {error}");
        }
    }
}

/// Each command of `xrc` that a page or the README shows is understood: its flags and values exist.
#[cfg(feature = "cli")]
#[test]
fn every_command_shown_is_one() {
    let mut count = 0;
    for (page, text) in pages() {
        for command in commands(&text) {
            let mut arguments = words(&command);
            // What comes after `--` is another program's.
            let own = arguments.iter().position(|word| word == "--").unwrap_or(arguments.len());
            arguments.truncate(own);
            arguments.push("--help".to_owned());
            let said = std::process::Command::new(env!("CARGO_BIN_EXE_xrc")).args(&arguments).output().unwrap();
            let error = String::from_utf8_lossy(&said.stderr);
            assert!(said.status.success(), "{page}: xrc {command}: {error}");
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
}

#[cfg(feature = "cli")]
#[test]
fn the_bill_shown_is_the_one_that_xrc_writes() {
    let page = include_str!("../../docs/cost.md");
    let (_, shown) = page.split_once("$ xrc ").expect("a command and what it prints");
    let (command, rest) = shown.split_once('\n').unwrap();
    let (shown, _) = rest.split_once("```").unwrap();
    let said = std::process::Command::new(env!("CARGO_BIN_EXE_xrc"))
        .args(["--format", "table", "--color", "never"])
        .args(command.split(' '))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), shown);
}

/// The map in the README is that of `xrc demo`.
#[test]
fn the_map_shown_is_that_of_the_demo() {
    use xray_console::api::{GetServiceGraph, PutTraceSegments};
    use xray_console::text;

    let start = 1_465_510_280.0;
    let console = xray_console::Console::builder().start().unwrap();
    for number in 1..=100 {
        let documents = xray_console::demo::shop(number, start + f64::from(u32::try_from(number).unwrap()));
        let call = PutTraceSegments { trace_segment_documents: documents };
        assert!(console.call(call).unwrap().unprocessed_trace_segments.is_empty());
    }
    let graph = GetServiceGraph { start_time: start, end_time: start + 3600.0, ..Default::default() };
    let services = console.call(graph).unwrap().services;
    let drawn = text::map(&services, &text::MapOptions::default(), text::Style::new(110));
    let readme = include_str!("../../README.md");
    let (_, shown) = readme.split_once("$ xrc demo; xrc map\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    assert!(shown.lines().count() > 5, "{shown}");
    for line in shown.lines() {
        assert!(drawn.lines().any(|drawn| drawn == line), "{line}\n\n{drawn}"); // rows are left out there
    }
}

/// README and pages, by name.
#[cfg(feature = "cli")]
fn pages() -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let documents = ["docs", "deploy", "."].map(|folder| root.join(folder));
    let files =
        documents.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

/// The commands in a page: code that begins with `xrc `, and lines of blocks that do; up to a comment or another command.
#[cfg(feature = "cli")]
fn commands(page: &str) -> Vec<String> {
    let mut block = false;
    let mut found = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            block = !block;
        } else if block {
            let line = line.trim_start_matches("$ ");
            let line = line.split("  ").next().unwrap();
            found.extend(line.split("; ").filter_map(|command| command.strip_prefix("xrc ")).map(str::to_owned));
        } else {
            let code = line.split('`').skip(1).step_by(2);
            found.extend(code.filter_map(|code| code.strip_prefix("xrc ")).map(str::to_owned));
        }
    }
    found.retain(|command| !command.starts_with('…') && !command.contains("--endpoint-url"));
    found
}

/// A command's words, as a shell would part them; `…` stands for what does not matter.
#[cfg(feature = "cli")]
fn words(command: &str) -> Vec<String> {
    let parts = command.split('\'').enumerate();
    parts
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().filter(|word| *word != "…").map(str::to_owned).collect::<Vec<_>>(),
            _ => vec![part.to_owned()],
        })
        .collect()
}
