//! HTTP/2: a client, and what a client that misuses the protocol can do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::bodies::length;
use crate::support::client::{self, Client};
use crate::support::server::{SOON, Server, Setup};

type Connection = h2::client::Connection<tokio_rustls::client::TlsStream<TcpStream>, Bytes>;

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

async fn connect(to: SocketAddr, roots: RootCertStore) -> (h2::client::SendRequest<Bytes>, Connection) {
    let connector = TlsConnector::from(Arc::clone(&client::config(roots, &[b"h2"])));
    let socket = TcpStream::connect(to).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let stream = connector.connect(ServerName::try_from("localhost").unwrap(), socket).await.unwrap();
    h2::client::handshake(stream).await.unwrap()
}

fn post(path: &str) -> axum::http::request::Builder {
    axum::http::Request::post(format!("https://localhost{path}")).header("content-type", "application/json")
}

/// Sends requests side by side over one connection; returns statuses and bodies.
pub(super) fn exchange(to: SocketAddr, roots: RootCertStore, requests: &[(&str, Vec<u8>)]) -> Vec<(u16, Vec<u8>)> {
    run(async {
        let (sender, connection) = connect(to, roots).await;
        tokio::spawn(connection);
        let mut sender = sender.ready().await.unwrap();
        let mut waiting = Vec::new();
        for (path, body) in requests {
            let request = post(path).header("content-length", body.len()).body(()).unwrap();
            let (response, mut sending) = sender.send_request(request, false).unwrap();
            sending.send_data(Bytes::from(body.clone()), true).unwrap();
            waiting.push(response);
        }
        let mut replies = Vec::new();
        for response in waiting {
            let (head, mut body) = response.await.unwrap().into_parts();
            let mut all = Vec::new();
            while let Some(part) = body.data().await {
                all.extend_from_slice(&part.unwrap());
            }
            replies.push((head.status.as_u16(), all));
        }
        replies
    })
}

/// Opens `streams` streams on each of `connections`, with heads of `head` bytes and bodies that never end, until `look`
/// returns true.
pub(super) fn open_streams(to: SocketAddr, roots: &RootCertStore, [connections, streams, head]: [usize; 3], look: impl Fn() -> bool) {
    run(async {
        let mut open = Vec::new();
        for _ in 0..connections {
            let (sender, connection) = connect(to, roots.clone()).await;
            tokio::spawn(connection);
            let mut sender = sender.ready().await.unwrap();
            // The settings of the server arrive with the first response.
            let (response, _) = sender.send_request(post("/elsewhere").body(()).unwrap(), true).unwrap();
            let _ = response.await;
            for _ in 0..streams {
                let request = post("/validate?timeout=30s").header("content-length", "300").header("x", "x".repeat(head)).body(()).unwrap();
                open.push(sender.send_request(request, false).unwrap());
            }
        }
        let start = std::time::Instant::now();
        while !look() {
            assert!(start.elapsed() < SOON, "the streams are not open");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop(open);
    });
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A client that writes frames itself.
fn raw(server: &Server) -> Client {
    let mut client = Client::connect(server.listen, client::config(server.roots(), &[b"h2"])).unwrap();
    client.send(&[&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, &[])].concat()).unwrap();
    client
}

/// The head of a review whose body is to follow.
fn headers() -> Vec<u8> {
    let mut block = vec![0x83, 0x87];
    for (name, value) in [(&[0x04][..], "/validate?timeout=30s"), (&[0x01], "localhost"), (&[0x0f, 0x10], "application/json")] {
        block.extend_from_slice(name);
        block.push(u8::try_from(value.len()).unwrap());
        block.extend_from_slice(value.as_bytes());
    }
    frame(1, 4, 1, &block)
}

#[test]
fn control_frames_without_end_end_the_connection() {
    let priority = frame(2, 0, 3, &[0, 0, 0, 0, 7]).repeat(1000);
    let ping = frame(6, 0, 0, &[0; 8]).repeat(1000);
    for (count, begun, flood) in [(1, Vec::new(), &priority), (2, headers(), &priority), (3, Vec::new(), &ping)] {
        let server = Setup::new().judge(length).start();
        let mut client = raw(&server);
        client.send(&begun).unwrap();
        let is_over = (0..1000).any(|_| client.send(flood).is_err());
        assert!(is_over, "{count}: ten megabytes were accepted");
        server.until_metric("netpol_connections{port=\"reviews\"}", 0);
        assert_eq!(server.metric("netpol_connections_closed_total{cause=\"excess\"}"), 1, "{count}");
    }
}

#[test]
fn a_body_of_any_size_is_no_excess() {
    let server = Setup::new().judge(length).start();
    let replies = exchange(server.listen, server.roots(), &[("/validate", vec![b' '; 16 << 20]), ("/validate", vec![b' '; 300])]);
    assert_eq!(replies, [(200, b"16777216".to_vec()), (200, b"300".to_vec())]);
}

#[test]
fn a_list_of_headers_has_a_limit() {
    let server = Setup::new().judge(length).start();
    let status = run(async {
        let (sender, connection) = connect(server.listen, server.roots()).await;
        tokio::spawn(connection);
        let request = post("/validate").header("x", "x".repeat(9_000)).body(()).unwrap();
        let (response, _) = sender.ready().await.unwrap().send_request(request, true).unwrap();
        response.await.map(|response| response.status().as_u16())
    });
    assert!(matches!(status, Ok(431) | Err(_)), "{status:?}");
    assert_eq!(server.client().post("/validate", b"{}").status, 200);
}
