//! Bodies: their cap, their shared budget, and whom a slow one holds up.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use netpol::admission::{Answer, Tally};
use netpol::verdict::Outcome;
use netpol::verdict::Stage;

use crate::support::client::{Client, request};
use crate::support::server::{Server, Setup};

const MIB: usize = 1 << 20;

/// What a test's judge says: the length of the body.
pub(super) fn length(_: Stage, body: &[u8]) -> Answer {
    let tally = Tally { resource: "other", operation: "unknown", outcome: Outcome::Allowed, rule: None };
    Answer { status: 200, body: body.len().to_string().into_bytes(), tally, unguarded: None, record: None }
}

fn head(length: usize, query: &str) -> Vec<u8> {
    format!("POST /validate{query} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n").into_bytes()
}

fn chunked(query: &str) -> Vec<u8> {
    format!("POST /validate{query} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        .into_bytes()
}

/// Announces a body and sends a part of it.
fn begin(server: &Server, announced: usize, sent: usize, query: &str) -> Client {
    let mut client = server.client();
    client.send(&head(announced, query)).unwrap();
    client.send(&vec![b' '; sent]).unwrap();
    client
}

fn held(server: &Server) -> u64 {
    server.metric("netpol_body_budget_used_bytes{lane=\"large\"}")
}

#[test]
fn the_largest_body_is_judged_and_one_byte_more_is_not() {
    let server = Setup::new().judge(length).start();
    let mut client = server.client();
    assert_eq!(client.post("/validate", &vec![b' '; 16 * MIB]).text(), (16 * MIB).to_string());
    let reply = client.post("/validate", &vec![b' '; 16 * MIB + 1]);
    assert_eq!(reply.status, 413);
    assert!(reply.text().contains("16777216 bytes"), "{}", reply.text());
    assert!(reply.closes());
    assert_eq!(server.metric("netpol_refusals_total{cause=\"too_large\"}"), 1);
}

#[test]
fn what_announces_too_much_is_refused_before_it_is_sent() {
    let server = Setup::new().judge(length).start();
    for announced in [17 * MIB, usize::MAX >> 1] {
        let mut client = begin(&server, announced, 0, "");
        assert_eq!(client.reply().status, 413);
    }
}

#[test]
fn what_announces_nothing_is_refused_when_it_becomes_too_large() {
    let server = Setup::limits(|limits| limits.max_body = MIB).judge(length).start();
    let chunk = [&b"10000\r\n"[..], &vec![b' '; 0x10000], b"\r\n"].concat();
    let send = |chunks: usize| {
        let mut client = server.client();
        client.send(&[&chunked("")[..], &chunk.repeat(chunks), b"0\r\n\r\n"].concat()).unwrap();
        client.reply()
    };
    assert_eq!(send(16).text(), MIB.to_string());
    assert_eq!(send(17).status, 413);
    assert_eq!(send(200).status, 413);
}

#[test]
fn bodies_of_every_size_and_framing_arrive_whole() {
    let server = Setup::new().judge(length).start();
    for size in [0, 1, 8 << 10, 16 << 10, 40 << 10, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 3 * MIB] {
        let body = vec![b' '; size];
        assert_eq!(server.client().post("/validate", &body).text(), size.to_string());
        let mut client = server.client();
        let chunk = [format!("{size:x}\r\n").as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
        client.send(&[chunked(""), if size == 0 { b"0\r\n\r\n".to_vec() } else { chunk }].concat()).unwrap();
        assert_eq!(client.reply().text(), size.to_string());
    }
    assert_eq!(held(&server), 0);
    assert_eq!(server.metric("netpol_body_budget_used_bytes{lane=\"ordinary\"}"), 0);
}

#[test]
fn ordinary_bodies_do_not_wait_behind_large_ones() {
    let server = Setup::limits(|limits| limits.body_stall = Duration::from_secs(60)).judge(length).start();
    let _hogs = (begin(&server, 16 * MIB, 15 * MIB, "?timeout=30s"), begin(&server, 16 * MIB, 7 * MIB, "?timeout=30s"));
    assert!(crate::support::server::until(|| held(&server) >= 22 * MIB as u64), "{}", held(&server));
    assert_eq!(server.client().post("/validate?timeout=300ms", &vec![b' '; 3 * MIB]).status, 503, "a large one must wait");
    let start = Instant::now();
    assert_eq!(server.client().post("/validate", &[b' '; 14_000]).status, 200);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn who_announces_much_and_stalls_holds_up_nobody_for_long() {
    let stall = Duration::from_millis(300);
    let server = Setup::limits(|limits| limits.body_stall = stall).judge(length).start();
    let mut stalled: Vec<Client> = (0..5).map(|_| begin(&server, 16 * MIB, 4 * MIB, "?timeout=30s")).collect();
    assert!(crate::support::server::until(|| held(&server) > 0));
    let start = Instant::now();
    assert_eq!(server.client().post("/validate?timeout=30s", &vec![b' '; 16 * MIB]).status, 200);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(server.metric("netpol_refusals_total{cause=\"stalled\"}") >= 1);
    let statuses: Vec<u16> = stalled.iter_mut().filter_map(|client| client.try_reply().ok()).map(|reply| reply.status).collect();
    assert!(statuses.contains(&408), "{statuses:?}");
}

#[test]
fn who_stalls_makes_way_where_connections_are_full() {
    let limits = |limits: &mut netpol::server::Limits| {
        (limits.max_connections, limits.body_stall) = (1, Duration::from_millis(200));
    };
    let server = Setup::limits(limits).judge(length).start();
    let mut stalled = begin(&server, 100, 10, "?timeout=30s");
    assert_eq!(server.client().post("/validate", b"{}").status, 200);
    assert_eq!(stalled.reply().status, 408);
}

#[test]
fn who_has_sent_nothing_yet_is_in_nobodys_way() {
    let server = Setup::limits(|limits| limits.body_stall = Duration::from_secs(60)).judge(length).start();
    let silent: Vec<Client> = (0..20).map(|_| begin(&server, 16 * MIB, 0, "?timeout=30s")).collect();
    server.until_metric("netpol_reviews_in_flight", 20);
    assert_eq!(server.client().post("/validate", &vec![b' '; 16 * MIB]).status, 200);
    drop(silent);
}

/// The second one is gathered where the first one was.
#[test]
fn a_body_shows_nothing_of_the_one_before_it() {
    let server = Setup::new()
        .judge(|stage, body| {
            assert!(body.iter().all(|byte| Some(byte) == body.first()), "a byte is of another body");
            length(stage, body)
        })
        .start();
    let mut client = server.client();
    for (byte, size) in [(b'x', 200_000), (b'y', 100_000), (b'z', 100_001), (b'x', 250_000), (b'y', 40_000)] {
        assert_eq!(client.post("/validate", &vec![byte; size]).text(), size.to_string());
    }
}

/// Together they announce more than their lane has.
#[test]
fn ordinary_bodies_that_stall_hold_what_they_sent_and_not_what_they_announced() {
    let server = Setup::limits(|limits| limits.body_stall = Duration::from_secs(60)).judge(length).start();
    let stalled: Vec<Client> = (0..64).map(|_| begin(&server, 250_000, 1000, "?timeout=30s")).collect();
    server.until_metric("netpol_bodies{lane=\"ordinary\"}", 64);
    assert_eq!(server.client().post("/validate", &vec![b' '; 250_000]).status, 200);
    drop(stalled);
}

#[test]
fn a_slow_body_is_waited_for_while_nobody_else_needs_its_memory() {
    let server = Setup::limits(|limits| limits.body_stall = Duration::from_millis(50)).judge(length).start();
    let mut client = begin(&server, MIB, MIB / 2, "");
    client.stream.sock.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
    assert!(client.try_reply().is_err(), "nothing is said yet");
    client.stream.sock.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    client.send(&vec![b' '; MIB / 2]).unwrap();
    assert_eq!(client.reply().text(), MIB.to_string());
}

#[test]
fn large_bodies_are_all_served_when_they_come_at_once() {
    let server = Arc::new(Setup::new().judge(length).start());
    let barrier = Arc::new(Barrier::new(8));
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let (server, barrier) = (Arc::clone(&server), Arc::clone(&barrier));
            std::thread::spawn(move || {
                let mut client = server.client();
                let body = vec![b' '; 12 * MIB];
                barrier.wait();
                client.post("/validate?timeout=30s", &body).status
            })
        })
        .collect();
    for sender in senders {
        assert_eq!(sender.join().unwrap(), 200);
    }
    assert_eq!(held(&server), 0);
}

#[test]
fn a_body_that_is_not_there_at_the_deadline_gets_503() {
    let server = Setup::new().judge(length).start();
    for (announced, sent) in [(1000, 10), (2 * MIB, MIB)] {
        let start = Instant::now();
        let mut client = begin(&server, announced, sent, "?timeout=400ms");
        let reply = client.reply();
        assert_eq!(reply.status, 503);
        assert!(reply.closes());
        assert!(start.elapsed() >= Duration::from_millis(360) && start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
    assert_eq!(server.metric("netpol_refusals_total{cause=\"deadline\"}"), 2);
    assert_eq!(held(&server), 0);
}

#[test]
fn a_large_body_waits_for_its_turn_until_its_deadline() {
    let server = Setup::limits(|limits| limits.body_stall = Duration::from_secs(60)).judge(length).start();
    let _hog = begin(&server, 16 * MIB, 15 * MIB, "?timeout=30s");
    server.until_metric("netpol_bodies{lane=\"large\"}", 1);
    assert!(crate::support::server::until(|| held(&server) >= 15 * MIB as u64));
    assert_eq!(server.client().post("/validate?timeout=500ms", &vec![b' '; 12 * MIB]).status, 503);
}

#[test]
fn a_review_past_the_cap_waits_for_a_place() {
    let lone = |limits: &mut netpol::server::Limits| (limits.max_reviews, limits.body_stall) = (1, Duration::from_secs(60));
    let server = Setup::limits(lone).judge(length).start();
    let mut first = begin(&server, 1000, 10, "?timeout=30s");
    server.until_metric("netpol_bodies{lane=\"ordinary\"}", 1);
    assert_eq!(server.client().post("/validate?timeout=300ms", b"{}").status, 503);
    let mut third = server.client();
    third.send(&request("/validate?timeout=30s", b"{}")).unwrap();
    server.until_metric("netpol_bodies{lane=\"ordinary\"}", 2);
    first.send(&[b' '; 990]).unwrap();
    assert_eq!((first.reply().status, third.reply().status), (200, 200));
}

#[test]
fn a_body_that_breaks_off_takes_nothing_with_it() {
    let server = Setup::new().judge(length).start();
    drop(begin(&server, 2 * MIB, MIB, ""));
    server.until_metric("netpol_refusals_total{cause=\"broken_body\"}", 1);
    assert_eq!(held(&server), 0);
    assert_eq!(server.client().post("/validate", b"{}").status, 200);
}
