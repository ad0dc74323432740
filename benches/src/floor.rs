//! The floor: what an answer costs without a thought. The product's TLS and HTTP stack, set up as the
//! product sets it up, under a router that reads the body and answers the same bytes every time.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Response, header};
use axum::routing::post;
use bytes::Bytes;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What the product answers to the creation of a desktop: of the same length, with the same patch.
const ANSWER: &[u8] = br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"7db632e2-76b8-44bc-9d3a-83245d013ea0","allowed":true,"patchType":"JSONPatch","patch":"W3sib3AiOiJhZGQiLCJwYXRoIjoiL21ldGFkYXRhL2xhYmVscy9uZXRwb2x+MW9jdXNlciIsInZhbHVlIjoidHJ1ZSJ9XQ=="}}"#;

/// The routes of the floor.
pub fn routes() -> Router {
    let any_length = DefaultBodyLimit::disable();
    Router::new().route("/mutate", post(constant)).route("/validate", post(constant)).layer(any_length)
}

/// Reading the body is part of the floor; what was read is not looked at.
async fn constant(_body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(ANSWER));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Serves `router` at `listen`, with the certificate in `folder` (`tls.crt`, `tls.key`), until the process ends.
///
/// # Errors
/// The certificate cannot be read, or the address cannot be had.
pub fn serve(router: Router, listen: SocketAddr, folder: &Path) -> io::Result<()> {
    let tls = acceptor(folder)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async move {
        let listener = TcpListener::bind(listen).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            let (tls, router) = (tls.clone(), router.clone());
            // Who leaves in the middle of something is the load's business.
            tokio::spawn(async move { connection(tls, router, stream).await.ok() });
        }
    })
}

async fn connection(tls: TlsAcceptor, router: Router, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = tls.accept(stream).await?;
    http1::Builder::new()
        .max_buf_size(32 << 10)
        .max_header_size(8 << 10)
        .max_headers(64)
        .auto_date_header(false)
        .header_read_timeout(None::<std::time::Duration>)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await
        .map_err(io::Error::other)
}

fn acceptor(folder: &Path) -> io::Result<TlsAcceptor> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(folder.join("tls.crt")).map_err(io::Error::other)?.collect();
    let key = PrivateKeyDer::from_pem_file(folder.join("tls.key")).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]).map_err(io::Error::other)?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain.map_err(io::Error::other)?, key).map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
