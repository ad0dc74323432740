//! Listens, and accepts connections without delay.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::set_ipv6_v6only;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::unconstrained;
use tokio::time::sleep;

use super::port::Port;

/// Pause after the system refused a connection, for example because too many files are open.
const AFTER_ERROR: Duration = Duration::from_millis(5);

/// The number of open files that is enough for all connections.
const OPEN_FILES: u64 = 65_536;

/// The number of connections that the system holds until they are accepted. The system may have a lower limit.
const BACKLOG: u32 = 4096;

/// Raises this process's limit on open files as far as the system allows.
pub(crate) fn raise_file_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(OPEN_FILES).min(OPEN_FILES);
    if current.is_some_and(|current| current < wanted) {
        // With the lower limit, connections are closed earlier.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
}

/// Binds a socket to an address, without listening. If the address is the IPv6 wildcard and the system has no IPv6, the
/// IPv4 wildcard is used.
///
/// # Errors
/// The address is in use, or the system does not have it.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    match bind_exactly(address) {
        Err(error) if has_no_ipv6(&error) && address.is_ipv6() && address.ip().is_unspecified() => {
            tracing::info!(%error, "this system has no IPv6: listening on 0.0.0.0:{} instead of {address}", address.port());
            bind_exactly((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        bound => bound,
    }
}

fn bind_exactly(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    if address.is_ipv6() {
        take_ipv4(&socket)?;
    }
    socket.bind(address)?;
    Ok(socket)
}

/// Makes the IPv6 wildcard address include all IPv4 addresses, whatever the default of the system (`net.ipv6.bindv6only`).
fn take_ipv4(socket: &TcpSocket) -> io::Result<()> {
    Ok(set_ipv6_v6only(socket, false)?)
}

/// Listens on a socket that was bound.
///
/// # Errors
/// Another process listens on the address.
pub(crate) fn listen(socket: TcpSocket) -> io::Result<TcpListener> {
    socket.listen(BACKLOG)
}

/// Returns whether an error of an IPv6 address means that the system has no IPv6, or not this address.
pub(crate) fn has_no_ipv6(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::AFNOSUPPORT.raw_os_error()) || error.kind() == io::ErrorKind::AddrNotAvailable
}

/// Accepts connections until the port closes. Each one is served in a task of its own; accepting never waits for them.
pub(crate) async fn accept(listener: TcpListener, port: Arc<Port>) {
    let mut is_logged = false;
    let mut closing = pin!(port.lifecycle.reached(port.until));
    loop {
        let accepted = tokio::select! {
            () = &mut closing => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => serve(&port, stream),
            Err(error) => {
                port.metrics.accept_errors.inc();
                if !is_of_one_connection(&error) {
                    if !is_logged {
                        is_logged = true;
                        tracing::error!(port = port.name, %error, "cannot accept connections (logged once; netpol_accept_errors_total counts all errors)");
                    }
                    // The end of another connection frees what the next one needs.
                    port.connections.relieve();
                    sleep(AFTER_ERROR).await;
                }
            }
        }
    }
    // The system has completed these connections: their clients would get a reset.
    for _ in 0..BACKLOG {
        let Poll::Ready(Ok((stream, _))) = unconstrained(poll_fn(|ctx| Poll::Ready(listener.poll_accept(ctx)))).await else { break };
        serve(&port, stream);
    }
}

fn serve(port: &Arc<Port>, stream: TcpStream) {
    let ticket = port.connections.admit();
    tokio::spawn(Arc::clone(port).serve(stream, ticket));
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use rustix::net::sockopt::ipv6_v6only;

    use super::*;

    #[tokio::test]
    async fn a_socket_takes_ipv4_even_if_the_system_defaults_to_ipv6_only() {
        let Ok(socket) = TcpSocket::new_v6() else { return };
        set_ipv6_v6only(&socket, true).unwrap();
        take_ipv4(&socket).unwrap();
        assert!(!ipv6_v6only(&socket).unwrap());
    }
}
