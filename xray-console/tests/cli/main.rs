//! The program `xrc` as people run it: real processes against a real console on a free port.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests fail by panics

mod alone;
mod asked;
#[cfg(all(unix, feature = "db", feature = "relay"))]
mod relay;
#[cfg(all(unix, feature = "db", feature = "relay"))]
mod service;
#[cfg(all(unix, feature = "db", feature = "relay"))]
mod up;

use std::io::Write;
use std::process::{Command, Stdio};

use xray_console::Console;

/// What came of a command.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    /// All of it, for comparison: output, messages, exit status.
    fn all(&self) -> String {
        format!("{}{}status {}\n", self.out, self.err, self.code)
    }
}

/// Runs `xrc` with tables, without colours, 100 columns wide unless `COLUMNS` says otherwise, and nothing of this machine's environment.
fn xrc(arguments: &[&str]) -> Said {
    with_input(arguments, &[], "")
}

fn with_input(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xrc"));
    let format: &[&str] = if arguments.contains(&"--format") { &[] } else { &["--format", "table"] };
    let is_told = variables.iter().any(|(name, _)| *name == "COLUMNS");
    command.args(if is_told { &[][..] } else { &["--width", "100"] }).args(format).args(arguments);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs(variables.iter().copied());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // What does not read its input may be gone before all of it is written.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// A console with the shop's requests 17 (fails), 18 and 30 (throttled), long ago.
struct Shop {
    console: Console,
    address: String,
}

impl Shop {
    fn open() -> Shop {
        let shop = Shop::empty();
        for (number, start) in [(17, 1_465_510_280.0), (18, 1_465_510_281.0), (30, 1_465_510_282.0)] {
            for document in xray_console::demo::shop(number, start) {
                shop.put(&document);
            }
        }
        shop
    }

    fn empty() -> Shop {
        let console = Console::start().unwrap();
        let address = console.address().to_string();
        Shop { console, address }
    }

    fn put(&self, document: &str) {
        let sender = xray_console::intake::Sender::Local("test");
        self.console.intake().put(document.as_bytes(), sender).unwrap();
    }

    /// Runs `xrc` against this console.
    fn xrc(&self, arguments: &[&str]) -> Said {
        xrc(&[&["--addr", &self.address], arguments].concat())
    }

    /// The address as messages have it is another one every time.
    fn fixed(&self, said: &Said) -> String {
        said.all().replace(&self.address, "CONSOLE")
    }
}

/// Seconds since the epoch.
fn now() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Far enough back for any trace of these tests.
const SINCE: [&str; 2] = ["--since", "36500d"];
