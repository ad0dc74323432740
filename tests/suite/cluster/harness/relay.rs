//! A TCP relay in front of the API server, which can be cut or hang as a network does.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::api::RUNTIME;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// It forwards.
    Works,
    /// Connections are closed, and new ones too.
    IsCut,
    /// Connections stay open, and nothing arrives. When the network works again, they are closed.
    Hangs,
}

/// A relay. It runs until the end of the run.
pub(crate) struct Relay {
    pub(crate) port: u16,
    network: watch::Sender<Network>,
}

impl Relay {
    /// Starts a relay to a port on loopback.
    pub(crate) fn start(backend: u16) -> io::Result<Relay> {
        let listener = RUNTIME.block_on(TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))?;
        let port = listener.local_addr()?.port();
        let (network, state) = watch::channel(Network::Works);
        RUNTIME.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, backend, state.clone()));
            }
        });
        Ok(Relay { port, network })
    }

    pub(crate) fn set(&self, network: Network) {
        self.network.send_replace(network);
    }
}

/// Relays a connection. It never continues after a disturbance, as bytes may be lost.
async fn relay(mut client: TcpStream, backend: u16, mut network: watch::Receiver<Network>) -> io::Result<()> {
    let mut backend = TcpStream::connect((Ipv4Addr::LOCALHOST, backend)).await?;
    if *network.borrow() == Network::Works {
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut client, &mut backend) => return Ok(()),
            _ = network.wait_for(|network| *network != Network::Works) => {}
        }
    }
    let _ = network.wait_for(|network| *network != Network::Hangs).await;
    Ok(())
}
