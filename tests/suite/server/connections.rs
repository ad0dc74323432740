//! Connections: how many, for how long, and which one makes way for another.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::bodies::length;
use crate::support::client::Client;
use crate::support::server::{SOON, Server, Setup};

const SHORT: Duration = Duration::from_millis(200);

fn raw(to: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(to).unwrap();
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

/// A client that was answered once.
fn answered(server: &Server) -> Client {
    let mut client = server.client();
    assert_eq!(client.post("/validate", b"{}").status, 200);
    client
}

#[test]
fn a_handshake_that_stalls_is_closed_at_its_deadline() {
    let server = Setup::limits(|limits| limits.handshake_timeout = SHORT).judge(length).start();
    assert!(is_closed(raw(server.listen)));
    let mut half = raw(server.listen);
    half.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00]).unwrap();
    assert!(is_closed(half));
    server.until_metric("netpol_handshake_failures_total{cause=\"timeout\"}", 2);
    assert_eq!(server.client().post("/validate", b"{}").status, 200);
}

#[test]
fn garbage_is_no_handshake() {
    let server = Setup::new().judge(length).start();
    let mut garbage = raw(server.listen);
    garbage.write_all(b"POST /validate HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(is_closed(garbage));
    server.until_metric("netpol_handshake_failures_total{cause=\"not_tls\"}", 1);
    drop(raw(server.listen));
    server.until_metric("netpol_handshake_failures_total{cause=\"vanished\"}", 1);
    server.until_metric("netpol_connections{port=\"reviews\"}", 0);
}

#[test]
fn a_connection_that_sends_nothing_is_closed_after_the_idle_time() {
    let server = Setup::limits(|limits| limits.idle_timeout = SHORT).judge(length).start();
    let mut silent = server.client();
    silent.closed_after();
    let mut half = server.client();
    half.send(b"POST /validate HTTP/1.1\r\nHost:").unwrap();
    half.closed_after();
    let mut later = answered(&server);
    later.send(b"POST /validate").unwrap();
    later.closed_after();
    answered(&server).closed_after();
    server.until_metric("netpol_connections_closed_total{cause=\"idle\"}", 4);
}

#[test]
fn a_head_that_trickles_is_closed_after_the_idle_time() {
    let server = Setup::limits(|limits| limits.idle_timeout = SHORT).judge(length).start();
    let mut client = server.client();
    client.stream.sock.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let gone = (0..1000).any(|_| {
        let mut byte = [0];
        client.send(b"P").is_err() || matches!(client.stream.read(&mut byte), Ok(0))
    });
    assert!(gone);
    server.until_metric("netpol_connections_closed_total{cause=\"idle\"}", 1);
}

#[test]
fn a_request_in_flight_is_not_idle() {
    let server = Setup::limits(|limits| limits.idle_timeout = SHORT).judge(length).start();
    let mut client = server.client();
    client.send(b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{").unwrap();
    client.stream.sock.set_read_timeout(Some(SHORT * 5)).unwrap();
    assert!(client.try_reply().is_err(), "no response yet");
    client.stream.sock.set_read_timeout(Some(SOON)).unwrap();
    client.send(b"}").unwrap();
    assert_eq!(client.reply().status, 200);
}

#[test]
fn at_the_limit_the_longest_idle_connection_makes_way() {
    let server = Setup::limits(|limits| limits.max_connections = 3).judge(length).start();
    let mut all: Vec<Client> = (0..3).map(|_| answered(&server)).collect();
    // The first one is now the one that was used last.
    assert_eq!(all[0].post("/validate", b"{}").status, 200);
    let mut newcomer = answered(&server);
    all[1].closed_after();
    server.until_metric("netpol_connections_closed_total{cause=\"displaced\"}", 1);
    for client in [0, 2] {
        assert_eq!(all[client].post("/validate", b"{}").status, 200);
    }
    assert_eq!(newcomer.post("/validate", b"{}").status, 200);
}

#[test]
fn connections_without_a_review_make_way_first() {
    let server = Setup::limits(|limits| limits.max_connections = 2).start();
    let review = std::fs::read(crate::support::root().join("tests/reviews/pod-create-desktop.validate.json")).unwrap();
    let mut proven = server.client();
    assert_eq!(proven.post("/validate", &review).status, 200);
    for (count, begun) in [(1, &b""[..]), (2, b"POST /validate HTTP/1.1\r\nHost: x\r\n"), (3, b"GET / HTTP/1.1\r\n\r\n")] {
        let mut unproven = server.client();
        unproven.send(begun).unwrap();
        if count == 3 {
            assert_eq!(unproven.reply().status, 404, "a refusal proves nothing");
        }
        let mut newcomer = server.client();
        assert_eq!(newcomer.post("/validate", b"{}").status, 400, "no review either");
        unproven.closed_after();
        server.until_metric("netpol_connections_closed_total{cause=\"displaced\"}", count);
        drop(newcomer);
        server.until_metric("netpol_connections{port=\"reviews\"}", 1);
    }
    assert_eq!(proven.post("/validate", &review).status, 200);
}

#[test]
fn a_busy_connection_never_makes_way() {
    let server = Setup::limits(|limits| (limits.max_connections, limits.body_stall) = (1, SOON * 3)).judge(length).start();
    let mut busy = server.client();
    busy.send(b"POST /validate?timeout=30s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{").unwrap();
    server.until_metric("netpol_reviews_in_flight", 1);
    let mut waiting = server.client();
    waiting.send(&crate::support::client::request("/validate", b"{}")).unwrap();
    server.until_metric("netpol_connections{port=\"reviews\"}", 2);
    busy.send(b"}").unwrap();
    assert_eq!(busy.reply().status, 200);
    assert_eq!(waiting.reply().status, 200, "it gets the slot of the idle one");
    assert_eq!(closed(&server, "displaced"), 1);
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let server = Setup::new().judge(length).start();
    for size in [9_000, 100_000] {
        let mut client = server.client();
        let _ = client.send(format!("POST /validate HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(size)).as_bytes());
        assert_eq!(client.try_reply().map_or(431, |reply| reply.status), 431);
    }
    assert_eq!(server.client().post("/validate", b"{}").status, 200);
}

#[test]
fn blank_lines_without_a_request_end_the_connection() {
    let server = Setup::new().judge(length).start();
    let mut client = answered(&server);
    let is_over = (0..20_000).any(|_| client.send(&b"\r\n".repeat(1000)).is_err());
    assert!(is_over, "forty megabytes were accepted");
}

#[test]
fn the_admin_port_has_limits_of_its_own() {
    let server = Setup::limits(|limits| (limits.handshake_timeout, limits.max_admin_connections) = (SHORT, 2)).judge(length).start();
    let silent: Vec<TcpStream> = (0..4).map(|_| raw(server.admin)).collect();
    assert_eq!(server.admin("/livez").status, 200);
    assert!(silent.into_iter().all(is_closed));
    // Clients that keep their connections make way for each other.
    let mut idle: Vec<TcpStream> = (0..4).map(|_| raw(server.admin)).collect();
    for socket in &mut idle {
        socket.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let reply = crate::support::client::read_reply(socket, &mut Vec::new()).unwrap();
        assert_eq!(reply.status, 200);
    }
    assert!(idle.drain(..2).all(is_closed));
    assert_eq!(server.admin("/livez").status, 200);
}
