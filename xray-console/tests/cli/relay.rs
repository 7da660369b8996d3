//! `xrc up --relay` as a process, in the place of the X-Ray daemon.

use std::path::Path;

use super::service::{Service, put, until};
use super::up::{Up, fresh};
use super::{with_input, xrc};

/// What makes a relay send to this service, with its spool in this folder.
fn to(service: &Service, spool: &Path) -> Vec<String> {
    let endpoint = format!("http://{}", service.address);
    ["--relay", "--endpoint", &endpoint, "--spool", spool.to_str().unwrap()].map(str::to_owned).to_vec()
}

#[test]
fn a_relay_that_is_killed_again_and_again_loses_nothing_that_was_acknowledged() {
    let (service, spool) = (Service::start(), fresh("relay-killed"));
    let options = [to(&service, &spool), vec!["-n".to_owned(), "eu-central-1".to_owned()]].concat();
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        // Killed twice in an outage, and twice while it sends.
        let outage = round < 2;
        service.refuse(outage);
        let up = Up::start(&options, &[]);
        let mut put_some = |numbers: std::ops::Range<usize>| {
            for number in numbers {
                acknowledged.push(format!("{round:08x}{number:08x}"));
                put(&up.address, acknowledged.last().unwrap());
            }
        };
        let before = service.taken().len();
        put_some(0..60);
        if !outage {
            until("some have arrived", || service.taken().len() > before);
            put_some(60..70);
        }
        drop(up); // by SIGKILL
    }
    let _up = Up::start(&options, &[]);
    until("all have arrived", || {
        let taken = service.taken();
        acknowledged.iter().all(|id| taken.contains_key(id))
    });
    assert_eq!(service.taken().len(), acknowledged.len(), "and nothing else");
}

#[test]
fn the_daemons_flags_and_its_file_mean_the_same() {
    let (service, spool) = (Service::start(), fresh("relay-daemon"));
    let (file, log) = (spool.join("cfg.yaml"), spool.join("xray.log"));
    let text = format!(
        "Region: us-east-1\nEndpoint: \"http://{}\"\nSocket:\n  UDPAddress: 0.0.0.0:0\n  TCPAddress: 192.0.2.1:1\n\
         Logging:\n  LogPath: {}\nConcurrency: 2\nVersion: 2\n",
        service.address,
        log.display()
    );
    std::fs::write(&file, text).unwrap();
    // What an image says, then what a task definition adds.
    let image = ["--relay", "-t", "0.0.0.0:1", "--spool", spool.to_str().unwrap()];
    let task =
        ["-t", "127.0.0.1:0", "-c", file.to_str().unwrap(), "-n", "eu-west-1", "-o", "-m", "3", "--log-level=info"];
    let up = Up::spawn(&[&image[..], &task].concat(), &[("AWS_REGION", "eu-west-2")]);
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    until("it listens", || said().contains("  tcp 127.0.0.1:"));
    let address = said().split("  tcp ").nth(1).unwrap().lines().next().unwrap().to_owned();
    put(&address, "00000000000000aa");
    until("it has arrived", || service.taken().len() == 1);
    assert!(
        service.asked().contains("POST /TraceSegments HTTP/1.1 AWS4-HMAC-SHA256 Credential=test/"),
        "{}",
        service.asked()
    );
    assert!(service.asked().contains("/eu-west-1/xray/"), "the flag's region: {}", service.asked());
    assert_eq!(up.terminate(), "", "all is said in the file");
    assert!(said().contains("Z [Info] relay: 1 sent to AWS X-Ray, 0 refused, 0 dropped"), "{}", said());
}

#[test]
fn a_region_that_nobody_said_is_that_of_the_task_or_the_instance() {
    let (service, spool) = (Service::start(), fresh("relay-region"));
    let metadata = spool.join("metadata.json");
    std::fs::write(&metadata, r#"{"Cluster": "c", "TaskARN": "arn:aws:ecs:eu-south-2:012345678910:task/c/2b88"}"#)
        .unwrap();
    let instance = format!("http://{}", service.address);
    let instance = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", instance.as_str());
    let task = [
        ("ECS_ENABLE_CONTAINER_METADATA", "true"),
        ("ECS_CONTAINER_METADATA_FILE", metadata.to_str().unwrap()),
        instance,
    ];
    for (number, (variables, region)) in
        [(&task[..], "/eu-south-2/xray/"), (&[instance], "/eu-west-9/xray/")].iter().enumerate()
    {
        let up = Up::start(&to(&service, &spool), variables);
        put(&up.address, &format!("{number:016x}"));
        until(region, || service.asked().contains(region));
    }
    let options = to(&service, &spool);
    let options: Vec<&str> =
        ["up", "--addr", "127.0.0.1:0", "-o"].into_iter().chain(options.iter().map(String::as_str)).collect();
    let said = with_input(&options, &task, "");
    assert!(said.err.starts_with("xrc: no AWS region: give one, or set AWS_REGION"), "{}", said.all());
    assert_eq!(said.code, 4);
}

#[test]
fn a_proxy_is_asked_for_what_goes_to_aws() {
    let proxy = Service::start();
    let url = format!("http://{}", proxy.address);
    for (number, (flags, variables)) in
        [(&["-p", url.as_str()][..], &[][..]), (&[], &[("HTTPS_PROXY", url.as_str())])].into_iter().enumerate()
    {
        let (region, spool) = (format!("eu-north-{number}"), fresh(&format!("relay-proxy-{number}")));
        let options = [&["--relay", "-n", &region, "--spool", spool.to_str().unwrap()], flags].concat();
        let up = Up::start(&options, variables);
        put(&up.address, "00000000000000aa");
        let wanted = format!("CONNECT xray.{region}.amazonaws.com:443 HTTP/1.1");
        until(&wanted, || proxy.asked().contains(&wanted));
    }
    let wrong = xrc(&["up", "--relay", "-n", "eu-north-1", "-p", "proxy:3128", "--spool", "/nowhere"]);
    assert!(wrong.err.starts_with("xrc: proxy proxy:3128: "), "{}", wrong.all());
}

#[test]
fn what_cannot_mean_the_same_is_refused() {
    let folder = fresh("relay-refused");
    let file = folder.join("cfg.yaml");
    std::fs::write(&file, "Version: 2\nNoVerifySSL: true\n").unwrap();
    for (flags, said) in [
        (&["-c", file.to_str().unwrap()][..], "cfg.yaml, line 2: NoVerifySSL is not offered"),
        (&["-c", "/no/such/file"], "/no/such/file: "),
        (&["-m", "2"], "-m --buffer-memory: expected 3 MB or more"),
        (&["-l", "loud"], "\"loud\": expected dev, debug, info, warn, error or prod"),
        (&["-b", "2000"], "\"2000\": expected an address such as 127.0.0.1:2000"),
        (&["-f", "/no/such/folder/log"], "/no/such/folder/log: "),
    ] {
        let spool = ["--spool", folder.to_str().unwrap()];
        let told = xrc(&[&["up", "--addr", "127.0.0.1:0", "--relay", "-n", "eu-west-1"], &spool[..], flags].concat());
        assert!(told.err.contains(said) && told.code != 0, "{flags:?}: {}", told.all());
    }
    assert!(xrc(&["up", "-b", "127.0.0.1:0"]).err.contains("--relay"), "flags of the relay ask for it");
    let version = xrc(&["up", "--relay", "-v"]).out;
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
}
