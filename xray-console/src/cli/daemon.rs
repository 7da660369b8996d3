//! The official daemon's configuration file, `cfg.yaml`.
//!
//! It is YAML of which only this much is in use: keys with a value each, two of them (`Socket`, `Logging`) with keys of
//! their own beneath, indented; comments; quotation marks. That much is read, anything else is refused by its line: a
//! setting that is not understood must not be passed over.
//!
//! Source: aws-xray-daemon 3.6.6, `pkg/cfg.yaml` and `pkg/cfg/cfg.go`; X-Ray Developer Guide, "Configuring the AWS X-Ray
//! daemon".

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;

use super::args::address;
use super::log::Level;

/// Where the official daemon looks for it. It looks for `cfg.yaml` in the working folder too, where ours does not: a
/// file of such a name may be anybody's.
pub(crate) const PLACE: &str = "/etc/amazon/xray/cfg.yaml";

/// What a file says; what it leaves empty or at 0 is not said, as there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Daemon {
    pub(crate) buffer_memory: Option<u32>,
    pub(crate) concurrency: Option<u8>,
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) udp: Option<SocketAddr>,
    pub(crate) tcp: Option<SocketAddr>,
    pub(crate) log_rotation: Option<bool>,
    pub(crate) log_level: Option<Level>,
    pub(crate) log_file: Option<PathBuf>,
    pub(crate) local_mode: Option<bool>,
    pub(crate) resource_arn: Option<String>,
    pub(crate) role_arn: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) proxy: Option<String>,
}

/// What is wrong with a file, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// 0 where it is no line's fault.
    line: usize,
    what: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.what),
            line => write!(f, "line {line}: {}", self.what),
        }
    }
}

impl Daemon {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Daemon, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Daemon::parse(&text).map_err(|wrong| format!("{}, {wrong}", path.display()))
    }

    fn parse(text: &str) -> Result<Daemon, Wrong> {
        let (mut daemon, mut above, mut version) = (Daemon::default(), None, None);
        for (index, line) in text.lines().enumerate() {
            let wrong = |what: String| Wrong { line: index + 1, what };
            let (indented, key, value) = match entry(line).map_err(wrong)? {
                Some(entry) => entry,
                None => continue,
            };
            if !indented {
                above = None;
            }
            match (indented, above, key, value.as_str()) {
                (false, _, "Socket" | "Logging", "") => above = Some(key),
                (false, _, "Version", value) => version = Some(number::<u8>(value).map_err(wrong)?),
                (true, None, ..) => return Err(wrong(format!("{key:?} is indented, but beneath nothing"))),
                (_, above, key, value) => {
                    let whole = above.map_or_else(|| key.to_owned(), |above| format!("{above}.{key}"));
                    daemon.set(&whole, value).map_err(wrong)?;
                }
            }
        }
        match version {
            Some(1 | 2) => Ok(daemon),
            Some(other) => Err(Wrong { line: 0, what: format!("Version {other} is not known, expected 2") }),
            None => Err(Wrong { line: 0, what: "no Version, expected \"Version: 2\"".to_owned() }),
        }
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let text = || Some(value.to_owned()).filter(|value| !value.is_empty());
        match key {
            "TotalBufferSizeMB" => self.buffer_memory = Some(number(value)?).filter(|megabytes| *megabytes > 0),
            "Concurrency" => self.concurrency = Some(number(value)?).filter(|calls| *calls > 0),
            "Region" => self.region = text(),
            "Endpoint" => self.endpoint = text(),
            "Socket.UDPAddress" => self.udp = text().as_deref().map(address).transpose()?,
            "Socket.TCPAddress" => self.tcp = text().as_deref().map(address).transpose()?,
            "Logging.LogRotation" => self.log_rotation = yes(value)?,
            "Logging.LogLevel" => self.log_level = text().as_deref().map(level).transpose()?,
            "Logging.LogPath" => self.log_file = text().map(PathBuf::from),
            "LocalMode" => self.local_mode = yes(value)?,
            "ResourceARN" => self.resource_arn = text(),
            "RoleARN" => self.role_arn = text(),
            "Profile" => self.profile = text(),
            "ProxyAddress" => self.proxy = text(),
            "NoVerifySSL" if yes(value)? != Some(true) => {}
            "NoVerifySSL" => {
                return Err("NoVerifySSL is not offered: whoever is in between could read the segments; leave it out"
                    .to_owned());
            }
            _ => return Err(format!("{key:?} is no setting of the X-Ray daemon's configuration, version 2")),
        }
        Ok(())
    }
}

/// Whether the line is indented, its key and its value; none of an empty one.
fn entry(line: &str) -> Result<Option<(bool, &str, String)>, String> {
    let line = line.trim_end();
    let rest = line.trim_start_matches(' ');
    if rest.is_empty() || rest.starts_with('#') || line == "---" {
        return Ok(None);
    }
    let expected = || format!("expected \"Key: value\", found {rest:?}");
    let (key, value) = rest.split_once(':').ok_or_else(expected)?;
    let word = |letter: char| letter.is_ascii_alphanumeric();
    if key.is_empty() || !key.chars().all(word) || !(value.is_empty() || value.starts_with([' ', '\t'])) {
        return Err(expected());
    }
    Ok(Some((rest.len() < line.len(), key, scalar(value.trim())?)))
}

