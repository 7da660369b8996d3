//! `xrc up` as a process: what it keeps in a file, and what it passes on.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use super::{SINCE, Said, Shop, with_input, xrc};

/// A console of its own process; killed when it is dropped.
pub(crate) struct Up {
    child: Child,
    told: BufReader<ChildStderr>,
    pub(crate) address: String,
}

impl Up {
    /// Starts it on a free port, and waits until it listens.
    pub(crate) fn start<O: AsRef<str>>(options: &[O], variables: &[(&str, &str)]) -> Up {
        let options: Vec<&str> = options.iter().map(AsRef::as_ref).collect();
        let mut up = Up::spawn(&[&["--addr", "127.0.0.1:0"], &options[..]].concat(), variables);
        let mut line = String::new();
        up.told.read_line(&mut line).unwrap();
        assert!(line.contains("listening  udp and tcp "), "{line}");
        up.address = line.trim_end().rsplit(' ').next().unwrap().to_owned();
        up
    }

    /// Starts it, and waits for nothing: the address is not known.
    pub(crate) fn spawn(options: &[&str], variables: &[(&str, &str)]) -> Up {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xrc"));
        command.args(["up", "--no-tail"]).args(options).env_clear();
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").envs(variables.iter().copied());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let told = BufReader::new(child.stderr.take().unwrap());
        Up { child, told, address: String::new() }
    }

    /// Runs `xrc` against it.
    fn xrc(&self, arguments: &[&str]) -> Said {
        xrc(&[&["--addr", &self.address], arguments].concat())
    }

    /// Puts one of the shop's requests over TCP; when this returns it has been acknowledged.
    fn put(&self, number: u64, start: f64) {
        let documents = xray_console::demo::shop(number, start).join("\n");
        let said = with_input(&["--addr", &self.address, "import", "-"], &[], &documents);
        assert_eq!(said.code, 0, "{}", said.all());
    }

    /// Asks it to end, and gives what it said after it had begun to listen.
    pub(crate) fn terminate(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
        let mut told = String::new();
        self.told.read_to_string(&mut told).unwrap();
        assert!(self.child.wait().unwrap().success(), "{told}");
        told
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A place of this test's own, where nothing is.
pub(crate) fn fresh(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn traces_in_a_file_survive_any_end_of_the_console() {
    let file = fresh("up-db").join("traces.db");
    let options = ["--db", file.to_str().unwrap()];
    let list = [&["traces"], &SINCE[..]].concat();

    let up = Up::start(&options, &[]);
    up.put(17, 1_465_510_280.0);
    drop(up); // as by kill -9

    let up = Up::start(&options, &[]);
    up.put(18, 1_465_510_281.0);
    let before = up.xrc(&list);
    assert!(before.out.ends_with("2 of 2 traces looked at\n"), "{}", before.all());
    let told = up.terminate();
    assert!(told.contains(&format!("and the file {}\n", file.display())), "{told}");
    assert!(told.contains(" documents received, 0 refused, 0 dropped\n"), "{told}");

    assert_eq!(Up::start(&options, &[]).xrc(&list).all(), before.all());
}

#[test]
fn rules_that_cannot_be_served_are_named() {
    let file = fresh("up-rules").join("rules.json");
    let rules = r#"{"version": 2, "default": {"fixed_target": 1, "rate": 0.1}, "rules": [
        {"description": "failures", "host": "*", "http_method": "*", "url_path": "*", "fixed_target": 0, "rate": 1,
         "attributes": {"fault": "true"}}]}"#;
    std::fs::write(&file, rules).unwrap();
    let mut up = Up::spawn(&["--addr", "127.0.0.1:0", "--sampling", file.to_str().unwrap()], &[]);
    let mut line = String::new();
    up.told.read_line(&mut line).unwrap();
    let told = "rules.json: who asks here for rules is not given those on the response: \"failures\"; a program that reads the file \
                itself (XRAY_SAMPLING_RULES) goes by them\n";
    assert!(line.ends_with(told), "{line}");
}

#[test]
fn a_relay_passes_on_what_it_takes() {
    let aws = Shop::empty();
    let (endpoint, spool) = (format!("http://{}", aws.address), fresh("up-relay"));
    let options = ["--relay", "-region", "eu-central-1", "--endpoint", &endpoint, "--spool", spool.to_str().unwrap()];
    let documents = xray_console::demo::shop(17, 1_465_510_280.0).len() as u64;

    let up = Up::start(&options, &[]);
    up.put(17, 1_465_510_280.0);
    let asked = up.xrc(&[&["traces"], &SINCE[..]].concat());
    assert!(asked.err.contains("queries are switched off"), "{}", asked.all());
    let began = Instant::now();
    while aws.console.intake().counters().documents < documents && began.elapsed() < Duration::from_secs(60) {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let told = up.terminate();
    assert!(told.contains("segments go on to AWS X-Ray by a spool on disk\n"), "{told}");
    assert!(told.contains(" sent to AWS X-Ray, 0 refused, 0 dropped, "), "{told}");
    let mut expected = Shop::open().xrc(&[&["traces", "fault"], &SINCE[..]].concat()).out;
    expected = expected.replace("1 of 3 traces", "1 of 1 traces");
    assert_eq!(aws.xrc(&[&["traces", "fault"], &SINCE[..]].concat()).out, expected);
}

#[cfg(feature = "web")]
#[test]
fn the_pages_are_told_of_with_the_token_where_there_is_one() {
    let link = |options: &[&str], variables: &[(&str, &str)]| {
        let mut up = Up::start(options, variables);
        let (address, mut told) = (up.address.clone(), String::new());
        while !told.contains("waiting for segments") {
            assert_ne!(up.told.read_line(&mut told).unwrap(), 0, "{told}");
        }
        let line =
            told.lines().find(|line| line.trim_start().starts_with("pages ")).unwrap_or_else(|| panic!("{told}"));
        let rest = line.split_once(&format!("http://{address}/")).unwrap_or_else(|| panic!("{line}")).1.to_owned();
        (rest, told)
    };
    assert_eq!(link(&[], &[]).0, "");
    assert_eq!(link(&["--expose"], &[("XRC_TOKEN", "a b")]).0, "?token=a%20b");
    let (made, told) = link(&["--expose"], &[]);
    let token = made.strip_prefix("?token=").unwrap();
    assert!(token.len() == 32 && token.bytes().all(|digit| digit.is_ascii_hexdigit()), "{made}");
    assert!(told.contains(&format!("XRC_TOKEN={token}")), "{told}");
    assert_ne!(link(&["--expose"], &[]).0, made);
}
