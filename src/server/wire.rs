//! The stream under a connection: follows the framing of what is read, and closes without losing the
//! last answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::framing::{Follower, Seen};
use super::link::Link;

/// The most that is read and thrown away after the last answer, in bytes.
const MAX_LINGER: usize = 64 << 20;

/// A stream whose bytes are looked at as they pass.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    link: Arc<Link>,
    /// HTTP/2 frames its messages itself.
    follower: Option<Follower>,
    seen: Seen,
    closing: Closing,
    linger: Duration,
}

#[derive(Debug)]
enum Closing {
    No,
    /// The writing side is closed; so many bytes may still be thrown away, and so long.
    Lingering(usize, Pin<Box<Sleep>>),
}

impl<S> Wire<S> {
    /// Wraps a stream. `linger`: how long a client is listened to that was still sending when it was answered.
    pub(crate) fn new(stream: S, link: Arc<Link>, linger: Duration) -> Wire<S> {
        let follower = link.http1.then(Follower::new);
        Wire { stream, link, follower, seen: Seen::Between, closing: Closing::No, linger }
    }

    fn follow(&mut self, bytes: &[u8]) {
        let Some(follower) = &mut self.follower else { return };
        if bytes.is_empty() {
            return;
        }
        self.seen = follower.feed(bytes, self.seen);
        self.link.head_under_way(self.seen == Seen::PartOfHead);
        match self.seen {
            Seen::TwoLengths => self.link.saw_two_lengths(),
            Seen::Last => self.link.saw_last(),
            Seen::Between | Seen::PartOfHead | Seen::PartOfBody => {}
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, ctx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(ctx, buffer))?;
        this.follow(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, ctx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(ctx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(ctx)
    }

    /// Closes the writing side. A client that is still sending is then listened to for a while: closing
    /// the socket on unread bytes would reset it, and the reset would destroy the answer on its way.
    fn poll_shutdown(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match &mut this.closing {
                Closing::No => {
                    ready!(Pin::new(&mut this.stream).poll_shutdown(ctx))?;
                    if matches!(this.seen, Seen::Between | Seen::PartOfHead) {
                        return Poll::Ready(Ok(()));
                    }
                    this.closing = Closing::Lingering(MAX_LINGER, Box::pin(sleep_until(Instant::now() + this.linger)));
                }
                Closing::Lingering(left, until) => {
                    let mut scratch = [0; 4096];
                    let mut buffer = ReadBuf::new(&mut scratch);
                    let read = Pin::new(&mut this.stream).poll_read(ctx, &mut buffer);
                    let more = match read {
                        Poll::Pending => {
                            ready!(until.as_mut().poll(ctx));
                            false
                        }
                        Poll::Ready(Ok(())) => !buffer.filled().is_empty() && Instant::now() < until.deadline(),
                        Poll::Ready(Err(_)) => false,
                    };
                    *left = left.saturating_sub(buffer.filled().len());
                    if !more || *left == 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, ctx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(ctx, slices)
    }
}
