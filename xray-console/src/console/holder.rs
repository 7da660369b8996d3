//! Who holds a port. Linux tells it in `/proc`: a table of sockets by port gives the socket's inode, and one of the
//! files that some process has open is that inode. Of processes of other users we may see the socket but not the holder.

use std::fs;
use std::path::Path;

/// ` process 4711 (xray)`, `a process of another user`; none if nobody is found.
pub(super) fn of(protocol: &str, port: u16) -> Option<String> {
    holder(Path::new("/proc"), protocol, port)
}

fn holder(proc: &Path, protocol: &str, port: u16) -> Option<String> {
    let table = protocol.to_ascii_lowercase();
    let tables = [table.clone(), format!("{table}6")];
    let inodes: Vec<String> = tables
        .iter()
        .filter_map(|table| fs::read_to_string(proc.join("net").join(table)).ok())
        .flat_map(|text| text.lines().filter_map(|line| inode(line, protocol, port)).collect::<Vec<_>>())
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let wanted: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    for process in fs::read_dir(proc).ok()?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        let holds = files.flatten().any(|file| {
            fs::read_link(file.path())
                .is_ok_and(|target| wanted.iter().any(|socket| target.as_os_str() == socket.as_str()))
        });
        if holds {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            // A process may call itself anything; this goes to a terminal.
            let name: String = name.trim().chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect();
            return Some(format!("process {pid} ({name})"));
        }
    }
    Some("a process of another user".to_owned())
}

/// The inode of the socket in this line of `/proc/net/{tcp,udp}`, if it listens at the port.
fn inode(line: &str, protocol: &str, port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, local) = fields.get(1)?.rsplit_once(':')?;
    let at_port = u16::from_str_radix(local, 16).ok()? == port;
    let listens = protocol == "UDP" || *fields.get(3)? == LISTEN;
    (at_port && listens).then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_by_the_ports_it_holds() {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let here = format!("process {} (", std::process::id());
        for (protocol, port) in [("TCP", tcp.local_addr().unwrap().port()), ("UDP", udp.local_addr().unwrap().port())] {
            let holder = of(protocol, port).unwrap();
            assert!(holder.starts_with(&here), "{protocol}: {holder}");
        }
    }
}
