//! What AWS X-Ray is told of the relay itself, as the official daemon tells it: once a minute, after a first segment; what
//! could not be told is told later, the last 30 records in calls of 10.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

use aws_sdk_xray::Client;
use aws_sdk_xray::primitives::DateTime;
use aws_sdk_xray::types::{BackendConnectionErrors, TelemetryRecord};

use super::client::Reason;
use super::{RelayConfig, Shared};

/// Records kept.
const KEPT: usize = 30;
/// Records in a call.
const CALL: usize = 10;

/// Failed calls since the last record, by reason.
#[derive(Debug, Default)]
pub(super) struct Errors {
    timeout: AtomicU64,
    connection: AtomicU64,
    client: AtomicU64,
    server: AtomicU64,
    other: AtomicU64,
}

impl Errors {
    pub(super) fn add(&self, reason: Reason) {
        let count = match reason {
            Reason::Timeout => &self.timeout,
            Reason::Connection => &self.connection,
            Reason::Client => &self.client,
            Reason::Server => &self.server,
            Reason::Other => &self.other,
        };
        count.fetch_add(1, Relaxed);
    }

    fn take(&self) -> BackendConnectionErrors {
        let take = |count: &AtomicU64| narrow(count.swap(0, Relaxed));
        BackendConnectionErrors::builder()
            .timeout_count(take(&self.timeout))
            .connection_refused_count(take(&self.connection))
            .http_code4_xx_count(take(&self.client))
            .http_code5_xx_count(take(&self.server))
            .unknown_host_count(0)
            .other_count(take(&self.other))
            .build()
    }
}

fn narrow(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

pub(super) async fn send(shared: Arc<Shared>, client: Client, config: RelayConfig) {
    let mut told = [0; 4];
    let mut records: VecDeque<TelemetryRecord> = VecDeque::new();
    loop {
        tokio::time::sleep(config.pace.telemetry).await;
        let counts = &shared.counts;
        let now = [&counts.received, &counts.sent, &counts.dropped, &counts.refused].map(|count| count.load(Relaxed));
        if now == [0; 4] {
            continue;
        }
        let mut since = now.iter().zip(told).map(|(now, told)| narrow(now - told));
        let mut next = || since.next().unwrap_or_default();
        let record = TelemetryRecord::builder()
            .timestamp(DateTime::from(SystemTime::now()))
            .segments_received_count(next())
            .segments_sent_count(next())
            .segments_spillover_count(next())
            .segments_rejected_count(next())
            .backend_connection_errors(counts.errors.take())
            .build();
        told = now;
        if records.len() == KEPT {
            records.pop_front();
        }
        // It has its time, the only member that it must have.
        records.extend(record.ok());
        while !records.is_empty() {
            let some: Vec<TelemetryRecord> = records.iter().take(CALL).cloned().collect();
            let count = some.len();
            let call = client
                .put_telemetry_records()
                .set_telemetry_records(Some(some))
                .set_hostname(config.hostname.clone())
                .set_ec2_instance_id(config.instance_id.clone())
                .set_resource_arn(config.resource_arn.clone());
            if call.send().await.is_err() {
                break;
            }
            records.drain(..count);
        }
    }
}
