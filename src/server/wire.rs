//! The stream under a connection: follows the framing of what is read, and closes without losing the
//! last answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::framing::{Follower, Seen};
use super::link::Link;

/// The most that is read and thrown away after the last answer, in bytes.
const MAX_LINGER: usize = 64 << 20;

/// A stream whose bytes are looked at as they pass. Not `Debug`: it may hold bytes of a request.
pub(crate) struct Wire<S> {
    stream: S,
    link: Arc<Link>,
    /// HTTP/2 frames its messages itself.
    follower: Option<Follower>,
    seen: Seen,
    closing: Closing,
    linger: Duration,
    /// Whether nothing was there when it was read last.
    awaits: bool,
    /// Whether all that was written has gone out.
    flushed: bool,
    /// What is to be read before the stream.
    ahead: Option<Box<Ahead>>,
}

/// What was read while nobody asked, and how it ended.
struct Ahead {
    bytes: Bytes,
    /// The stream's end or error.
    end: Option<io::Result<()>>,
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
        Wire { stream, link, follower, seen: Seen::Between, closing: Closing::No, linger, awaits: false, flushed: true, ahead: None }
    }

    /// Gives back bytes that were read; they are read again. Only of a connection at rest: what it had ahead
    /// has been read then.
    pub(crate) fn give_back(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.ahead = Some(Box::new(Ahead { bytes, end: None }));
        }
    }

    fn note(&mut self, awaits: bool, flushed: bool) {
        (self.awaits, self.flushed) = (awaits, flushed);
        self.link.rests(awaits && flushed && self.seen == Seen::Between);
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

impl<S: AsyncRead + Unpin> Wire<S> {
    /// Waits until there is something to read, with a buffer of one byte.
    pub(crate) fn poll_more(&mut self, ctx: &mut Context<'_>) -> Poll<()> {
        if self.ahead.is_none() {
            let mut byte = [0];
            let mut buffer = ReadBuf::new(&mut byte);
            let read = ready!(self.poll_stream(ctx, &mut buffer));
            let bytes = Bytes::copy_from_slice(buffer.filled());
            let end = (read.is_err() || bytes.is_empty()).then_some(read);
            self.ahead = Some(Box::new(Ahead { bytes, end }));
        }
        Poll::Ready(())
    }

    /// Reads what was read before, and what has come behind it: hyper asks again only when it has looked at that.
    fn poll_ahead(&mut self, mut ahead: Box<Ahead>, ctx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if ahead.bytes.is_empty() {
            return Poll::Ready(ahead.end.unwrap_or(Ok(())));
        }
        let here = ahead.bytes.len().min(buffer.remaining());
        buffer.put_slice(&ahead.bytes.split_to(here));
        if ahead.bytes.is_empty() && ahead.end.is_none() && buffer.remaining() > 0 {
            match self.poll_stream(ctx, buffer) {
                Poll::Ready(Err(error)) => ahead.end = Some(Err(error)),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        if !ahead.bytes.is_empty() || ahead.end.is_some() {
            self.ahead = Some(ahead);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_stream(&mut self, ctx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(ctx, buffer);
        self.follow(buffer.filled().get(before..).unwrap_or_default());
        self.note(polled.is_pending(), self.flushed);
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, ctx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.ahead.take() {
            None => this.poll_stream(ctx, buffer),
            Some(ahead) => this.poll_ahead(ahead, ctx, buffer),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, ctx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.note(this.awaits, false);
        Pin::new(&mut this.stream).poll_write(ctx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(ctx);
        this.note(this.awaits, polled.is_ready());
        polled
    }

    /// Closes the writing side. A client that is still sending is then listened to for a while: closing
    /// the socket on unread bytes would reset it, and the reset would destroy the answer on its way.
    fn poll_shutdown(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.note(false, this.flushed);
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

    fn poll_write_vectored(self: Pin<&mut Self>, ctx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.note(this.awaits, false);
        Pin::new(&mut this.stream).poll_write_vectored(ctx, slices)
    }
}
