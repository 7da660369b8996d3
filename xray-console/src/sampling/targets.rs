//! Who asks for targets, and everybody's part of a reservoir.

use std::collections::BTreeMap;

/// How long a client counts after it was last heard, seconds: three of its intervals.
pub(super) const LIVE: f64 = 30.0;
/// Seconds after which a client asks again. Source: X-Ray's own answers.
pub(super) const INTERVAL: i64 = 10;
/// Seconds a quota lasts, should the client find nobody to ask. Source: X-Ray's own answers.
pub(super) const QUOTA_TTL: f64 = 300.0;
/// Most clients remembered, over all rules.
const MOST: usize = 10_000;

/// When each client was last heard, by rule and id: seconds since the epoch.
#[derive(Debug, Default)]
pub(super) struct Clients(BTreeMap<(String, String), f64>);

impl Clients {
    /// This client speaks of this rule, now.
    pub(super) fn heard(&mut self, rule: &str, client: &str, now: f64) {
        self.0.insert((rule.to_owned(), client.to_owned()), now);
        if self.0.len() > MOST {
            self.0.retain(|_, heard| is_live(*heard, now));
        }
        if self.0.len() > MOST {
            let oldest = self.0.iter().min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.0.remove(&key));
        }
    }

    /// This client's part of a reservoir of this size: whole requests a second. The first of the live clients, by id,
    /// have the remainder.
    pub(super) fn quota(&self, rule: &str, client: &str, reservoir: i64, now: f64) -> i64 {
        let of_rule = self.0.range((rule.to_owned(), String::new())..).take_while(|((name, _), _)| name == rule);
        let (mut live, mut place) = (0, 0);
        for ((_, id), heard) in of_rule {
            if id == client {
                place = live;
            }
            if id == client || is_live(*heard, now) {
                live += 1;
            }
        }
        let live = live.max(1);
        reservoir / live + i64::from(place < reservoir % live)
    }
}

/// A clock that was set back makes nobody live for ever.
fn is_live(heard: f64, now: f64) -> bool {
    (now - heard).abs() <= LIVE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(clients: &Clients, reservoir: i64, now: f64, ids: &[&str]) -> Vec<i64> {
        ids.iter().map(|id| clients.quota("r", id, reservoir, now)).collect()
    }

    #[test]
    fn a_reservoir_is_split_over_the_live_clients_and_nothing_is_left_or_added() {
        let mut clients = Clients::default();
        for id in ["a", "b", "c"] {
            clients.heard("r", id, 100.0);
        }
        clients.heard("another rule", "d", 100.0);
        assert_eq!(quotas(&clients, 10, 100.0, &["a", "b", "c"]), [4, 3, 3]);
        assert_eq!(quotas(&clients, 2, 100.0, &["a", "b", "c"]), [1, 1, 0]);
        assert_eq!(quotas(&clients, 0, 100.0, &["a", "b", "c"]), [0, 0, 0]);
    }

    #[test]
    fn a_client_that_falls_silent_leaves_its_part_to_the_others() {
        let mut clients = Clients::default();
        clients.heard("r", "gone", 100.0);
        clients.heard("r", "here", 120.0);
        assert_eq!(clients.quota("r", "here", 10, 130.0), 5, "30 s after it was heard it still counts");
        assert_eq!(clients.quota("r", "here", 10, 130.1), 10);
    }

    #[test]
    fn clients_are_remembered_within_their_bound() {
        let mut clients = Clients::default();
        for n in 0..MOST + 10 {
            clients.heard("r", &format!("{n:024}"), 100.0 + n as f64 / 1e6);
        }
        assert_eq!(clients.0.len(), MOST);
        assert!(!clients.0.contains_key(&("r".to_owned(), format!("{:024}", 0))), "the longest unheard is forgotten");
        clients.heard("r", "new", 1_000.0);
        assert_eq!(clients.0.len(), 1, "nobody else is live by then");
    }
}
