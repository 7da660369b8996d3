//! What the console's store bears: `cargo run --release -p xray-bench-console -- …`
//!
//! | command | measures |
//! |---|---|
//! | `ingest [FILE]` | documents a second through one thread, and the longest put while evicting; with a database in FILE if built with feature `db` |
//! | `udp RATE SECONDS` | loss at the socket of documents sent at this rate |
//! | `soak SECONDS` | memory under 5,000 documents a second; fails if it outgrows the bound or a document is lost |
//! | `query` | a filter and the service graph over 100,000 traces, beside a plain scan |
//! | `scale` | intake, assembly, filters and the graph at 1,000, 10,000 and 100,000 traces: the cost of one |

use std::error::Error;
use std::fmt::Write;
use std::net::UdpSocket;
use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};
use xray_console::graph::ServiceGraph;
use xray_console::intake::{Counters, Intake, Sender};
use xray_console::store::{DEFAULT_BOUND, Window};
use xray_console::{Filter, Store};
use xray_core::document::DAEMON_HEADER;

/// Bytes of a document.
const SIZE: usize = 2_000;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["ingest"] => ingest(Store::new()),
        #[cfg(feature = "db")]
        ["ingest", file] => ingest(Store::open(file, DEFAULT_BOUND)?),
        ["udp", rate, seconds] => udp(rate.parse()?, seconds.parse()?),
        ["soak", seconds] => soak(seconds.parse()?),
        ["query"] => query(),
        ["scale"] => scale(),
        _ => Err("usage: xray-bench-console ingest [FILE] | udp RATE SECONDS | soak SECONDS | query | scale".into()),
    }
}

