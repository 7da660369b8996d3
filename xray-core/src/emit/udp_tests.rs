use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::emit::manual_clock::ManualClock;

/// A listener on an address that no other test uses, so that its port stays refused once it is closed.
/// Only Linux answers on all of 127.0.0.0/8.
fn listen() -> UdpSocket {
    static NEXT: AtomicUsize = AtomicUsize::new(2);
    let last = NEXT.fetch_add(1, Ordering::Relaxed) as u8;
    let ip = if cfg!(target_os = "linux") { Ipv4Addr::new(127, 0, 77, last) } else { Ipv4Addr::LOCALHOST };
    listen_at((ip, 0).into())
}

fn listen_at(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> String {
    let mut datagram = vec![0; 65_536];
    let length = socket.recv(&mut datagram).unwrap();
    let text = String::from_utf8(datagram[..length].to_vec()).unwrap();
    text.strip_prefix("{\"format\":\"json\",\"version\":1}\n").unwrap().to_owned()
}

fn udp_to(address: SocketAddr) -> Udp {
    Udp::new(DaemonAddress::parse(&address.to_string()).unwrap())
}

fn udp_by_name(
    clock: &Arc<ManualClock>,
    look_up: impl Fn() -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
) -> Udp {
    let mut udp = Udp::new(DaemonAddress::parse("daemon.test:2000").unwrap()).with_clock(clock.clone());
    udp.look_up = Box::new(move |host, port| {
        assert_eq!((host, port), ("daemon.test", 2000));
        look_up()
    });
    udp
}

/// Sends until a refusal has come back: the kernel may answer a moment later.
fn emit_until_lost(udp: &Udp) -> Lost {
    for _ in 0..100_000 {
        udp.emit(b"{}").unwrap();
        if let Some(lost) = udp.lost() {
            return lost;
        }
        thread::yield_now();
    }
    panic!("no send was refused");
}

#[test]
fn documents_arrive_with_the_header_line() {
    let daemon = listen();
    let udp = udp_to(daemon.local_addr().unwrap());
    udp.emit(b"{\"n\":1}").unwrap();
    udp.emit(b"{\"n\":2}").unwrap();
    assert_eq!(receive(&daemon), "{\"n\":1}");
    assert_eq!(receive(&daemon), "{\"n\":2}");
    udp.flush();
    assert!(udp.lost().is_none());
}

#[test]
fn ipv6_arrives_too() {
    let Ok(daemon) = UdpSocket::bind("[::1]:0") else {
        return; // a machine without IPv6
    };
    daemon.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    udp_to(daemon.local_addr().unwrap()).emit(b"{}").unwrap();
    assert_eq!(receive(&daemon), "{}");
}

#[test]
fn localhost_is_looked_up_by_the_system() {
    let daemon = listen_at((Ipv4Addr::LOCALHOST, 0).into());
    let text = format!("localhost:{}", daemon.local_addr().unwrap().port());
    Udp::new(DaemonAddress::parse(&text).unwrap()).emit(b"{}").unwrap();
    assert_eq!(receive(&daemon), "{}");
}

#[test]
fn a_refusal_is_a_loss_of_an_earlier_document_and_the_daemon_may_come_later() {
    let closed = listen();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let udp = udp_to(address);
    let lost = emit_until_lost(&udp);
    assert_eq!(lost.documents, 1);
    assert_eq!(lost.error.to_string(), format!("udp {address} cannot be reached"));
    assert!(
        matches!(lost.error, EmitError::Unreachable { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused)
    );

    let daemon = listen_at(address);
    udp.emit(b"{\"first\":true}").unwrap();
    assert_eq!(receive(&daemon), "{\"first\":true}");
}

#[test]
fn a_flush_learns_of_the_last_refusal() {
    let closed = listen();
    let udp = udp_to(closed.local_addr().unwrap());
    drop(closed);
    udp.emit(b"{}").unwrap();
    let told = (0..100_000).find_map(|_| {
        udp.flush();
        thread::yield_now();
        udp.lost()
    });
    assert_eq!(told.map(|lost| lost.documents), Some(1));
    udp.flush();
    assert!(udp.lost().is_none(), "told once");
}

#[test]
fn a_datagram_beyond_udp_is_too_large_and_the_next_is_sent() {
    let daemon = listen();
    let udp = udp_to(daemon.local_addr().unwrap());
    let limit = match udp.emit(&vec![b' '; 70_000]) {
        Err(EmitError::TooLarge { limit: Some(limit) }) => limit,
        other => panic!("{other:?}"),
    };
    assert_eq!(limit + crate::document::DAEMON_HEADER.len(), 65_507);
    assert!(udp.lock().datagram.capacity() <= KEPT_BUFFER);
    udp.emit(b"{}").unwrap();
    assert_eq!(receive(&daemon), "{}");
    if cfg!(target_os = "linux") {
        udp.emit(&vec![b' '; limit]).unwrap();
        assert_eq!(receive(&daemon).len(), limit);
    }
}

#[test]
fn a_name_that_is_not_found_is_looked_up_again_ever_more_slowly() {
    let daemon = listen();
    let address = daemon.local_addr().unwrap();
    let clock = ManualClock::new();
    let look_ups = Arc::new(AtomicUsize::new(0));
    let counted = look_ups.clone();
    let udp = udp_by_name(&clock, move || match counted.fetch_add(1, Ordering::SeqCst) {
        8 => Ok(vec![address]),
        3 => Ok(vec![]),
        _ => Err(io::Error::other("not found")),
    });
    assert_eq!(look_ups.load(Ordering::SeqCst), 0, "the constructor looks nothing up");
    for (made, pause) in [1, 2, 4, 8, 16, 30, 30].into_iter().enumerate() {
        for _ in 0..2 {
            let error = udp.emit(b"{}").unwrap_err();
            assert!(matches!(error, EmitError::Unreachable { .. }), "{error}");
        }
        assert_eq!(look_ups.load(Ordering::SeqCst), made + 1);
        clock.advance(Duration::from_secs(pause) - Duration::from_nanos(1));
        udp.emit(b"{}").unwrap_err();
        assert_eq!(look_ups.load(Ordering::SeqCst), made + 1, "before {pause} s have passed");
        clock.advance(Duration::from_nanos(1));
    }
    udp.emit(b"{}").unwrap_err();
    clock.advance(Duration::from_secs(30));
    udp.emit(b"{\"found\":true}").unwrap();
    assert_eq!(receive(&daemon), "{\"found\":true}");
    assert_eq!(look_ups.load(Ordering::SeqCst), 9);
}

#[test]
fn a_name_that_moves_is_followed_after_a_refusal() {
    let (old, new) = (listen(), listen());
    let addresses = [old.local_addr().unwrap(), new.local_addr().unwrap()];
    let clock = ManualClock::new();
    let look_ups = AtomicUsize::new(0);
    let udp = udp_by_name(&clock, move || Ok(vec![addresses[look_ups.fetch_add(1, Ordering::SeqCst).min(1)]]));
    udp.emit(b"{\"n\":1}").unwrap();
    assert_eq!(receive(&old), "{\"n\":1}");
    drop(old);
    clock.advance(SHORTEST_PAUSE);
    emit_until_lost(&udp);
    assert_eq!(receive(&new), "{}");
}

#[test]
fn ipv4_loopback_comes_before_ipv6() {
    let daemon = listen_at((Ipv4Addr::LOCALHOST, 0).into());
    let ipv4 = daemon.local_addr().unwrap();
    let ipv6 = SocketAddr::from((Ipv6Addr::LOCALHOST, ipv4.port()));
    let udp = udp_by_name(&ManualClock::new(), move || Ok(vec![ipv6, ipv6, ipv4]));
    udp.emit(b"{}").unwrap();
    assert_eq!(receive(&daemon), "{}");
    let routes: Vec<_> = udp.lock().routes.iter().map(|route| route.address).collect();
    assert_eq!(routes, [ipv4, ipv6]);
}

#[test]
fn the_next_address_is_tried_at_once_when_the_first_refuses() {
    let (closed, daemon) = (listen(), listen());
    let addresses = vec![closed.local_addr().unwrap(), daemon.local_addr().unwrap()];
    drop(closed);
    // The clock stands still: no second look-up is needed to get there, or to stay.
    let udp = udp_by_name(&ManualClock::new(), move || Ok(addresses.clone()));
    emit_until_lost(&udp);
    assert_eq!(receive(&daemon), "{}");
    udp.emit(b"{\"stays\":true}").unwrap();
    assert_eq!(receive(&daemon), "{\"stays\":true}");
}

#[test]
fn errors_are_told_apart() {
    let of = |code| Verdict::of(&io::Error::from_raw_os_error(code));
    assert_eq!(of(MESSAGE_SIZE), Verdict::TooLong);
    assert_eq!(of(NO_BUFFERS), Verdict::NoBuffer);
    let of = |kind| Verdict::of(&io::Error::from(kind));
    assert_eq!(of(io::ErrorKind::ConnectionRefused), Verdict::Refused);
    assert_eq!(of(io::ErrorKind::WouldBlock), Verdict::Full);
    assert_eq!(of(io::ErrorKind::TimedOut), Verdict::Full);
    assert_eq!(of(io::ErrorKind::NetworkUnreachable), Verdict::Broken);
    assert_eq!(of(io::ErrorKind::PermissionDenied), Verdict::Broken);
}

#[test]
fn a_way_that_breaks_is_an_error_for_this_document() {
    // Broadcast without permission fails at once and on every system.
    let clock = ManualClock::new();
    let udp = udp_by_name(&clock, || Ok(vec![SocketAddr::from((Ipv4Addr::BROADCAST, 2000))]));
    assert!(matches!(udp.emit(b"{}"), Err(EmitError::Unreachable { .. })));
    assert!(udp.lost().is_none());
}

#[test]
fn a_reopened_socket_is_a_new_one() {
    let daemon = listen();
    let udp = udp_to(daemon.local_addr().unwrap());
    let mut buffer = [0; 100];
    let mut source = || {
        udp.emit(b"{}").unwrap();
        daemon.recv_from(&mut buffer).unwrap().1
    };
    let (first, same) = (source(), source());
    // Held, the old port cannot be given to the new socket.
    let _held = udp.lock().routes[0].socket.as_ref().unwrap().try_clone().unwrap();
    udp.reopen();
    assert_eq!(first, same);
    assert_ne!(first, source());
}
