//! What the kernel knows of a UDP socket: how many datagrams it dropped for want of room.
//!
//! Read from `/proc/net/udp` and `/proc/net/udp6`, for the option that would tell with each datagram needs `unsafe`.
//!
//! Source: proc(5), "/proc/net/udp"; the kernel's `udp4_format_sock`, whose last column counts the drops.

use std::net::SocketAddr;

/// A bound socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Socket {
    pub(super) address: SocketAddr,
    /// Bytes that the kernel granted.
    pub(super) receive_buffer: usize,
}

impl Socket {
    /// Datagrams dropped since it was bound. None where the system does not tell.
    pub(super) fn drops(&self) -> Option<u64> {
        let table = if self.address.is_ipv4() { "/proc/net/udp" } else { "/proc/net/udp6" };
        drops(&std::fs::read_to_string(table).ok()?, self.address)
    }
}

/// The drops of the socket bound to this address, in a table of the kernel's.
fn drops(table: &str, address: SocketAddr) -> Option<u64> {
    let wanted = written(address);
    table.lines().find_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        let local = columns.nth(1)?;
        (local == wanted).then(|| columns.last()?.parse().ok())?
    })
}

/// The address as the kernel writes it: words of the machine's byte order in hex.
fn written(address: SocketAddr) -> String {
    let word = |bytes: &[u8]| bytes.try_into().map(u32::from_ne_bytes).unwrap_or_default();
    let words: String = match address {
        SocketAddr::V4(address) => format!("{:08X}", word(&address.ip().octets())),
        SocketAddr::V6(address) => {
            address.ip().octets().chunks(4).map(|bytes| format!("{:08X}", word(bytes))).collect()
        }
    };
    format!("{words}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn drops_are_found_by_address() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n  \
            71: 0100007F:07D1 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 111 2 00000000aaaaaaaa 9\n  \
            72: 0100007F:07D0 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 222 2 00000000bbbbbbbb 653\n";
        assert_eq!(drops(table, "127.0.0.1:2000".parse().unwrap()), Some(653));
        assert_eq!(drops(table, "127.0.0.1:2002".parse().unwrap()), None);
        assert_eq!(written("[::1]:2000".parse().unwrap()), "00000000000000000000000001000000:07D0");
    }
}
