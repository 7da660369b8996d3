//! Where the X-Ray daemon listens: UDP for documents, TCP for sampling rules.
//!
//! Two forms are known to operators of X-Ray, and both are read here:
//!
//! | text | meaning |
//! |---|---|
//! | `host:port` | UDP and TCP at the same place |
//! | `udp:host:port tcp:host:port` | each at its own, in either order, both needed |
//!
//! A host is a name, an IPv4 address, or an IPv6 address in brackets (`[::1]:2000`; the SDKs of other
//! languages cannot write those). Names are kept as text: they are looked up by whoever sends.
//!
//! Source: X-Ray Developer Guide, "Configuring the X-Ray SDK" (`AWS_XRAY_DAEMON_ADDRESS`).

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// The daemon's two addresses.
///
/// # Examples
///
/// ```
/// use xray_core::DaemonAddress;
///
/// let address = DaemonAddress::parse("udp:xray.internal:2000 tcp:xray.internal:3000")?;
/// assert_eq!(address.udp().to_string(), "xray.internal:2000");
/// assert_eq!(address.tcp().port(), 3000);
/// assert_eq!(DaemonAddress::default().to_string(), "127.0.0.1:2000");
/// # Ok::<(), xray_core::emit::ParseDaemonAddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DaemonAddress {
    udp: Endpoint,
    tcp: Endpoint,
}

impl DaemonAddress {
    /// Port of the daemon when nobody says otherwise. Source: Developer Guide, "X-Ray daemon".
    pub const DEFAULT_PORT: u16 = 2000;

    /// Reads `host:port` or `udp:host:port tcp:host:port`; white space around and between is free.
    ///
    /// # Errors
    ///
    /// [`ParseDaemonAddressError`] names the text and what is wrong with it. The host is not looked up.
    pub fn parse(text: &str) -> Result<DaemonAddress, ParseDaemonAddressError> {
        let refuse = |fault| ParseDaemonAddressError { value: text.to_owned(), fault };
        let mut parts = text.split_whitespace();
        match (parts.next(), parts.next(), parts.next()) {
            (Some(part), None, None) => match keyed(part) {
                Some((_, rest)) if Endpoint::parse(rest).is_ok() => Err(refuse(AddressFault::OneKey)),
                _ => Endpoint::parse(part).map(DaemonAddress::both).map_err(refuse),
            },
            (Some(first), Some(second), None) => {
                let (Some((first_key, first)), Some((second_key, second))) = (keyed(first), keyed(second)) else {
                    return Err(refuse(AddressFault::Form));
                };
                if first_key == second_key {
                    return Err(refuse(AddressFault::RepeatedKey));
                }
                let first = Endpoint::parse(first).map_err(refuse)?;
                let second = Endpoint::parse(second).map_err(refuse)?;
                Ok(match first_key {
                    Key::Udp => DaemonAddress { udp: first, tcp: second },
                    Key::Tcp => DaemonAddress { udp: second, tcp: first },
                })
            }
            _ => Err(refuse(AddressFault::Form)),
        }
    }

    /// Where documents go.
    pub fn udp(&self) -> &Endpoint {
        &self.udp
    }

    /// Where sampling rules are asked for.
    pub fn tcp(&self) -> &Endpoint {
        &self.tcp
    }

    fn both(endpoint: Endpoint) -> DaemonAddress {
        DaemonAddress { tcp: endpoint.clone(), udp: endpoint }
    }
}

impl Default for DaemonAddress {
    /// `127.0.0.1:2000`.
    fn default() -> DaemonAddress {
        DaemonAddress::both(Endpoint { host: "127.0.0.1".into(), port: DaemonAddress::DEFAULT_PORT })
    }
}

impl FromStr for DaemonAddress {
    type Err = ParseDaemonAddressError;

    fn from_str(text: &str) -> Result<DaemonAddress, ParseDaemonAddressError> {
        DaemonAddress::parse(text)
    }
}

/// The shorter form where it says the same.
impl fmt::Display for DaemonAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.udp == self.tcp { write!(f, "{}", self.udp) } else { write!(f, "udp:{} tcp:{}", self.udp, self.tcp) }
    }
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: Box<str>,
    port: u16,
}

impl Endpoint {
    /// A host name or an IP address; IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// A port, never 0.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn parse(text: &str) -> Result<Endpoint, AddressFault> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or(AddressFault::Host)?;
                host.parse::<Ipv6Addr>().map_err(|_| AddressFault::Host)?;
                (host, rest.strip_prefix(':').ok_or(AddressFault::Port)?)
            }
            None => {
                let (host, port) = text.rsplit_once(':').ok_or(AddressFault::Port)?;
                if text.parse::<Ipv6Addr>().is_ok() || host.parse::<Ipv6Addr>().is_ok() {
                    return Err(AddressFault::Brackets);
                }
                if !is_name(host) {
                    return Err(AddressFault::Host);
                }
                (host, port)
            }
        };
        // `u16::from_str` alone would take "+2000".
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(AddressFault::Port);
        }
        match port.parse() {
            Ok(0) | Err(_) => Err(AddressFault::Port),
            Ok(port) => Ok(Endpoint { host: host.into(), port }),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Why a text is not a daemon address. The text is kept: it came from the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "daemon address {value:?} {fault}; expected host:port or \"udp:host:port tcp:host:port\", with IPv6 as [::1]:2000"
)]
pub struct ParseDaemonAddressError {
    value: String,
    fault: AddressFault,
}

