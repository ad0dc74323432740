//! A client of HTTP/2.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::client;

/// Sends requests side by side over one connection, and answers statuses and bodies.
pub(super) fn exchange(to: SocketAddr, roots: RootCertStore, requests: &[(&str, Vec<u8>)]) -> Vec<(u16, Vec<u8>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let connector = TlsConnector::from(Arc::clone(&client::config(roots, &[b"h2"])));
        let stream = connector.connect(ServerName::try_from("localhost").unwrap(), TcpStream::connect(to).await.unwrap()).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let mut sender = sender.ready().await.unwrap();
        let mut waiting = Vec::new();
        for (path, body) in requests {
            let request =
                axum::http::Request::post(format!("https://localhost{path}")).header("content-type", "application/json").body(()).unwrap();
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
