//! Connections: how many, for how long, and what becomes of those that do not behave.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::bodies::length;
use crate::support::server::{SOON, Server, Setup};

const SHORT: Duration = Duration::from_millis(200);

fn raw(server: &Server) -> TcpStream {
    let socket = TcpStream::connect(server.listen).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket
}

fn is_closed(mut socket: TcpStream) -> bool {
    let mut rest = Vec::new();
    match socket.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

fn closed(server: &Server, cause: &str) -> u64 {
    server.metric(&format!("netpol_connections_closed_total{{cause=\"{cause}\"}}"))
}

#[test]
fn a_handshake_that_stalls_is_closed_at_its_deadline() {
    let server = Setup::limits(|limits| limits.handshake_timeout = SHORT).judge(length).start();
    assert!(is_closed(raw(&server)));
    let mut half = raw(&server);
    half.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00]).unwrap();
    assert!(is_closed(half));
    server.until_metric("netpol_handshake_failures_total{cause=\"timeout\"}", 2);
    assert_eq!(server.client().post("/validate", b"{}").status, 200);
}

#[test]
fn garbage_is_no_handshake() {
    let server = Setup::new().judge(length).start();
    let mut garbage = raw(&server);
    garbage.write_all(b"POST /validate HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(is_closed(garbage));
    server.until_metric("netpol_handshake_failures_total{cause=\"not_tls\"}", 1);
    drop(raw(&server));
    server.until_metric("netpol_handshake_failures_total{cause=\"vanished\"}", 1);
    server.until_metric("netpol_connections{port=\"reviews\"}", 0);
}

#[test]
fn a_slow_handshake_delays_nobody() {
    let server = Setup::new().judge(length).start();
    let _slow: Vec<TcpStream> = (0..50).map(|_| raw(&server)).collect();
    assert_eq!(server.client().post("/validate", b"{}").status, 200);
}

#[test]
fn a_head_that_stalls_is_closed_at_its_deadline() {
    let server = Setup::limits(|limits| limits.header_timeout = SHORT).judge(length).start();
    let mut silent = server.client();
    silent.closed_after();
    let mut half = server.client();
    half.send(b"POST /validate HTTP/1.1\r\nHost:").unwrap();
    half.closed_after();
    let mut later = server.client();
    assert_eq!(later.post("/validate", b"{}").status, 200);
    later.send(b"POST /validate").unwrap();
    later.closed_after();
    server.until_metric("netpol_connections_closed_total{cause=\"late_head\"}", 3);
}

#[test]
fn a_head_that_trickles_is_closed_at_its_deadline_too() {
    let server = Setup::limits(|limits| limits.header_timeout = SHORT).judge(length).start();
    let mut client = server.client();
    client.stream.sock.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let gone = (0..1000).any(|_| {
        let mut byte = [0];
        client.send(b"P").is_err() || matches!(client.stream.read(&mut byte), Ok(0))
    });
    assert!(gone);
    server.until_metric("netpol_connections_closed_total{cause=\"late_head\"}", 1);
}

#[test]
fn an_idle_connection_is_not_a_late_one() {
    let server = Setup::limits(|limits| limits.header_timeout = SHORT).judge(length).start();
    let mut client = server.client();
    assert_eq!(client.post("/validate", b"{}").status, 200);
    client.stream.sock.set_read_timeout(Some(SHORT * 3)).unwrap();
    assert!(client.try_reply().is_err(), "nothing is said");
    client.stream.sock.set_read_timeout(Some(SOON)).unwrap();
    assert_eq!(client.post("/validate", b"{}").status, 200);
}

#[test]
fn connections_that_hold_no_buffers_while_they_are_idle_are_answered_as_others_are() {
    let limits = |limits: &mut netpol::server::Limits| (limits.warm_connections, limits.header_timeout) = (0, SHORT);
    let mut server = Setup::limits(limits).judge(length).start();
    let mut clients: Vec<_> = (0..5).map(|_| server.client()).collect();
    for size in [2, 14_000, 2, 300_000, 100_000] {
        for client in &mut clients {
            let reply = client.post("/validate", &vec![b' '; size]);
            assert_eq!((reply.status, reply.text()), (200, size.to_string()));
        }
    }
    // One that sleeps is late as soon as it has said something, and only then.
    std::thread::sleep(SHORT * 2);
    let mut late = clients.pop().unwrap();
    late.send(b"P").unwrap();
    late.closed_after();
    assert_eq!(closed(&server, "late_head"), 1);
    drop(clients.pop());
    server.until_metric("netpol_connections_closed_total{cause=\"done\"}", 1);
    server.handle.drain();
    assert!(server.ends());
    for mut client in clients {
        client.closed_after();
    }
}

#[test]
fn a_connection_is_not_kept_for_ever() {
    let idle = |limits: &mut netpol::server::Limits| (limits.idle_timeout, limits.idle_settle) = (SHORT, SHORT / 2);
    let server = Setup::limits(idle).judge(length).start();
    let mut client = server.client();
    assert_eq!(client.post("/validate", b"{}").status, 200);
    client.closed_after();
    server.until_metric("netpol_connections_closed_total{cause=\"idle\"}", 1);
}

#[test]
fn where_connections_are_full_the_one_that_was_idle_longest_goes() {
    let server = Setup::limits(|limits| (limits.max_connections, limits.idle_settle) = (3, SHORT)).judge(length).start();
    let mut oldest = server.client();
    assert_eq!(oldest.post("/validate", b"{}").status, 200);
    let mut busy: Vec<_> = (0..2).map(|_| server.client()).collect();
    for client in &mut busy {
        assert_eq!(client.post("/validate", b"{}").status, 200);
    }
    // Waits until one of the three has been idle for long enough; these two are not.
    let newcomer = {
        let (listen, roots) = (server.listen, server.roots());
        std::thread::spawn(move || {
            let config = crate::support::client::config(roots, &[b"http/1.1"]);
            crate::support::client::Client::connect(listen, config).unwrap().post("/validate", b"{}").status
        })
    };
    while !newcomer.is_finished() {
        for client in &mut busy {
            assert_eq!(client.post("/validate", b"{}").status, 200);
        }
    }
    assert_eq!(newcomer.join().unwrap(), 200);
    oldest.closed_after();
    assert_eq!(closed(&server, "displaced"), 1);
}

#[test]
fn who_says_nothing_or_half_a_head_makes_way_where_connections_are_full() {
    let limits = |limits: &mut netpol::server::Limits| {
        (limits.max_connections, limits.max_admin_connections) = (1, 1);
        (limits.idle_settle, limits.header_timeout) = (SHORT, SOON * 3);
    };
    let server = Setup::limits(limits).judge(length).start();
    for (count, begun) in [(1, &b""[..]), (2, b"POST /validate HTTP/1.1\r\nHost: x\r\n")] {
        let mut slow = server.client();
        slow.send(begun).unwrap();
        assert_eq!(server.client().post("/validate", b"{}").status, 200);
        slow.closed_after();
        assert_eq!(closed(&server, "displaced"), count);
    }
    let silent = TcpStream::connect(server.admin).unwrap();
    assert_eq!(server.admin("/livez").status, 200);
    drop(silent);
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let server = Setup::new().judge(length).start();
    let mut client = server.client();
    let _ = client.send(format!("POST /validate HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000)).as_bytes());
    assert_eq!(client.try_reply().map_or(431, |reply| reply.status), 431);
    assert_eq!(server.client().post("/validate", b"{}").status, 200);
}

#[test]
fn the_admin_port_has_limits_of_its_own() {
    let server = Setup::limits(|limits| (limits.header_timeout, limits.max_admin_connections) = (SHORT, 2)).judge(length).start();
    let silent: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(server.admin).unwrap()).collect();
    assert_eq!(server.admin("/livez").status, 200);
    for socket in silent {
        socket.set_read_timeout(Some(SOON)).unwrap();
        assert!(is_closed(socket));
    }
}
