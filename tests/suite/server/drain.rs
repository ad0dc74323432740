//! Shutdown: no request is lost.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use super::bodies::length;
use crate::support::client::{self, Client, request};
use crate::support::server::{SOON, Server, Setup, until};

fn new_client(server: &Server) -> Client {
    Client::connect(server.listen, client::config(server.roots(), &[b"http/1.1"])).unwrap()
}

#[test]
fn a_draining_server_reports_not_ready_serves_on_says_farewell_and_ends() {
    let delays =
        |limits: &mut netpol::server::Limits| (limits.drain_delay, limits.farewell) = (Duration::from_secs(2), Duration::from_secs(3));
    let mut server = Setup::limits(delays).judge(length).start();
    let mut client = server.client();
    let mut idle = server.client();
    assert_eq!(idle.post("/validate", b"{}").status, 200);
    server.handle.drain();
    assert!(until(|| server.admin("/readyz").status == 503));
    let text = server.admin("/readyz").text();
    assert!(text.starts_with("not ready\n- draining: "), "{text}");
    assert_eq!(server.metric("netpol_ready"), 0);

    let mut before = 0;
    let start = Instant::now();
    while !client.post("/validate", b"{}").closes() {
        before += 1;
        assert!(start.elapsed() < Duration::from_secs(20));
    }
    assert!(before > 0, "it serves on before it asks its clients to close");
    client.closed_after();
    // A new client is answered too, and asked to close.
    let late = new_client(&server).post("/validate", b"{}");
    assert!(late.status == 200 && late.closes());
    assert!(idle.closed_after() < Duration::from_secs(10), "long before the end of the grace period");
    assert!(server.ends());
    assert!(std::net::TcpStream::connect(server.listen).is_err());
}

#[test]
fn a_request_in_flight_is_answered() {
    let (entered, wait) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let mut server = Setup::limits(|limits| limits.drain_delay = Duration::ZERO)
        .judge(move |stage, body| {
            entered.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
            length(stage, body)
        })
        .start();
    let mut client = server.client();
    // A large body is reviewed on a thread of its own.
    client.send(&request("/validate", &vec![b' '; 300 << 10])).unwrap();
    wait.recv().unwrap();
    server.handle.drain();
    assert!(until(|| std::net::TcpStream::connect(server.listen).is_err()), "no more connections are accepted");
    release.send(()).unwrap();
    let reply = client.reply();
    assert!(reply.status == 200 && reply.closes());
    assert!(server.ends());
}

#[test]
fn the_first_request_of_a_connection_is_answered_during_shutdown() {
    let mut server = Setup::limits(|limits| (limits.drain_delay, limits.farewell) = (Duration::ZERO, Duration::ZERO)).judge(length).start();
    let mut client = server.client();
    server.handle.drain();
    assert!(until(|| std::net::TcpStream::connect(server.listen).is_err()));
    let reply = client.post("/validate", b"{}");
    assert!(reply.status == 200 && reply.closes());
    assert!(server.ends());
}

#[test]
fn a_request_that_takes_too_long_is_dropped() {
    let mut server = Setup::limits(|limits| {
        (limits.drain_delay, limits.farewell, limits.grace) = (Duration::ZERO, Duration::from_millis(50), Duration::from_millis(200));
    })
    .judge(length)
    .start();
    let mut client = server.client();
    client.send(b"POST /validate?timeout=30s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n").unwrap();
    server.until_metric("netpol_reviews_in_flight", 1);
    server.handle.drain();
    assert!(server.ends());
    client.closed_after();
}

#[test]
fn audit_lines_are_on_disk_when_a_server_has_ended() {
    let mut server = Setup::limits(|limits| limits.drain_delay = Duration::ZERO).start();
    let body = std::fs::read(crate::support::root().join("tests/reviews/pod-create-ungranted.validate.json")).unwrap();
    let mut client = server.client();
    for _ in 0..500 {
        assert_eq!(client.post("/validate", &body).status, 200);
    }
    drop(client);
    server.handle.drain();
    assert!(server.ends());
    assert_eq!(std::fs::read_to_string(server.dir.path().join("audit.log")).unwrap().lines().count(), 500);
}

/// Two servers behind a stand-in for the Service, which connects new clients to the one that is ready.
#[test]
fn a_rolling_restart_under_load_loses_no_request() {
    // Every client is asked to close with its next response; then the server ends at once.
    let limits = || Setup::limits(|limits| (limits.drain_delay, limits.farewell) = (Duration::from_millis(300), SOON)).judge(length);
    let current = Arc::new(Mutex::new(Arc::new(limits().start())));
    let over = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (current, over, answered) = (Arc::clone(&current), Arc::clone(&over), Arc::clone(&answered));
            std::thread::spawn(move || {
                let connect = || {
                    let server = Arc::clone(&current.lock().unwrap());
                    new_client(&server)
                };
                let mut client = connect();
                while !over.load(Ordering::Relaxed) {
                    let reply = client.post("/validate", b"{}");
                    assert_eq!(reply.status, 200);
                    answered.fetch_add(1, Ordering::Relaxed);
                    if reply.closes() {
                        client = connect();
                    }
                }
            })
        })
        .collect();
    for _ in 0..3 {
        let before = answered.load(Ordering::Relaxed);
        assert!(until(|| answered.load(Ordering::Relaxed) > before + 20));
        let next = Arc::new(limits().start());
        let last = std::mem::replace(&mut *current.lock().unwrap(), next);
        last.handle.drain();
        assert!(until(|| std::net::TcpStream::connect(last.admin).is_err()), "the server does not end");
    }
    over.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("no request is lost");
    }
}
