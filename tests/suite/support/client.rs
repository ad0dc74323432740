//! A client that sends the bytes of a request unchanged, so that tests can send invalid requests.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};

use super::server::SOON;

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: StreamOwned<ClientConnection, TcpStream>,
    /// Bytes that were read and belong to the next response.
    rest: Vec<u8>,
}

/// One response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns whether the server closes the connection after this response.
    pub(crate) fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

/// Returns a configuration with trusted CAs and ALPN protocols.
pub(crate) fn config(roots: RootCertStore, protocols: &[&[u8]]) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

/// Returns the head and the body of a request with a review.
pub(crate) fn request(path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nHost: netpol\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

impl Client {
    /// Connects and completes the handshake.
    pub(crate) fn connect(to: SocketAddr, config: Arc<ClientConfig>) -> io::Result<Client> {
        let socket = TcpStream::connect(to)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(SOON))?;
        socket.set_write_timeout(Some(SOON))?;
        let session = ClientConnection::new(config, ServerName::try_from("localhost").unwrap()).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(session, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Client { stream, rest: Vec::new() })
    }

    /// Sends bytes unchanged.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Sends a review and reads its response.
    pub(crate) fn post(&mut self, path: &str, body: &[u8]) -> Reply {
        self.send(&request(path, body)).unwrap();
        self.reply()
    }

    /// Reads a response.
    pub(crate) fn reply(&mut self) -> Reply {
        self.try_reply().unwrap_or_else(|error| panic!("no response: {error}"))
    }

    /// Reads a response; an error if the connection ends before.
    pub(crate) fn try_reply(&mut self) -> io::Result<Reply> {
        read_reply(&mut self.stream, &mut self.rest)
    }

    /// Waits until the server closes the connection without sending more bytes, and returns the time it took.
    pub(crate) fn closed_after(&mut self) -> Duration {
        let start = Instant::now();
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(0) => {}
            Ok(_) => panic!("the server sent a byte: {:?}", char::from(byte[0])),
            Err(error) => {
                assert!(!matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "the server does not close");
            }
        }
        start.elapsed()
    }

    /// Returns whether the connection resumed the session of an earlier one.
    pub(crate) fn is_resumed(&self) -> bool {
        self.stream.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }
}

/// Reads a path of the admin port.
pub(crate) fn get(from: SocketAddr, path: &str) -> Reply {
    try_get(from, path).unwrap()
}

/// Reads a path of the admin port, if the server answers.
pub(crate) fn try_get(from: SocketAddr, path: &str) -> io::Result<Reply> {
    let mut socket = TcpStream::connect(from)?;
    socket.set_read_timeout(Some(SOON))?;
    write!(socket, "GET {path} HTTP/1.1\r\nHost: netpol\r\nConnection: close\r\n\r\n")?;
    read_reply(&mut socket, &mut Vec::new())
}

/// Reads a response with a length. `rest` contains bytes that were read before, and afterwards bytes of the next response.
pub(crate) fn read_reply(stream: &mut impl Read, rest: &mut Vec<u8>) -> io::Result<Reply> {
    let head_end = loop {
        if let Some(at) = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, rest)?;
    };
    let head = String::from_utf8(rest.drain(..head_end).collect()).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> =
        lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut reply = Reply { status, headers, body: Vec::new() };
    let length: usize = if status == 100 { 0 } else { reply.header("content-length").expect("a length").parse().unwrap() };
    while rest.len() < length {
        more(stream, rest)?;
    }
    reply.body = rest.drain(..length).collect();
    Ok(reply)
}

fn more(stream: &mut impl Read, rest: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 16 << 10];
    match stream.read(&mut buffer)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => {
            rest.extend_from_slice(&buffer[..count]);
            Ok(())
        }
    }
}
