//! A sampling decision by itself: 24 rules that do not match, then the default one.
//!
//! Patterns are a mix: a third end with a star, a third have one inside, a third begin with one.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use xray_core::sampling::{CentralSampler, Rule, Sample, SamplingRequest};
use xray_core::{DaemonAddress, LocalSampler, Rules, SystemClock, ThreadEntropy};

use crate::process::Outcome;
use crate::workload::Workload;

static SAMPLER: OnceLock<Arc<dyn Sample>> = OnceLock::new();

/// Makes the sampler. Central rules come from a daemon in this process, once.
pub fn install(workload: Workload) -> Outcome<()> {
    let sampler: Arc<dyn Sample> = if workload == Workload::D2 { central()? } else { Arc::new(local()) };
    SAMPLER.set(sampler).map_err(|_| "a sampler is there already".into())
}

/// One decision.
pub fn decide() {
    if let Some(sampler) = SAMPLER.get() {
        let request = SamplingRequest::new("orders").with_host("shop.example.com").with_method("GET");
        let _ = black_box(sampler.sample(&request.with_path(black_box("/api/orders/7/items"))));
    }
}

fn paths() -> impl Iterator<Item = String> {
    (0..24).map(|number| match number % 3 {
        0 => format!("/api/v{number}/*"),
        1 => format!("/api/*/v{number}"),
        _ => format!("*/v{number}"),
    })
}

/// A sampler of 25 rules of which the last matches.
pub fn local() -> LocalSampler {
    let rule = |path: String| Rule::new(&path).with_method("GET").with_path(&path).with_fixed_target(5).with_rate(0.5);
    let rules = paths().map(rule).fold(Rules::default().with_default(5, 0.5), Rules::with_rule);
    LocalSampler::new(rules, Arc::new(SystemClock), Arc::new(ThreadEntropy))
}

fn central() -> Outcome<Arc<CentralSampler>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let sampler = Arc::new(CentralSampler::new(&DaemonAddress::parse(&listener.local_addr()?.to_string())?));
    let _starts = sampler.sample(&SamplingRequest::new("orders"));
    let (mut stream, _) = listener.accept()?;
    let mut reader = BufReader::new(&stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    reader.read_exact(&mut [0; 2])?;
    let rule = |(name, path): (String, String)| {
        format!(
            r#"{{"SamplingRule":{{"RuleName":"{name}","ResourceARN":"*","Priority":100,"FixedRate":0.5,"ReservoirSize":5,
            "ServiceName":"*","ServiceType":"*","Host":"*","HTTPMethod":"GET","URLPath":"{path}","Version":1}}}}"#
        )
    };
    let default = ("Default".to_owned(), "*".to_owned());
    let records: Vec<String> = paths().map(|path| (path.clone(), path)).chain([default]).map(rule).collect();
    let body = format!(r#"{{"SamplingRuleRecords":[{}]}}"#, records.join(","));
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
    let deadline = Instant::now() + Duration::from_secs(60);
    while sampler.rule_names().len() < records.len() {
        if Instant::now() > deadline {
            return Err("the central rules did not arrive".into());
        }
        std::thread::yield_now();
    }
    Ok(sampler)
}
