//! The TLS handshake, and why it failed.

use std::io;
use std::time::Instant;

use rustls::Error;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::server::metrics::Word;
use crate::server::tls::{Tls, is_rejection};

/// The number of bytes that one read requests from the system: about one TLS record of maximum size. rustls requests 4 KiB.
const SOCKET_BUFFER: usize = 16 << 10;

/// Completes a handshake.
///
/// # Errors
/// The cause, for the metrics.
pub(super) async fn handshake(tls: &Tls, stream: TcpStream) -> Result<TlsStream<BufReader<TcpStream>>, Word> {
    let stream = BufReader::with_capacity(SOCKET_BUFFER, stream);
    tls.acceptor().accept(stream).await.map_err(|error| {
        let error = tls_error(&error);
        if let Some(Error::AlertReceived(alert)) = error
            && is_rejection(*alert)
        {
            tls.rejected(*alert, Instant::now());
        }
        cause(error)
    })
}

/// Returns the error of the TLS library; `None` if the connection ended.
fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Error>())
}

fn cause(error: Option<&Error>) -> Word {
    match error {
        Some(Error::InvalidMessage(_)) => "not_tls",
        Some(Error::NoCertificatesPresented) => "no_client_certificate",
        Some(Error::InvalidCertificate(_)) => "client_certificate",
        Some(Error::AlertReceived(alert)) if is_rejection(*alert) => "certificate_refused",
        Some(Error::AlertReceived(_)) => "alert",
        Some(Error::PeerIncompatible(_)) => "incompatible",
        Some(_) => "tls",
        None => "vanished",
    }
}

#[cfg(test)]
mod tests {
    use rustls::AlertDescription;

    use super::*;

    #[test]
    fn a_client_that_rejects_the_certificate_is_a_cause_of_its_own() {
        let of = |alert: AlertDescription| {
            let error = io::Error::new(io::ErrorKind::InvalidData, Error::AlertReceived(alert));
            cause(tls_error(&error))
        };
        for alert in [AlertDescription::BadCertificate, AlertDescription::UnknownCA, AlertDescription::CertificateExpired] {
            assert_eq!(of(alert), "certificate_refused");
        }
        assert_eq!(of(AlertDescription::HandshakeFailure), "alert");
        assert_eq!(cause(tls_error(&io::ErrorKind::UnexpectedEof.into())), "vanished");
    }
}
