//! The end of a wire: a pod, or what is outside of the cluster. It serves every port that is asked, and asks others.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::time::timeout;

use netpol::analysis::PortSet;

use super::namespace::NetworkNamespace;

/// A port of TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Port {
    udp: bool,
    number: u16,
}

/// Returns a TCP port.
pub(super) const fn tcp(number: u16) -> Port {
    Port { udp: false, number }
}

/// Returns a UDP port.
pub(super) const fn udp(number: u16) -> Port {
    Port { udp: true, number }
}

impl Port {
    /// Returns the set with this port only.
    pub(super) fn set(self) -> PortSet {
        PortSet::one(if self.udp { "UDP" } else { "TCP" }, self.number).expect("a port")
    }
}

impl fmt::Display for Port {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", if self.udp { "UDP" } else { "TCP" }, self.number)
    }
}

/// A pod, or what is outside of the cluster.
pub(super) struct Host {
    /// The namespace and the name of a pod; none for what is outside.
    pub(super) pod: Option<(String, String)>,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) network: NetworkNamespace,
}

impl Host {
    /// Returns the name that its servers give to clients.
    pub(super) fn name(&self) -> String {
        self.pod.as_ref().map_or("outside".to_owned(), |(namespace, name)| format!("{namespace}/{name}"))
    }

    /// Listens on ports of all its addresses. A closed port and some network plugins give clients the same answer, so every port
    /// that is asked has a server.
    pub(super) fn serve(&self, ports: &[Port]) {
        let (ports, addresses, name) = (ports.to_vec(), self.addresses.clone(), self.name());
        let (sender, receiver) = mpsc::channel();
        self.network.runtime().spawn(async move { sender.send(listen(&ports, &addresses, &name.into()).await) });
        receiver.recv().expect("a thread that runs").unwrap_or_else(|error| panic!("{} cannot listen: {error}", self.name()));
    }
}

async fn listen(ports: &[Port], addresses: &[IpAddr], name: &Arc<str>) -> io::Result<()> {
    for address in addresses {
        for port in ports {
            let (place, name) = (SocketAddr::new(*address, port.number), Arc::clone(name));
            if port.udp {
                let socket = UdpSocket::bind(place).await?;
                tokio::spawn(async move {
                    while let Ok((_, client)) = socket.recv_from(&mut [0; 16]).await {
                        let _ = socket.send_to(name.as_bytes(), client).await;
                    }
                });
            } else {
                let listener = TcpListener::bind(place).await?;
                tokio::spawn(async move {
                    while let Ok((mut client, _)) = listener.accept().await {
                        let _ = client.write_all(name.as_bytes()).await;
                    }
                });
            }
        }
    }
    Ok(())
}

/// Returns the name of the server that answers at an address, or an error if none does in time. Whether a network plugin drops or
/// refuses a packet makes no difference. Runs in the network namespace of the client, whose address is `from`.
pub(super) async fn ask(from: IpAddr, to: IpAddr, port: Port, time: Duration) -> io::Result<String> {
    let (from, to) = (SocketAddr::new(from, 0), SocketAddr::new(to, port.number));
    let exchange = async {
        let mut answer = [0; 256];
        let length = if port.udp {
            let socket = UdpSocket::bind(from).await?;
            socket.connect(to).await?;
            loop {
                socket.send(b"who is there?").await?;
                // Nobody sends a lost datagram again.
                if let Ok(received) = timeout(time / 3, socket.recv(&mut answer)).await {
                    break received?;
                }
            }
        } else {
            let socket = if from.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.bind(from)?;
            socket.connect(to).await?.read(&mut answer).await?
        };
        Ok(String::from_utf8_lossy(answer.get(..length).unwrap_or_default()).into_owned())
    };
    timeout(time, exchange).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