/// A document of a trace of its own: a request to one of ten services, with a call of DynamoDB.
fn document(number: usize, start: f64) -> String {
    let mut text = String::with_capacity(SIZE);
    let (end, status) = (start + 0.05, if number.is_multiple_of(100) { 500 } else { 200 });
    // Writing to memory cannot fail.
    let _ = write!(
        text,
        r#"{{"name":"service-{service}","id":"{number:016x}","trace_id":"1-{seconds:08x}-{number:024x}","start_time":{start:.6},"end_time":{end:.6},"fault":{fault},"http":{{"request":{{"method":"GET","url":"http://shop.example/orders/{number}","user_agent":"load/1.0","client_ip":"203.0.113.7"}},"response":{{"status":{status},"content_length":512}}}},"annotations":{{"tier":"gold","order":{number},"cached":false}},"aws":{{"xray":{{"sdk":"xray-core","sdk_version":"0.9.0","sampling_rule_name":"Default"}},"ec2":{{"instance_id":"i-0b5a4678fc325b098","availability_zone":"us-west-2c"}}}},"subsegments":[{{"name":"DynamoDB","id":"{call:016x}","namespace":"aws","start_time":{start:.6},"end_time":{end:.6},"aws":{{"operation":"GetItem","region":"us-west-2","table_name":"orders-{table}","request_id":"A1B2C3","retries":0}},"http":{{"response":{{"status":200}}}}}}],"metadata":{{"default":{{"notes":""#,
        service = number % 10,
        seconds = start as u64,
        fault = status == 500,
        call = number | 1 << 40,
        table = number % 5,
    );
    let rest = SIZE.saturating_sub(text.len() + 5);
    text.extend(std::iter::repeat_n('x', rest));
    text.push_str("\"}}}");
    text
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn ingest(store: Store) -> Outcome {
    const DOCUMENTS: usize = 400_000;
    let from = "127.0.0.1:40000".parse()?;
    let intake = Intake::new(store);
    let (mut busy, mut longest, mut evicting) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for number in 0..DOCUMENTS {
        let datagram = format!("{DAEMON_HEADER}{}", document(number, now()));
        let began = Instant::now();
        intake.datagram(datagram.as_bytes(), from);
        let took = began.elapsed();
        busy += took;
        longest = longest.max(took);
        if intake.store().counters().evicted_traces > 0 {
            evicting = evicting.max(took);
        }
    }
    let rate = DOCUMENTS as f64 / busy.as_secs_f64();
    println!("{rate:.0} documents of {SIZE} bytes a second through one thread");
    println!("longest put {longest:?}, while evicting {evicting:?} (scheduling included)");
    println!("{:#?}", intake.store().counters());
    Ok(())
}

/// Sends at this rate, a few every millisecond, for so long; how many were sent.
fn send(to: std::net::SocketAddr, rate: usize, seconds: u64) -> Result<usize, Box<dyn Error>> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let (began, whole) = (Instant::now(), Duration::from_secs(seconds));
    let mut sent = 0;
    while began.elapsed() < whole {
        let due = (began.elapsed().as_secs_f64() * rate as f64) as usize;
        while sent < due {
            socket.send_to(format!("{DAEMON_HEADER}{}", document(sent, now())).as_bytes(), to)?;
            sent += 1;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(sent)
}

/// The counters once everything that was sent is accounted for, or after ten seconds.
fn settled(intake: &Intake, sent: usize) -> Counters {
    let began = Instant::now();
    loop {
        let counters = intake.counters();
        let known = counters.documents + counters.dropped + counters.kernel_drops.unwrap_or(0);
        if known >= sent as u64 || began.elapsed() > Duration::from_secs(10) {
            return counters;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn udp(rate: usize, seconds: u64) -> Outcome {
    let intake = Intake::new(Store::new());
    let listener = intake.listen("127.0.0.1:0".parse()?)?;
    println!("receive buffer {} bytes", listener.receive_buffer());
    let sent = send(listener.address(), rate, seconds)?;
    let counters = settled(&intake, sent);
    println!(
        "sent {sent}, taken {}, dropped by the kernel {:?}, by us {}",
        counters.documents, counters.kernel_drops, counters.dropped
    );
    Ok(())
}

/// Resident memory of this process, bytes. Source: proc(5), "/proc/pid/statm"; pages of 4 KB.
fn resident() -> Result<usize, Box<dyn Error>> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    Ok(statm.split_whitespace().nth(1).ok_or("statm has no second column")?.parse::<usize>()? * 4_096)
}

fn soak(seconds: u64) -> Outcome {
    const RATE: usize = 5_000;
    /// Beyond the store's bound: queues, threads, the program, and what an allocator cannot give back.
    const BESIDE: usize = DEFAULT_BOUND / 4 + 50_000_000;
    let intake = Intake::new(Store::new());
    let listener = intake.listen("127.0.0.1:0".parse()?)?;
    let address = listener.address();
    let sender = std::thread::spawn(move || send(address, RATE, seconds).map_err(|error| error.to_string()));
    let mut most = 0;
    while !sender.is_finished() {
        std::thread::sleep(Duration::from_secs(1).min(Duration::from_secs(seconds)));
        most = most.max(resident()?);
    }
    let sent = sender.join().map_err(|_| "the sender panicked")??;
    let counters = settled(&intake, sent);
    println!("sent {sent}, taken {}, kernel dropped {:?}", counters.documents, counters.kernel_drops);
    println!("resident at most {most} bytes; {:?}", intake.store().counters());
    if counters.documents != sent as u64 {
        return Err(format!("{} documents were lost", sent as u64 - counters.documents).into());
    }
    if most > DEFAULT_BOUND + BESIDE {
        return Err(format!("{most} bytes of memory for a store of {DEFAULT_BOUND}").into());
    }
    Ok(())
}

/// Filters that ask for a flag, for an annotation and text, and for the graph.
const FILTERS: [&str; 3] = [
    "fault",
    "annotation.order > 5000 AND http.url CONTAINS \"/orders/7\"",
    "service(\"orders-3\") AND edge(\"service-3\", \"orders-3\") { ok }",
];

/// What it returns, and the CPU time this thread took for it: a thread that has to wait for a processor, as the longer of
/// two measurements on a busy machine does, is no slower by it.
fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
    };
    let began = now();
    (what(), now() - began)
}

/// Runs it seven times: what it found, and the shortest time. Whoever else uses the machine only makes it slower.
fn best(mut what: impl FnMut() -> usize) -> (usize, Duration) {
    (0..7).map(|_| timed(&mut what)).min_by_key(|(_, took)| *took).unwrap_or_default()
}

fn count(store: &Store, filter: Option<&Filter>) -> usize {
    let mut count = 0;
    store.scan(&Window::ALL, |row| {
        count += usize::from(filter.is_none_or(|filter| filter.matches(&row.facts)));
        true
    });
    count
}

/// Looks at the newest [`NEWEST`] traces alone, as people who look at what just happened.
fn newest(store: &Store, filter: &Filter) -> usize {
    let (mut seen, mut count) = (0, 0);
    store.scan(&Window::ALL, |row| {
        seen += 1;
        count += usize::from(filter.matches(&row.facts));
        seen < NEWEST
    });
    count
}

const NEWEST: usize = 1_000;

fn services(store: &Store) -> usize {
    let mut graph = ServiceGraph::default();
    store.scan(&Window::ALL, |row| {
        graph.add(&row.part);
        true
    });
    graph.services().len()
}

/// Nanoseconds of a trace, of each of some hundreds of them.
type Pieces = Vec<f64>;

/// A store of so many traces, each begun a millisecond after the one before; how long their intake and their assembly took.
fn filled(traces: usize) -> Result<(Intake, Pieces, Pieces), Box<dyn Error>> {
    /// Traces between two looks at the clock.
    const PIECE: usize = 500;
    let intake = Intake::new(Store::with_bound(4 * DEFAULT_BOUND));
    let (first, mut taken, mut assembled) = (now(), Pieces::new(), Pieces::new());
    for begin in (0..traces).step_by(PIECE) {
        let numbers = begin..traces.min(begin + PIECE);
        let piece: Vec<String> = numbers.map(|number| document(number, first + number as f64 / 1e3)).collect();
        let put = |json: &String| intake.put(json.as_bytes(), Sender::Local("load")).map(|_| ());
        let (put, took) = timed(|| piece.iter().try_for_each(put));
        put?;
        taken.push(took.as_nanos() as f64 / piece.len() as f64);
    }
    let mut all_settled = 0;
    loop {
        let mut settled = 0;
        let ((), took) = timed(|| {
            while settled < PIECE {
                match intake.store().settle(Duration::ZERO) {
                    0 => break,
                    more => settled += more,
                }
            }
        });
        if settled == 0 {
            break;
        }
        assembled.push(took.as_nanos() as f64 / settled as f64);
        all_settled += settled;
    }
    // A trace is settled when its row is made, and again when that is packed.
    let times = all_settled as f64 / traces as f64;
    assembled.iter_mut().for_each(|piece| *piece *= times);
    let kept = intake.store().counters().traces;
    if kept == traces { Ok((intake, taken, assembled)) } else { Err(format!("{kept} of {traces} traces kept").into()) }
}

fn median(mut pieces: Pieces) -> f64 {
    pieces.sort_by(f64::total_cmp);
    pieces[pieces.len() / 2]
}

/// What a query takes of a trace in each of the stores.
type Row = (String, Vec<f64>);

/// The shortest time that each query takes of a trace, of several stores by turns: a machine's pace changes within
/// seconds, and what is measured by turns meets the same.
fn by_turns(stores: &[&Store]) -> Result<Vec<Row>, Box<dyn Error>> {
    const ROUNDS: usize = 15;
    type Query = Box<dyn Fn(&Store) -> usize>;
    let mut queries: Vec<(String, Query)> = vec![("scan".into(), Box::new(|store| count(store, None)))];
    for filter in FILTERS {
        let parsed = Filter::parse(filter)?;
        queries.push((format!("scan, `{filter}`"), Box::new(move |store| count(store, Some(&parsed)))));
    }
    let parsed = Filter::parse(FILTERS[1])?;
    let name = format!("the newest {NEWEST}, `{}`", FILTERS[1]);
    queries.push((name, Box::new(move |store| newest(store, &parsed))));
    queries.push(("service graph".into(), Box::new(services)));
    let mut rows: Vec<_> = queries.iter().map(|(name, _)| (name.clone(), vec![f64::MAX; stores.len()])).collect();
    for _ in 0..ROUNDS {
        for ((name, query), (_, row)) in queries.iter().zip(&mut rows) {
            for (store, least) in stores.iter().zip(row) {
                let looked_at = if name.starts_with("the newest") { NEWEST } else { store.counters().traces };
                let (_, took) = timed(|| query(store));
                *least = least.min(took.as_nanos() as f64 / looked_at as f64);
            }
        }
    }
    Ok(rows)
}

fn scale() -> Outcome {
    const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
    const TURNS: usize = 4;
    let (mut intake, mut assembly) = (vec![Pieces::new(); SIZES.len()], vec![Pieces::new(); SIZES.len()]);
    let mut filled_ones = Vec::new();
    for _ in 0..TURNS {
        filled_ones.clear();
        for (place, traces) in SIZES.into_iter().enumerate() {
            // Of small stores several, so that they are measured for as long.
            for _ in 0..(SIZES[2] / traces).min(10) {
                let (store, taken, assembled) = filled(traces)?;
                intake[place].extend(taken);
                assembly[place].extend(assembled);
                filled_ones.truncate(place);
                filled_ones.push(store);
            }
        }
    }
    let stores: Vec<&Store> = filled_ones.iter().map(Intake::store).collect();
    let medians = |pieces: Vec<Pieces>| pieces.into_iter().map(median).collect();
    let mut rows: Vec<Row> = vec![("intake".into(), medians(intake)), ("assembly".into(), medians(assembly))];
    rows.extend(by_turns(&stores)?);
    let bytes = stores.iter().map(|store| store.counters()).map(|counters| counters.bytes / counters.traces);
    rows.push(("bytes".into(), bytes.map(|bytes| bytes as f64).collect()));
    println!(
        "Nanoseconds of CPU a trace, and bytes:\n\n| | 1,000 traces | 10,000 | 100,000 | last / first |\n|---|---:|---:|---:|---:|"
    );
    for (name, row) in rows {
        println!("| {name} | {:.0} | {:.0} | {:.0} | {:.2} |", row[0], row[1], row[2], row[2] / row[0]);
    }
    Ok(())
}

fn query() -> Outcome {
    const TRACES: usize = 100_000;
    let (intake, _, assembled) = filled(TRACES)?;
    let store = intake.store();
    println!("{TRACES} traces, {:.0} ns each to settle", median(assembled));
    println!("{} bytes a trace", store.counters().bytes / TRACES);
    let report = |name: &str, (found, took): (usize, Duration)| println!("{name}: {found} in {took:?}");
    report("plain scan", best(|| count(store, None)));
    for expression in FILTERS {
        let filter = Filter::parse(expression)?;
        report(expression, best(|| count(store, Some(&filter))));
    }
    report("service graph", best(|| services(store)));
    Ok(())
}
