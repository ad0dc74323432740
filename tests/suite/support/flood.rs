//! A flood of connections from one address.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::server::until;

/// Holds sockets that send the same first bytes, and opens another for each that is closed.
pub(crate) struct Flood {
    stop: Arc<AtomicBool>,
    opened: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    pub(crate) fn new(to: SocketAddr, sockets: usize, first: &'static [u8]) -> Flood {
        let (stop, opened) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&opened));
        let thread = std::thread::spawn(move || {
            let open = || {
                let mut socket = TcpStream::connect(to).ok()?;
                count.fetch_add(1, Ordering::Relaxed);
                socket.write_all(first).ok()?;
                socket.set_nonblocking(true).ok()?;
                Some(socket)
            };
            let mut all: Vec<Option<TcpStream>> = Vec::new();
            all.resize_with(sockets, || None);
            while !stopped.load(Ordering::Relaxed) {
                for socket in &mut all {
                    let is_open = socket.as_mut().is_some_and(|socket| {
                        let read = socket.read(&mut [0; 64]);
                        matches!(read, Ok(1..)) || read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
                    });
                    if !is_open {
                        *socket = open();
                    }
                }
                std::thread::park_timeout(Duration::from_millis(1));
            }
        });
        Flood { stop, opened, thread: Some(thread) }
    }

    /// Waits until the flood has made others leave.
    pub(crate) fn is_at_work(&self, sockets: usize) {
        assert!(until(|| self.opened.load(Ordering::Relaxed) > sockets * 2), "nothing was displaced");
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
