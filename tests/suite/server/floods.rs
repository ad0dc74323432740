//! Floods of connections from one address. Reviews and probes go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::client::{self, Client, request};
use crate::support::flood::Flood;
use crate::support::root;
use crate::support::server::{Server, Setup, until};

/// How long a review may take under a flood. Generous: tests share the machine.
const PATIENCE: Duration = Duration::from_secs(5);

fn review() -> Vec<u8> {
    std::fs::read(root().join("tests/reviews/pod-create-desktop.validate.json")).unwrap()
}

fn server() -> Server {
    Setup::limits(|limits| limits.max_connections = 64).start()
}

/// Sends a review on a new connection; connects again where the flood was faster. Returns how long that took.
fn on_a_new_connection(server: &Server, body: &[u8]) -> Duration {
    let start = Instant::now();
    let is_answered = until(|| {
        let connected = Client::connect(server.listen, client::config(server.roots(), &[b"http/1.1"]));
        let reply = connected.and_then(|mut client| client.send(&request("/validate", body)).and_then(|()| client.try_reply()));
        reply.is_ok_and(|reply| reply.status == 200)
    });
    assert!(is_answered);
    start.elapsed()
}

/// Sends reviews on a connection that is kept, and on new ones.
fn reviews_go_on(server: &Server, api_server: &mut Client) {
    let body = review();
    for _ in 0..10 {
        let start = Instant::now();
        assert_eq!(api_server.post("/validate", &body).status, 200);
        assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
        let took = on_a_new_connection(server, &body);
        assert!(took < PATIENCE, "{took:?}");
    }
}

fn under_a_flood(sockets: usize, first: &'static [u8], cause: &str) {
    let server = server();
    let mut api_server = server.client();
    assert_eq!(api_server.post("/validate", &review()).status, 200);
    let flood = Flood::new(server.listen, sockets, first);
    flood.is_at_work(sockets);
    reviews_go_on(&server, &mut api_server);
    drop(flood);
    assert!(server.metric(&format!("netpol_handshake_failures_total{{cause=\"{cause}\"}}")) > 0);
    assert_eq!(api_server.post("/validate", &review()).status, 200, "the same connection");
}

#[test]
fn reviews_go_on_under_silent_connections() {
    under_a_flood(400, b"", "displaced");
}

#[test]
fn reviews_go_on_under_half_handshakes() {
    under_a_flood(200, &[0x16, 0x03, 0x01, 0x02, 0x00], "displaced");
}

#[test]
fn reviews_go_on_under_idle_connections_that_completed_their_handshake() {
    let server = server();
    let body = review();
    let mut api_server = server.client();
    assert_eq!(api_server.post("/validate", &body).status, 200);
    let config = client::config(server.roots(), &[b"http/1.1"]);
    let strangers: Vec<_> = (0..150).map(|_| Client::connect(server.listen, Arc::clone(&config))).collect();
    reviews_go_on(&server, &mut api_server);
    drop(strangers);
}

#[test]
fn strangers_that_were_answered_do_not_keep_an_api_server_out() {
    let server = server();
    let body = review();
    let strangers: Vec<Client> = (0..64)
        .map(|_| {
            let mut stranger = server.client();
            assert_eq!(stranger.post("/validate", &body).status, 200);
            stranger
        })
        .collect();
    let mut api_server = server.client();
    assert_eq!(api_server.post("/validate", &body).status, 200);
    reviews_go_on(&server, &mut api_server);
    drop(strangers);
}

#[test]
fn probes_are_answered_under_a_flood_of_the_admin_port() {
    for first in [&b""[..], b"GET /livez HT", b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let server = Setup::new().start();
        let flood = Flood::new(server.admin, 400, first);
        flood.is_at_work(400);
        let mut took: Vec<Duration> = (0..20)
            .map(|_| {
                let start = Instant::now();
                assert!(until(|| client::try_get(server.admin, "/readyz").is_ok_and(|reply| reply.status == 200)));
                start.elapsed()
            })
            .collect();
        took.sort();
        assert!(took[10] < Duration::from_millis(500) && took[19] < PATIENCE, "{took:?}");
        drop(flood);
    }
}