/// A value without its quotation marks and without the comment behind it.
fn scalar(text: &str) -> Result<String, String> {
    let comment = |rest: &str| rest.is_empty() || rest.starts_with('#') || rest.trim_start().starts_with('#');
    if let Some(quote) = text.chars().next().filter(|first| "\"'".contains(*first)) {
        let (value, rest) =
            text.get(1..).and_then(|text| text.split_once(quote)).ok_or("a quotation mark is not closed")?;
        if value.contains('\\') || !comment(rest.trim_start()) {
            return Err(format!("{text:?} is more than this reads; expected a plain text in quotation marks"));
        }
        return Ok(value.to_owned());
    }
    if text.starts_with(['[', '{', '&', '*', '!', '|', '>', '-', '@', '`', '%']) {
        return Err(format!("{text:?} is more than this reads; expected a text or a number"));
    }
    let value = if text.starts_with('#') { "" } else { text.split(" #").next().unwrap_or_default() };
    Ok(if value == "~" || value == "null" { String::new() } else { value.trim_end().to_owned() })
}

fn number<T: FromStr + Default>(value: &str) -> Result<T, String> {
    if value.is_empty() {
        return Ok(T::default());
    }
    value.parse().map_err(|_| format!("{value:?} is not a whole number in reach"))
}

fn yes(value: &str) -> Result<Option<bool>, String> {
    match value.to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" | "yes" | "on" => Ok(Some(true)),
        "false" | "no" | "off" => Ok(Some(false)),
        _ => Err(format!("{value:?}: expected true or false")),
    }
}

/// As the daemon calls them, in any case.
pub(crate) fn level(text: &str) -> Result<Level, String> {
    Level::from_str(text, true).map_err(|_| format!("{text:?}: expected dev, debug, info, warn, error or prod"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_comes_with_the_daemon_changes_nothing_but_addresses() {
        // Its settings, without its comments.
        let shipped = r#"TotalBufferSizeMB: 0
Concurrency: 8
Region: ""
Endpoint: ""
Socket:
  # A comment of its own line.
  UDPAddress: "127.0.0.1:2000"
  TCPAddress: "127.0.0.1:2000"
Logging:
  LogRotation: true
  LogLevel: "prod"
  LogPath: ""
LocalMode: false
ResourceARN: ""
RoleARN: ""
NoVerifySSL: false
ProxyAddress: ""
Version: 2
"#;
        let address = "127.0.0.1:2000".parse().ok();
        let daemon = Daemon {
            concurrency: Some(8),
            udp: address,
            tcp: address,
            log_rotation: Some(true),
            log_level: Some(Level::Info),
            local_mode: Some(false),
            ..Daemon::default()
        };
        assert_eq!(Daemon::parse(shipped), Ok(daemon));
    }

    #[test]
    fn every_setting_is_read_however_it_is_written() {
        let text = "---\nVersion: 1\r\nTotalBufferSizeMB: 24 # megabytes\nConcurrency: 4\nRegion: us-east-1\n\
            Endpoint: 'https://x'\nSocket:\n    UDPAddress: :2001\n    TCPAddress: 127.0.0.1:2002\n\nLogging:\n\
            \x20 LogRotation: false\n  LogLevel: WARN\n  LogPath: /var/log/xray.log\nLocalMode: yes\n\
            ResourceARN: arn:aws:ec2:us-east-1:1:instance/i-1\nRoleARN: \"arn:aws:iam::1:role/x#1\"\nProfile: other\n\
            ProxyAddress: http://p:3128\nNoVerifySSL: ~\n";
        let text_of = |text: &str| Some(text.to_owned());
        let daemon = Daemon {
            buffer_memory: Some(24),
            concurrency: Some(4),
            region: text_of("us-east-1"),
            endpoint: text_of("https://x"),
            udp: "0.0.0.0:2001".parse().ok(),
            tcp: "127.0.0.1:2002".parse().ok(),
            log_rotation: Some(false),
            log_level: Some(Level::Warn),
            log_file: Some(PathBuf::from("/var/log/xray.log")),
            local_mode: Some(true),
            resource_arn: text_of("arn:aws:ec2:us-east-1:1:instance/i-1"),
            role_arn: text_of("arn:aws:iam::1:role/x#1"),
            profile: text_of("other"),
            proxy: text_of("http://p:3128"),
        };
        assert_eq!(Daemon::parse(text), Ok(daemon));
    }

    #[test]
    fn what_is_not_understood_is_refused_by_its_line() {
        for (text, said) in [
            ("Region: x", "no Version, expected \"Version: 2\""),
            ("Version: 3", "Version 3 is not known, expected 2"),
            ("Version: 2\nMemoryLimit: 3", "line 2: \"MemoryLimit\" is no setting"),
            ("Version: 2\nSocket:\n  BufferSizeKB: 64", "line 3: \"Socket.BufferSizeKB\" is no setting"),
            ("Version: 2\n  Region: x", "line 2: \"Region\" is indented, but beneath nothing"),
            ("Version: 2\nNoVerifySSL: true", "line 2: NoVerifySSL is not offered"),
            ("Version: 2\nSocket: {UDPAddress: x}", "line 2: \"{UDPAddress: x}\" is more than this reads"),
            ("Version: 2\nRegion: \"x", "line 2: a quotation mark is not closed"),
            ("Version: 2\nConcurrency: 1000", "line 2: \"1000\" is not a whole number in reach"),
            ("Version: 2\nLocalMode: maybe", "line 2: \"maybe\": expected true or false"),
            ("Version: 2\nLogging:\n  LogLevel: loud", "line 3: \"loud\": expected dev, debug, info"),
            ("Version: 2\nSocket:\n  UDPAddress: 2000", "line 3: \"2000\": expected an address such as"),
            ("Version: 2\n- Region", "line 2: expected \"Key: value\", found \"- Region\""),
        ] {
            let wrong = Daemon::parse(text).unwrap_err().to_string();
            assert!(wrong.starts_with(said), "{text}: {wrong}");
        }
    }
}
