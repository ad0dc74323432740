//! Request bodies: their size limit, their shared memory, and how long a slow one delays others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use netpol::admission::{Answer, Tally};
use netpol::verdict::Outcome;
use netpol::verdict::Stage;

use crate::support::client::{Client, request};
use crate::support::server::{Server, Setup};

const MIB: usize = 1 << 20;

/// A judge that answers with the length of the body.
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

/// Announces a body and sends the first bytes of it.
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
fn the_largest_body_is_accepted_and_one_byte_more_is_not() {
    let server = Setup::new().judge(length).start();
    let mut client = server.client();
    assert_eq!(client.post("/validate", &vec![b' '; 20 * MIB]).text(), (20 * MIB).to_string());
    let reply = client.post("/validate", &vec![b' '; 20 * MIB + 1]);
    assert_eq!(reply.status, 413);
    assert!(reply.text().contains("20971520 bytes"), "{}", reply.text());
    assert!(reply.closes());
    assert_eq!(server.metric("netpol_refusals_total{cause=\"too_large\"}"), 1);
}

#[test]
fn a_body_that_announces_too_much_is_refused_before_it_is_sent() {
    let server = Setup::new().judge(length).start();
    for announced in [21 * MIB, usize::MAX >> 1] {
        let mut client = begin(&server, announced, 0, "");
        assert_eq!(client.reply().status, 413);
    }
}

#[test]
fn a_chunked_body_is_refused_when_it_becomes_too_large() {
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
fn ordinary_bodies_do_not_wait_for_large_ones() {
    let server = Setup::limits(|limits| limits.body_stall = Duration::from_secs(60)).judge(length).start();
    let _hogs = [(); 2].map(|()| begin(&server, 16 * MIB, 1000, "?timeout=30s"));
    server.until_metric("netpol_bodies{lane=\"large\"}", 2);
    assert_eq!(server.client().post("/validate?timeout=300ms", &vec![b' '; 3 * MIB]).status, 503, "a large one must wait");
    let start = Instant::now();
    assert_eq!(server.client().post("/validate", &[b' '; 14_000]).status, 200);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_body_that_announces_much_and_stalls_delays_others_for_a_short_time() {
    let stall = Duration::from_millis(200);
    for sent in [0, 100_000] {
        let server = Setup::limits(|limits| limits.body_stall = stall).judge(length).start();
        let mut stalled: Vec<Client> = (0..5).map(|_| begin(&server, 16 * MIB, sent, "?timeout=30s")).collect();
        server.until_metric("netpol_reviews_in_flight", 5);
        let start = Instant::now();
        assert_eq!(server.client().post("/validate?timeout=30s", &vec![b' '; 16 * MIB]).status, 200);
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        let statuses: Vec<u16> = stalled.iter_mut().map(|client| client.reply().status).collect();
        assert!(statuses.iter().filter(|status| **status == 408).count() >= 4, "{statuses:?}");
    }
}

#[test]
fn a_body_that_trickles_delays_others_for_a_short_time() {
    let server = Setup::limits(|limits| limits.body_stall = Duration::from_millis(300)).judge(length).start();
    let mut slow = begin(&server, 16 * MIB, 1000, "?timeout=30s");
    server.until_metric("netpol_reviews_in_flight", 1);
    let is_over = Arc::new(AtomicBool::new(false));
    let trickle = std::thread::spawn({
        let is_over = Arc::clone(&is_over);
        move || {
            while !is_over.load(Ordering::Relaxed) && slow.send(&[b' '; 10_000]).is_ok() {
                std::thread::park_timeout(Duration::from_millis(20));
            }
            slow.reply().status
        }
    });
    let start = Instant::now();
    assert_eq!(server.client().post("/validate?timeout=30s", &vec![b' '; 16 * MIB]).status, 200);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    is_over.store(true, Ordering::Relaxed);
    assert_eq!(trickle.join().unwrap(), 408);
    assert_eq!(server.metric("netpol_refusals_total{cause=\"stalled\"}"), 1);
}

#[test]
fn a_stalled_body_makes_way_where_connections_are_full() {
    let limits = |limits: &mut netpol::server::Limits| {
        (limits.max_connections, limits.body_stall) = (1, Duration::from_millis(200));
    };
    let server = Setup::limits(limits).judge(length).start();
    let mut stalled = begin(&server, 100, 10, "?timeout=30s");
    assert_eq!(server.client().post("/validate", b"{}").status, 200);
    assert_eq!(stalled.reply().status, 408);
}

#[test]
fn a_body_contains_no_byte_of_an_earlier_one() {
    let server = Setup::new()
        .judge(|stage, body| {
            assert!(body.iter().all(|byte| Some(byte) == body.first()), "a byte belongs to another body");
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
fn ordinary_bodies_that_stall_delay_others_for_a_short_time() {
    let server = Setup::limits(|limits| limits.body_stall = Duration::from_millis(200)).judge(length).start();
    let stalled: Vec<Client> = (0..64).map(|_| begin(&server, 250_000, 1000, "?timeout=30s")).collect();
    let start = Instant::now();
    assert_eq!(server.client().post("/validate?timeout=30s", &vec![b' '; 250_000]).status, 200);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(server.metric("netpol_refusals_total{cause=\"stalled\"}") > 0);
    drop(stalled);
}

#[test]
fn a_slow_body_has_time_while_no_other_waits() {
    let server = Setup::limits(|limits| limits.body_stall = Duration::from_millis(50)).judge(length).start();
    let mut client = begin(&server, MIB, MIB / 2, "");
    client.stream.sock.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
    assert!(client.try_reply().is_err(), "no response yet");
    client.stream.sock.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    client.send(&vec![b' '; MIB / 2]).unwrap();
    assert_eq!(client.reply().text(), MIB.to_string());
}

#[test]
fn large_bodies_that_arrive_at_the_same_time_are_all_answered() {
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
fn a_body_that_is_not_complete_at_the_deadline_gets_503() {
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
fn a_large_body_waits_until_its_deadline() {
    let server = Setup::limits(|limits| limits.body_stall = Duration::from_secs(60)).judge(length).start();
    let _hog = begin(&server, 16 * MIB, 1000, "?timeout=30s");
    assert!(crate::support::server::until(|| held(&server) == 16 * MIB as u64));
    assert_eq!(server.client().post("/validate?timeout=500ms", &vec![b' '; 12 * MIB]).status, 503);
    assert_eq!(held(&server), 16 * MIB as u64);
}

#[test]
fn a_review_past_the_limit_waits() {
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
fn a_truncated_body_returns_its_memory() {
    let server = Setup::new().judge(length).start();
    drop(begin(&server, 2 * MIB, MIB, ""));
    server.until_metric("netpol_refusals_total{cause=\"broken_body\"}", 1);
    assert_eq!(held(&server), 0);
    assert_eq!(server.client().post("/validate", b"{}").status, 200);
}
