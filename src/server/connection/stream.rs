//! The stream under a connection: limits what a client sends without a request, and closes without losing a refusal.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::link::Link;

/// The maximum number of bytes to discard after the last response.
const MAX_LINGER: usize = 64 << 20;

/// A stream whose received bytes are counted. Not `Debug`: it may hold bytes of a request.
pub(super) struct Stream<S> {
    inner: S,
    link: Arc<Link>,
    linger: Duration,
    closing: Closing,
}

enum Closing {
    No,
    /// The writing side is closed; this many bytes are discarded at most, until none arrives for a while.
    Lingering(usize, Pin<Box<Sleep>>),
}

impl<S> Stream<S> {
    pub(super) fn new(inner: S, link: Arc<Link>, linger: Duration) -> Stream<S> {
        Stream { inner, link, linger, closing: Closing::No }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(self: Pin<&mut Self>, ctx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(ctx, buffer);
        this.link.received(buffer.filled().len() - before);
        if this.link.is_excessive() {
            return Poll::Ready(Err(io::Error::other("the client sent too many bytes without a request")));
        }
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(self: Pin<&mut Self>, ctx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(ctx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(ctx)
    }

    /// Closes the writing side, then discards the rest of a refused body. Closing the socket while unread bytes arrive
    /// would reset the connection, and the client would lose the response. The connection is idle then, so it can be displaced.
    fn poll_shutdown(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match &mut this.closing {
                Closing::No => {
                    ready!(Pin::new(&mut this.inner).poll_shutdown(ctx))?;
                    if !this.link.has_unread_body() {
                        return Poll::Ready(Ok(()));
                    }
                    this.closing = Closing::Lingering(MAX_LINGER, Box::pin(sleep_until(Instant::now() + this.linger)));
                }
                Closing::Lingering(left, until) => {
                    let mut scratch = [0; 4096];
                    let mut buffer = ReadBuf::new(&mut scratch);
                    let Poll::Ready(read) = Pin::new(&mut this.inner).poll_read(ctx, &mut buffer) else {
                        return until.as_mut().poll(ctx).map(Ok);
                    };
                    *left = left.saturating_sub(buffer.filled().len());
                    if read.is_err() || buffer.filled().is_empty() || *left == 0 {
                        return Poll::Ready(Ok(()));
                    }
                    until.as_mut().reset(Instant::now() + this.linger);
                }
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(self: Pin<&mut Self>, ctx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(ctx, slices)
    }
}
