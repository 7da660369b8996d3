//! Who sends: a row for each host that sent anything, by UDP, by TCP, or from within this process.
//!
//! By host and not by port: a connection has a port of its own, and some SDKs open a socket for every batch. What runs on
//! a host is told by the names of the segments that came from it.
//!
//! At most [`SENDERS`] rows. When another host comes, the row that was silent longest is added to one for all others, so
//! that no count is lost and whoever sends now is seen.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Sender, TroubleKind};

/// Most senders that are told apart.
pub const SENDERS: usize = 64;

/// Most services that are named of a sender.
const SERVICES: usize = 8;

/// A sender, and what became of what it sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct SenderCounts {
    /// `udp 127.0.0.1`, `tcp 192.0.2.7`, what of this process it was, or `others`.
    pub sender: String,
    /// The services whose segments it sent last, at most 8, the last first; none of `others`.
    #[serde(default)]
    pub services: Vec<String>,
    /// Documents that the store was given.
    pub documents: u64,
    /// Documents, datagrams and spans that were refused.
    pub refused: u64,
    /// What was not kept for another reason.
    pub dropped: u64,
    /// When it last sent anything, seconds since the epoch.
    pub last: f64,
}

/// What a sender is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    Udp(IpAddr),
    Tcp(IpAddr),
    Local(&'static str),
}

impl From<Sender> for Host {
    fn from(sender: Sender) -> Host {
        match sender {
            Sender::Udp(address) => Host::Udp(address.ip().to_canonical()),
            Sender::Tcp(address) => Host::Tcp(address.ip().to_canonical()),
            Sender::Local(what) => Host::Local(what),
        }
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Host::Udp(address) => write!(f, "udp {address}"),
            Host::Tcp(address) => write!(f, "tcp {address}"),
            Host::Local(what) => f.write_str(what),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Senders {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The last to send is the last.
    rows: Vec<(Host, SenderCounts)>,
    others: Option<SenderCounts>,
}

impl Senders {
    /// A document was taken at this time (seconds since the epoch); if a segment, of this service.
    pub(super) fn accepted(&self, sender: Sender, service: Option<&str>, at: f64) {
        let mut known = self.lock();
        let Some(counts) = known.row(sender.into(), at) else { return };
        counts.documents += 1;
        if let Some(service) = service.filter(|service| counts.services.first().is_none_or(|last| last != service)) {
            let place = counts.services.iter().position(|known| known == service);
            let name = place.map_or_else(|| service.to_owned(), |place| counts.services.remove(place));
            counts.services.insert(0, name);
            counts.services.truncate(SERVICES);
        }
    }

    pub(super) fn trouble(&self, sender: Sender, kind: TroubleKind, at: f64) {
        let mut known = self.lock();
        let Some(counts) = known.row(sender.into(), at) else { return };
        match kind {
            TroubleKind::Refused => counts.refused += 1,
            TroubleKind::Dropped => counts.dropped += 1,
            // It is among the documents.
            TroubleKind::Repaired | TroubleKind::Duplicate => {}
        }
    }

    /// All of them, the last to send first; `others` at the end.
    pub(super) fn read(&self) -> Vec<SenderCounts> {
        let known = self.lock();
        let rows =
            known.rows.iter().rev().map(|(host, counts)| SenderCounts { sender: host.to_string(), ..counts.clone() });
        rows.chain(known.others.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The counts of this sender, which are the last from now on.
    fn row(&mut self, host: Host, at: f64) -> Option<&mut SenderCounts> {
        match self.rows.iter().rposition(|(known, _)| *known == host) {
            Some(place) if place + 1 == self.rows.len() => {}
            Some(place) => {
                let row = self.rows.remove(place);
                self.rows.push(row);
            }
            None => {
                if self.rows.len() >= SENDERS {
                    let (_, silent) = self.rows.remove(0);
                    self.others
                        .get_or_insert_with(|| SenderCounts { sender: "others".to_owned(), ..SenderCounts::default() })
                        .add(&silent);
                }
                self.rows.push((host, SenderCounts::default()));
            }
        }
        let (_, counts) = self.rows.last_mut()?;
        counts.last = at;
        Some(counts)
    }
}

impl SenderCounts {
    fn add(&mut self, other: &SenderCounts) {
        self.documents += other.documents;
        self.refused += other.refused;
        self.dropped += other.dropped;
        self.last = self.last.max(other.last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(host: u8, port: u16) -> Sender {
        Sender::Udp(([192, 0, 2, host], port).into())
    }

    #[test]
    fn a_host_is_one_sender_by_whatever_port() {
        let senders = Senders::default();
        for (port, service) in [(1, "shop"), (2, "billing"), (3, "shop")] {
            senders.accepted(from(1, port), Some(service), f64::from(port));
        }
        senders.accepted(from(1, 4), None, 4.0);
        senders.trouble(from(1, 5), TroubleKind::Refused, 5.0);
        senders.trouble(Sender::Tcp(([192, 0, 2, 1], 5).into()), TroubleKind::Dropped, 6.0);
        let [tcp, udp] = senders.read().try_into().unwrap();
        assert_eq!((tcp.sender.as_str(), tcp.documents, tcp.dropped), ("tcp 192.0.2.1", 0, 1));
        assert_eq!((udp.sender.as_str(), udp.documents, udp.refused, udp.last), ("udp 192.0.2.1", 4, 1, 5.0));
        assert_eq!(udp.services, ["shop", "billing"]);
        for number in 0..20 {
            senders.accepted(from(1, 1), Some(&format!("s{number}")), 7.0);
        }
        let services = senders.read().swap_remove(0).services;
        assert_eq!((services.len(), services[0].as_str(), services[7].as_str()), (SERVICES, "s19", "s12"));
    }

    #[test]
    fn the_longest_silent_is_among_the_others_and_no_count_is_lost() {
        let senders = Senders::default();
        for host in 0..=u8::MAX {
            // The first keeps sending.
            senders.accepted(from(0, 1), None, f64::from(host));
            senders.accepted(from(host, 1), None, f64::from(host));
        }
        let rows = senders.read();
        assert_eq!(rows.len(), SENDERS + 1);
        let others = rows.last().unwrap();
        assert_eq!((others.sender.as_str(), others.documents, others.last), ("others", 192, 192.0));
        assert_eq!(rows.iter().map(|row| row.documents).sum::<u64>(), 512);
        assert_eq!((rows[0].sender.as_str(), rows[1].sender.as_str()), ("udp 192.0.2.255", "udp 192.0.2.0"));
    }
}