impl ParseDaemonAddressError {
    /// The refused text.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What is wrong with it.
    pub fn fault(&self) -> AddressFault {
        self.fault
    }
}

/// What is wrong with a daemon address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressFault {
    /// It is neither of the two forms.
    Form,
    /// `udp:` without `tcp:`, or the other way round.
    OneKey,
    /// `udp:` or `tcp:` twice.
    RepeatedKey,
    /// The host is empty, or neither a name nor an address.
    Host,
    /// The port is missing, not a number, 0, or above 65,535.
    Port,
    /// An IPv6 address without brackets.
    Brackets,
}

impl fmt::Display for AddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AddressFault::Form => "has neither of the two forms",
            AddressFault::OneKey => "has only one of udp: and tcp:",
            AddressFault::RepeatedKey => "has the same key twice",
            AddressFault::Host => "has no usable host",
            AddressFault::Port => "has no port between 1 and 65535",
            AddressFault::Brackets => "has an IPv6 address without brackets",
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Udp,
    Tcp,
}

/// `udp:` or `tcp:` and what follows. `udp:2000` alone is the port of a host called `udp`: the caller tells.
fn keyed(part: &str) -> Option<(Key, &str)> {
    let udp = part.strip_prefix("udp:").map(|rest| (Key::Udp, rest));
    udp.or_else(|| part.strip_prefix("tcp:").map(|rest| (Key::Tcp, rest)))
}

/// What a resolver could be asked for: up to 253 characters of a DNS name (RFC 1035), with the underscore
/// that container networks use.
fn is_name(host: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (1..=253).contains(&host.len()) && host.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair(text: &str) -> (String, String) {
        let address = DaemonAddress::parse(text).unwrap();
        (address.udp().to_string(), address.tcp().to_string())
    }

    #[test]
    fn one_endpoint_serves_both() {
        for text in ["127.0.0.1:2000", "xray-daemon:3000", "a_b.local:1", "[::1]:65535", "udp:2000"] {
            assert_eq!(pair(text), (text.to_owned(), text.to_owned()));
        }
    }

    #[test]
    fn both_keys_in_either_order() {
        let expected = ("1.2.3.4:5".to_owned(), "[::1]:6".to_owned());
        assert_eq!(pair("udp:1.2.3.4:5 tcp:[::1]:6"), expected);
        assert_eq!(pair("  tcp:[::1]:6 \t udp:1.2.3.4:5 "), expected);
    }

    #[test]
    fn faults_are_told_apart() {
        use AddressFault::*;
        let cases = [
            ("", Form),
            ("a:1 b:2", Form),
            ("udp:a:1 b:2", Form),
            ("udp:a:1 tcp:b:2 tcp:c:3", Form),
            ("udp:127.0.0.1:2000", OneKey),
            ("tcp:127.0.0.1:2000", OneKey),
            ("udp:a:1 udp:b:2", RepeatedKey),
            ("tcp:a:1 tcp:b:2", RepeatedKey),
            ("127.0.0.1", Port),
            ("127.0.0.1:", Port),
            ("127.0.0.1:http", Port),
            ("127.0.0.1:+80", Port),
            ("127.0.0.1:0", Port),
            ("127.0.0.1:65536", Port),
            ("udp:a: tcp:a:1", Port),
            ("udp:a:1 tcp:a:x", Port),
            ("[::1]", Port),
            ("[::1]2000", Port),
            (":2000", Host),
            ("[::1:2000", Host),
            ("[localhost]:2000", Host),
            ("http://localhost:2000", Host),
            ("host:1:2", Host),
            ("::1", Brackets),
            ("::1:2000", Brackets),
        ];
        for (text, fault) in cases {
            assert_eq!(DaemonAddress::parse(text).map_err(|error| error.fault()), Err(fault), "{text:?}");
        }
    }

    #[test]
    fn the_error_names_value_and_forms() {
        let error = DaemonAddress::parse("daemon:none").unwrap_err();
        expect_test::expect![[
            r#"daemon address "daemon:none" has no port between 1 and 65535; expected host:port or "udp:host:port tcp:host:port", with IPv6 as [::1]:2000"#
        ]]
        .assert_eq(&error.to_string());
        assert_eq!(error.value(), "daemon:none");
    }

    proptest! {
        #[test]
        fn any_text_parses_to_itself_or_fails_quietly(text in "((udp|tcp):)?[a-z.:0-9\\[\\]]{0,12}( (udp|tcp):[a-z0-9:]{1,9})?") {
            if let Ok(address) = DaemonAddress::parse(&text) {
                prop_assert_eq!(DaemonAddress::parse(&address.to_string()), Ok(address));
            }
        }
    }
}
