use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use super::*;

/// Answers by path; a path it does not know is 404. Every request's head is kept.
struct StandIn {
    address: String,
    heads: std::sync::Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    fn new(answers: &[(&str, &str)]) -> StandIn {
        let answers: HashMap<String, String> =
            answers.iter().map(|(head, answer)| ((*head).to_owned(), (*answer).to_owned())).collect();
        StandIn::with(move |mut stream, head| {
            let start = head.split(" HTTP").next().unwrap_or_default();
            let (status, body) = answers.get(start).map_or(("404 Not Found", ""), |body| ("200 OK", body.as_str()));
            let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        })
    }

    fn with(serve: impl Fn(TcpStream, &str) + Send + 'static) -> StandIn {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let heads = std::sync::Arc::new(Mutex::new(Vec::new()));
        let kept = heads.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let lines = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
                let head: Vec<String> = lines.collect();
                let head = head.join("\n");
                kept.lock().unwrap().push(head.clone());
                serve(stream, &head);
            }
        });
        StandIn { address, heads }
    }
}

/// A folder with these files, removed in the end.
struct Root(PathBuf);

impl Root {
    fn new(files: &[(&str, &str)]) -> Root {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("xray-origin-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let root = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&root).unwrap();
        for (path, text) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Root(root)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

fn found(variables: &[(&str, &str)], files: &[(&str, &str)], instance_metadata: &str) -> Detected {
    let root = Root::new(files);
    let lookup = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    detect(&Sources { lookup: &lookup, root: root.0.clone(), instance_metadata: instance_metadata.to_owned() })
}

fn blocks(origin: &Detected) -> Value {
    Value::Object(origin.aws.clone())
}

const IDENTITY: &str = r#"{"accountId": "123456789012", "architecture": "arm64", "availabilityZone": "eu-west-1b",
    "billingProducts": null, "imageId": "ami-0abcdef1234567890", "instanceId": "i-0b5a4678fc325b098",
    "instanceType": "m7g.large", "region": "eu-west-1", "version": "2017-09-30"}"#;

fn instance() -> StandIn {
    StandIn::new(&[("PUT /latest/api/token", "TOKEN=="), ("GET /latest/dynamic/instance-identity/document", IDENTITY)])
}

#[test]
fn an_instance_is_asked_with_a_token() {
    let service = instance();
    let origin = found(&[], &[], &service.address);
    assert_eq!(origin.name, Some("AWS::EC2::Instance"));
    let block = json!({
        "account_id": "123456789012",
        "ec2": {"instance_id": "i-0b5a4678fc325b098", "instance_size": "m7g.large", "ami_id": "ami-0abcdef1234567890",
                "availability_zone": "eu-west-1b"}
    });
    assert_eq!(blocks(&origin), block);
    let heads = service.heads.lock().unwrap().join("\n").to_ascii_lowercase();
    assert!(heads.contains("x-aws-ec2-metadata-token-ttl-seconds: 60"), "{heads}");
    assert!(heads.contains("x-aws-ec2-metadata-token: token=="), "{heads}");
}

#[test]
fn a_host_may_forbid_the_question() {
    let service = instance();
    let origin = found(&[("AWS_EC2_METADATA_DISABLED", "true")], &[], &service.address);
    assert_eq!(origin, Detected::default());
    assert!(service.heads.lock().unwrap().is_empty());
}

#[test]
fn a_task_tells_its_container_its_cluster_and_its_log_group() {
    let service = StandIn::new(&[
        (
            "GET /v4/abc",
            r#"{"DockerId": "cd189a933e5849daa93386466019ab50-2495160603", "Name": "curl",
                "ContainerARN": "arn:aws:ecs:us-west-2:111122223333:container/0206b271-b33f-47ab-86c6-a0ba208a70a9",
                "LogDriver": "awslogs", "LogOptions": {"awslogs-group": "/ecs/orders", "awslogs-region": "us-west-2"}}"#,
        ),
        (
            "GET /v4/abc/task",
            r#"{"Cluster": "arn:aws:ecs:us-west-2:111122223333:cluster/shop", "Family": "orders", "LaunchType": "FARGATE",
                "TaskARN": "arn:aws:ecs:us-west-2:111122223333:task/shop/cd189a9", "AvailabilityZone": "us-west-2a"}"#,
        ),
    ]);
    let uri = format!("{}/v4/abc", service.address);
    let origin = found(&[("ECS_CONTAINER_METADATA_URI_V4", &uri)], &[("etc/hostname", "ip-10-0-0-7\n")], NOWHERE);
    assert_eq!(origin.name, Some("AWS::ECS::Container"));
    let expected = json!({
        "account_id": "111122223333",
        "cloudwatch_logs": [{"log_group": "/ecs/orders",
                             "arn": "arn:aws:logs:us-west-2:111122223333:log-group:/ecs/orders"}],
        "ecs": {"container": "ip-10-0-0-7", "container_id": "cd189a933e5849daa93386466019ab50-2495160603",
                "container_arn": "arn:aws:ecs:us-west-2:111122223333:container/0206b271-b33f-47ab-86c6-a0ba208a70a9",
                "task_arn": "arn:aws:ecs:us-west-2:111122223333:task/shop/cd189a9", "task_family": "orders",
                "launch_type": "FARGATE", "availability_zone": "us-west-2a",
                "cluster_arn": "arn:aws:ecs:us-west-2:111122223333:cluster/shop"}
    });
    assert_eq!(blocks(&origin), expected);
}

