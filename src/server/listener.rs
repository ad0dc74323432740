//! Accepts connections, as many as there are slots.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::sleep;

use super::connection::Port;
use super::slots::Slot;

/// How long accepting rests after the system refused: too many open files do not end at once.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// How many connections the system keeps that were not accepted yet.
const BACKLOG: u32 = 1024;

/// Takes an address, without listening yet. Where that is all of IPv6 and the system has none, all of IPv4
/// is meant.
///
/// # Errors
/// The address is taken, or not ours.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    match bind_exactly(address) {
        Err(error) if has_no_ipv6(&error) && address.is_ipv6() && address.ip().is_unspecified() => {
            bind_exactly((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        bound => bound,
    }
}

fn bind_exactly(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Listens at an address that was taken.
///
/// # Errors
/// Somebody else listens there.
pub(crate) fn listen(socket: TcpSocket) -> io::Result<TcpListener> {
    socket.listen(BACKLOG)
}

fn has_no_ipv6(error: &io::Error) -> bool {
    /// "Address family not supported by protocol", which the standard library has no name for.
    const EAFNOSUPPORT: i32 = 97;
    error.raw_os_error() == Some(EAFNOSUPPORT) || error.kind() == io::ErrorKind::AddrNotAvailable
}

/// Accepts until the port closes. Each connection is served in a task of its own.
pub(crate) async fn accept(listener: TcpListener, port: Arc<Port>) {
    let mut said = false;
    let mut closing = pin!(port.lifecycle.reached(port.until));
    loop {
        let accepted = tokio::select! {
            () = &mut closing => break,
            // One more than there are slots is accepted, and waits here; the rest wait in the system.
            accepted = async {
                let (stream, _) = listener.accept().await?;
                Ok((stream, port.slots.take().await))
            } => accepted,
        };
        match accepted {
            Ok((stream, slot)) => serve(&port, stream, slot),
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
    // Whoever is connected as far as the system is concerned would be reset when it closes.
    while let Some(slot) = port.slots.try_take()
        && let Poll::Ready(Ok((stream, _))) = poll_fn(|ctx| Poll::Ready(listener.poll_accept(ctx))).await
    {
        serve(&port, stream, slot);
    }
}

fn serve(port: &Arc<Port>, stream: TcpStream, slot: Slot) {
    let port = Arc::clone(port);
    tokio::spawn(async move {
        port.serve(stream).await;
        drop(slot);
    });
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
