//! A worker process as the parent sees it, plain or under callgrind; and the socket its datagrams come to.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::http::Client;
use crate::profile;
use crate::workload::{Variant, Workload};

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// Receives datagrams for as long as the program runs, and counts them.
#[derive(Clone)]
pub struct Sink {
    pub address: SocketAddr,
    received: Arc<(AtomicU64, AtomicU64)>,
}

impl Sink {
    pub fn start() -> io::Result<Sink> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let sink = Sink { address: socket.local_addr()?, received: Arc::default() };
        let received = Arc::clone(&sink.received);
        std::thread::spawn(move || {
            let mut datagram = vec![0; 1 << 16];
            while let Ok(length) = socket.recv(&mut datagram) {
                received.0.fetch_add(1, Ordering::Relaxed);
                received.1.fetch_add(length as u64, Ordering::Relaxed);
            }
        });
        Ok(sink)
    }

    /// Datagrams and bytes so far, once no more come.
    pub fn settled(&self) -> (u64, u64) {
        loop {
            let before = self.received.0.load(Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(50));
            if self.received.0.load(Ordering::Relaxed) == before {
                return (before, self.received.1.load(Ordering::Relaxed));
            }
        }
    }
}

/// A program with a way to record, and the name it has there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contestant {
    program: PathBuf,
    pub variant: &'static str,
}

impl Contestant {
    /// One of this program's own.
    pub fn own(variant: Variant) -> Outcome<Contestant> {
        Ok(Contestant { program: std::env::current_exe()?, variant: variant.name() })
    }

    /// One of a program that was built into the same folder.
    pub fn peer(program: &str, variant: &'static str) -> Outcome<Contestant> {
        Ok(Contestant { program: std::env::current_exe()?.with_file_name(program), variant })
    }

    /// Runs it with these arguments to its end; how long that took.
    pub fn start_and_end(&self, arguments: &[&str]) -> Outcome<Duration> {
        let began = Instant::now();
        let status = Command::new(&self.program).args(arguments).envs(LAMBDA_HEADER).status()?;
        let took = began.elapsed();
        if status.success() { Ok(took) } else { Err(format!("{} ended with {status}", self.program.display()).into()) }
    }
}

/// xray-lite can be given its trace header in no other way.
const LAMBDA_HEADER: [(&str, &str); 1] =
    [("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")];

/// A worker that waits for commands. Ends with its standard input.
pub struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Worker {
    pub fn start(contestant: &Contestant, workload: Workload, sink: &Sink) -> Outcome<Worker> {
        Worker::spawn(&mut Command::new(&contestant.program), contestant, workload, sink)
    }

    /// Under callgrind, which writes one profile per thread behind `profile`.
    fn under_callgrind(contestant: &Contestant, workload: Workload, sink: &Sink, profile: &Path) -> Outcome<Worker> {
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--quiet", "--separate-threads=yes"]);
        command.arg(format!("--callgrind-out-file={}", profile.display()));
        command.arg(&contestant.program);
        Worker::spawn(&mut command, contestant, workload, sink)
    }

    fn spawn(command: &mut Command, contestant: &Contestant, workload: Workload, sink: &Sink) -> Outcome<Worker> {
        command.args(["worker", contestant.variant, &workload.to_string(), &sink.address.to_string()]);
        command.envs(LAMBDA_HEADER).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Worker { child, input, output })
    }

    /// Sends a command and returns the numbers it is answered with.
    pub fn ask(&mut self, command: &str) -> Outcome<Vec<u64>> {
        let line = self.line(command)?;
        let numbers = line.split_whitespace().map(str::parse).collect::<Result<Vec<u64>, _>>();
        numbers.map_err(|_| format!("{command:?} was answered with {line:?}").into())
    }

    /// Sends a command and returns the line it is answered with.
    pub fn line(&mut self, command: &str) -> Outcome<String> {
        writeln!(self.input.as_mut().ok_or("worker was ended")?, "{command}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line)
    }

    /// The first number of an answer.
    pub fn number(&mut self, command: &str) -> Outcome<u64> {
        Ok(*self.ask(command)?.first().ok_or("no number")?)
    }

    /// CPU time of its main thread so far, nanoseconds. Linux only.
    pub fn main_thread_time(&self) -> Option<u64> {
        let schedstat = std::fs::read_to_string(format!("/proc/{}/schedstat", self.child.id())).ok()?;
        schedstat.split_whitespace().next()?.parse().ok()
    }

    pub fn end(mut self) -> Outcome<()> {
        drop(self.input.take());
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("worker ended with {status}").into()) }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// User-space instructions of one operation.
#[derive(Clone, Copy, Debug)]
pub struct Instructions {
    /// Of the thread that does the requests.
    pub caller: f64,
    /// Of all threads.
    pub all: f64,
}

/// Whether instructions can be counted here.
pub fn has_valgrind() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Counts the same run with two numbers of operations; what they differ by is the operations' own.
pub fn instructions(
    contestant: &Contestant,
    workload: Workload,
    sink: &Sink,
    few: u64,
    many: u64,
) -> Outcome<Instructions> {
    let less = counted(contestant, workload, sink, few)?;
    let more = counted(contestant, workload, sink, many)?;
    let operations = (many - few) as f64;
    Ok(Instructions { caller: (more.caller - less.caller) / operations, all: (more.all - less.all) / operations })
}

/// For the life of a worker that does so many operations.
fn counted(contestant: &Contestant, workload: Workload, sink: &Sink, operations: u64) -> Outcome<Instructions> {
    let profiles = profiles(contestant, workload, sink, operations)?;
    let mut counted = Instructions { caller: 0.0, all: 0.0 };
    for (thread, text) in profiles.iter().enumerate() {
        let totals = text.lines().filter_map(|line| line.strip_prefix("totals: "));
        let total: f64 = totals.filter_map(|number| number.trim().parse::<f64>().ok()).sum();
        if total == 0.0 {
            return Err("a profile without totals: is the disk full?".into());
        }
        if thread > 0 {
            counted.all += total;
            continue;
        }
        // Not what happens before `main`: fastrace's clock spins there for a time, which is no number of instructions.
        let main = profile::beneath(text, |function| function == "main").instructions as f64;
        if main == 0.0 {
            return Err("a profile without `main`".into());
        }
        counted.caller += main;
        counted.all += main;
    }
    Ok(counted)
}

/// Callgrind's profile of each thread, the main one first, of a worker that does so many operations.
pub fn profiles(contestant: &Contestant, workload: Workload, sink: &Sink, operations: u64) -> Outcome<Vec<String>> {
    let name = format!("xray-bench-{}-{}-{workload}", std::process::id(), contestant.variant);
    let profile = std::env::temp_dir().join(name);
    let mut worker = Worker::under_callgrind(contestant, workload, sink, &profile)?;
    if workload == Workload::W4 {
        let mut client = Client::connect(u16::try_from(worker.number("serve")?)?)?;
        for _ in 0..operations {
            client.get_order()?;
        }
        client.quit()?;
    } else {
        worker.number(&format!("run {operations}"))?;
    }
    worker.end()?;
    let mut profiles = Vec::new();
    for thread in 1.. {
        let path = PathBuf::from(format!("{}-{thread:02}", profile.display()));
        let Ok(text) = std::fs::read_to_string(&path) else { break };
        std::fs::remove_file(&path)?;
        profiles.push(text);
    }
    let _ = std::fs::remove_file(&profile);
    if profiles.is_empty() { Err(format!("no profile at {}", profile.display()).into()) } else { Ok(profiles) }
}