/// `{"iss":"https://oidc.eks.eu-west-1.amazonaws.com/id/ABC"}` between a header and a signature.
const EKS_TOKEN: &str = "e30.eyJpc3MiOiJodHRwczovL29pZGMuZWtzLmV1LXdlc3QtMS5hbWF6b25hd3MuY29tL2lkL0FCQyJ9.c2lnbmF0dXJl";

const TOKEN_FILE: &str = "var/run/secrets/kubernetes.io/serviceaccount/token";

#[test]
fn a_pod_is_known_by_the_issuer_of_its_token() {
    let id = "ab".repeat(32);
    let cgroup = format!("0::/kubepods/burstable/pod5c2b/{id}\n");
    let files = [(TOKEN_FILE, EKS_TOKEN), ("etc/hostname", "orders-7d9f\n"), ("proc/self/cgroup", cgroup.as_str())];
    let variables =
        [("KUBERNETES_SERVICE_HOST", "10.100.0.1"), ("OTEL_RESOURCE_ATTRIBUTES", "a=b, k8s.cluster.name=shop")];
    let origin = found(&variables, &files, NOWHERE);
    assert_eq!(origin.name, Some("AWS::EKS::Container"));
    let expected = json!({
        "eks": {"pod": "orders-7d9f", "container_id": id, "cluster_name": "shop"},
        "cloudwatch_logs": [{"log_group": "/aws/containerinsights/shop/application"}]
    });
    assert_eq!(blocks(&origin), expected);

    let elsewhere = found(&variables, &[(TOKEN_FILE, "e30.eyJpc3MiOiJrdWJlcm5ldGVzIn0.x")], NOWHERE);
    assert_eq!(elsewhere, Detected::default(), "a cluster of somebody else's");
}

#[test]
fn the_container_id_is_found_among_mounts_where_groups_do_not_tell() {
    let id = "0123456789abcdef".repeat(4);
    let sandbox = "f".repeat(64);
    let mounts = format!(
        "1 2 0:1 /sandboxes/{sandbox}/hostname /etc/hostname rw\n3 4 0:1 /containers/{id}/hostname /etc/hostname rw\n"
    );
    let root = Root::new(&[("proc/self/cgroup", "0::/\n"), ("proc/self/mountinfo", mounts.as_str())]);
    let sources = Sources { lookup: &|_| None, root: root.0.clone(), instance_metadata: NOWHERE.to_owned() };
    assert_eq!(container_id(&sources), Some(Value::String(id)));
}

#[test]
fn the_most_specific_source_names_the_origin_and_every_source_adds_its_block() {
    let service = instance();
    let beanstalk = r#"{"deployment_id": 32, "version_label": "v5", "environment_name": "orders-prod", "other": [1]}"#;
    let files = [("var/elasticbeanstalk/xray/environment.conf", beanstalk)];
    let origin = found(&[("AWS_LOG_GROUP", "/orders")], &files, &service.address);
    assert_eq!(origin.name, Some("AWS::ElasticBeanstalk::Environment"));
    let expected = json!({"deployment_id": 32, "version_label": "v5", "environment_name": "orders-prod"});
    assert_eq!(blocks(&origin)["elastic_beanstalk"], expected);
    assert_eq!(blocks(&origin)["ec2"]["instance_id"], "i-0b5a4678fc325b098");
    assert_eq!(blocks(&origin)["cloudwatch_logs"], json!([{"log_group": "/orders"}]));
}

#[test]
fn nothing_is_found_where_nothing_is_and_nothing_believed_that_is_wrong() {
    assert_eq!(found(&[], &[], NOWHERE), Detected::default());
    for (token, identity) in [
        ("two\nlines", IDENTITY),
        ("T", "not json"),
        ("T", "[]"),
        ("T", r#"{"instanceId": 7}"#),
        ("T", r#"{"instanceId": ""}"#),
    ] {
        let service = StandIn::new(&[
            ("PUT /latest/api/token", token),
            ("GET /latest/dynamic/instance-identity/document", identity),
        ]);
        assert_eq!(found(&[], &[], &service.address), Detected::default(), "{token:?} {identity}");
    }
    let long = format!(r#"{{"instanceId": "i-1", "imageId": "{}"}}"#, "x".repeat(251));
    let service =
        StandIn::new(&[("PUT /latest/api/token", "T"), ("GET /latest/dynamic/instance-identity/document", &long)]);
    assert_eq!(blocks(&found(&[], &[], &service.address)), json!({"ec2": {"instance_id": "i-1"}}));
    let files = [("var/elasticbeanstalk/xray/environment.conf", "{"), (TOKEN_FILE, "..")];
    assert_eq!(found(&[("KUBERNETES_SERVICE_HOST", "x")], &files, NOWHERE), Detected::default());
}

#[test]
fn a_service_that_redirects_refuses_floods_or_never_answers_is_given_up() {
    let elsewhere = instance();
    let target = elsewhere.address.clone();
    let redirecting = StandIn::with(move |mut stream, _| {
        let _ = write!(stream, "HTTP/1.1 307 Temporary Redirect\r\nlocation: {target}/latest/api/token\r\n\r\n");
    });
    let refusing = StandIn::with(|mut stream, _| {
        let _ = write!(stream, "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    });
    let flooding = StandIn::with(|mut stream, head| {
        if head.starts_with("PUT") {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nT");
            return;
        }
        let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n");
        while stream.write_all(&[b' '; 4096]).is_ok() {}
    });
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = (format!("http://{}", silent.local_addr().unwrap()), silent);
    for address in [&redirecting.address, &refusing.address, &flooding.address, &silent.0] {
        assert_eq!(found(&[], &[], address), Detected::default(), "{address}");
    }
    assert!(elsewhere.heads.lock().unwrap().is_empty(), "the redirect was followed");
}
