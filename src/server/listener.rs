//! Accepts connections, as many as there are slots.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::sleep;

use super::connection::Port;
use super::lifecycle::Stage;

/// How long accepting rests after the system refused: too many open files do not end at once.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// Listens at an address. Where that is all of IPv6 and the system has none, all of IPv4 is meant.
///
/// # Errors
/// The address is taken, or not ours.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error) if has_no_ipv6(&error) && address.is_ipv6() && address.ip().is_unspecified() => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        bound => bound,
    }
}

fn has_no_ipv6(error: &io::Error) -> bool {
    /// "Address family not supported by protocol", which the standard library has no name for.
    const EAFNOSUPPORT: i32 = 97;
    error.raw_os_error() == Some(EAFNOSUPPORT) || error.kind() == io::ErrorKind::AddrNotAvailable
}

/// Accepts until the port closes. Each connection is served in a task of its own.
pub(crate) async fn accept(listener: TcpListener, port: Arc<Port>, until: Stage) {
    let mut said = false;
    let closing = port.lifecycle.reached(until);
    tokio::pin!(closing);
    loop {
        let accepted = tokio::select! {
            () = &mut closing => return,
            // One more than there are slots is accepted, and waits here; the rest wait in the system.
            accepted = async {
                let (stream, _) = listener.accept().await?;
                Ok((stream, port.slots.take().await))
            } => accepted,
        };
        match accepted {
            Ok((stream, slot)) => {
                let port = Arc::clone(&port);
                tokio::spawn(async move {
                    port.serve(stream).await;
                    drop(slot);
                });
            }
            Err(error) if is_of_one_connection(&error) => {
                port.metrics.accept_errors.inc();
            }
            Err(error) => {
                port.metrics.accept_errors.inc();
                if !said {
                    said = true;
                    tracing::error!(port = port.name, %error, "connections cannot be accepted (said once; netpol_accept_errors_total counts)");
                }
                // An idle connection that goes frees what the next one needs.
                port.slots.relieve();
                sleep(AFTER_ERROR).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
