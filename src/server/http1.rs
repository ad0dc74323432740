//! An HTTP/1.1 connection, which holds no buffers while it is idle and there are many.
//!
//! hyper keeps 24 KiB a connection or more, whether anything is under way or not. A new connection of hyper's
//! starts with small buffers, and so reads a body of 14 kB in two parts, which takes a tenth longer. Therefore
//! hyper keeps connections while there are as few as an API server opens. Where there are more, one that has
//! answered and waits is taken from hyper, and given to it again when its next byte comes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::{Answers, Port, READ_BUFFER};
use super::supervisor::Served;
use super::turns::Turns;
use super::wire::Wire;

/// A connection, with hyper or without.
pub(crate) struct Http1<'p, S> {
    state: State<S>,
    answers: Answers,
    port: &'p Port,
    turns: Turns,
    /// Whether it was told to end: hyper then knows how.
    ends: bool,
}

type Conn<S> = http1::Connection<TokioIo<Wire<S>>, Answers>;

enum State<S> {
    Awake(Box<Conn<S>>),
    Asleep(Box<Wire<S>>),
    /// In between.
    Gone,
}

impl<'p, S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Http1<'p, S> {
    pub(crate) fn new(wire: Wire<S>, answers: Answers, port: &'p Port) -> Http1<'p, S> {
        Http1 { state: State::Asleep(Box::new(wire)), answers, port, turns: Turns::default(), ends: false }
    }

    fn wake(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Gone) {
            State::Asleep(wire) => awake(*wire, &self.answers),
            state => state,
        };
    }

    /// Takes an idle connection from hyper.
    fn fall_asleep(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Gone) {
            State::Awake(connection) => {
                let parts = connection.into_parts();
                let mut wire = parts.io.into_inner();
                wire.give_back(parts.read_buf);
                State::Asleep(Box::new(wire))
            }
            state => state,
        };
    }

    fn may_sleep(&self) -> bool {
        self.answers.link().is_at_rest() && !self.ends && self.port.slots.used() > self.port.limits.warm_connections
    }
}

fn awake<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(wire: Wire<S>, answers: &Answers) -> State<S> {
    let connection = http1::Builder::new()
        .max_buf_size(READ_BUFFER as usize)
        .auto_date_header(false)
        // The supervisor tells connections that are late from those that are idle.
        .header_read_timeout(None::<Duration>)
        .serve_connection(TokioIo::new(wire), answers.clone());
    State::Awake(Box::new(connection))
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Future for Http1<'_, S> {
    type Output = hyper::Result<()>;

    fn poll(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        // Once asleep and awake again, it stays so until something new happens.
        let mut has_slept = false;
        loop {
            match &mut this.state {
                State::Awake(connection) => {
                    let polled = this.turns.poll(ctx, |ctx| Pin::new(&mut **connection).poll(ctx));
                    if polled.is_ready() || has_slept || !this.may_sleep() {
                        return polled;
                    }
                    this.fall_asleep();
                    has_slept = true;
                }
                State::Asleep(wire) => {
                    ready!(wire.poll_more(ctx));
                    this.wake();
                }
                State::Gone => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Served for Http1<'_, S> {
    fn end(self: Pin<&mut Self>) {
        let this = self.get_mut();
        this.ends = true;
        this.wake();
        if let State::Awake(connection) = &mut this.state {
            Pin::new(&mut **connection).graceful_shutdown();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::time::SystemTime;

    use axum::Router;
    use axum::routing::post;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::super::lifecycle::{Lifecycle, Stage};
    use super::super::limits::Limits;
    use super::super::link::Link;
    use super::super::metrics::Metrics;
    use super::super::slots::Slots;
    use super::*;

    /// A port with two connections, which answers with what it is sent.
    fn port(warm_connections: usize) -> Port {
        let slots = Arc::new(Slots::new(9));
        std::mem::forget([slots.try_take(), slots.try_take()]);
        Port {
            name: "test",
            until: Stage::Over,
            tls: None,
            asks_clients: false,
            router: Router::new().route("/", post(async |body: String| body)),
            slots,
            limits: Limits { warm_connections, ..Limits::default() },
            metrics: Arc::new(Metrics::new(SystemTime::now())),
            lifecycle: Arc::new(Lifecycle::new()),
        }
    }

    /// Polls a connection as often as it is woken at once; answers whether it has ended.
    async fn turn(http1: &mut Http1<'_, DuplexStream>) -> bool {
        let mut over = false;
        for _ in 0..50 {
            over |= !over && poll_fn(|ctx| Poll::Ready(Pin::new(&mut *http1).poll(ctx).is_ready())).await;
            tokio::task::yield_now().await;
        }
        over
    }

    fn run(warm_connections: usize, answer_fits: usize, test: impl AsyncFnOnce(&mut Http1<'_, DuplexStream>, DuplexStream)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let port = port(warm_connections);
            let (client, server) = duplex(answer_fits);
            let link = Arc::new(Link::new(true, false));
            let wire = Wire::new(server, Arc::clone(&link), Duration::ZERO);
            test(&mut Http1::new(wire, port.answers(link), &port), client).await;
        });
    }

    fn is_asleep(http1: &Http1<'_, DuplexStream>) -> bool {
        matches!(http1.state, State::Asleep(_))
    }

    const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody";

    async fn answers(client: &mut DuplexStream, count: usize) {
        let mut all = Vec::new();
        while String::from_utf8_lossy(&all).matches("\r\n\r\nbody").count() < count {
            assert_ne!(client.read_buf(&mut all).await.unwrap(), 0);
        }
        assert!(all.ends_with(b"body"));
    }

    #[test]
    fn where_connections_are_many_one_sleeps_whenever_it_is_idle() {
        run(1, 1 << 20, async |http1, mut client| {
            assert!(!turn(http1).await && is_asleep(http1));
            for count in [1, 1, 3, 40] {
                client.write_all(&REQUEST.repeat(count)).await.unwrap();
                assert!(!turn(http1).await);
                answers(&mut client, count).await;
                assert!(is_asleep(http1), "after {count}");
            }
            drop(client);
            assert!(turn(http1).await);
        });
    }

    #[test]
    fn where_connections_are_few_none_sleeps_that_has_said_something() {
        run(2, 1 << 20, async |http1, mut client| {
            for _ in 0..3 {
                client.write_all(REQUEST).await.unwrap();
                assert!(!turn(http1).await);
                answers(&mut client, 1).await;
                assert!(!is_asleep(http1));
            }
        });
    }

    #[test]
    fn none_sleeps_in_the_middle_of_a_message() {
        run(0, 1 << 20, async |http1, mut client| {
            for _ in 0..3 {
                for (place, byte) in REQUEST.iter().enumerate() {
                    client.write_all(&[*byte]).await.unwrap();
                    assert!(!turn(http1).await);
                    assert_eq!(is_asleep(http1), place + 1 == REQUEST.len(), "byte {place}");
                }
                answers(&mut client, 1).await;
            }
        });
    }

    #[test]
    fn none_sleeps_before_its_answer_has_gone_out() {
        run(0, 20, async |http1, mut client| {
            for _ in 0..2 {
                for piece in REQUEST.chunks(20) {
                    client.write_all(piece).await.unwrap();
                    assert!(!turn(http1).await && !is_asleep(http1));
                }
                let mut answer = Vec::new();
                while !answer.ends_with(b"\r\n\r\nbody") {
                    assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0);
                    assert!(!turn(http1).await);
                }
                assert!(is_asleep(http1));
            }
        });
    }

    #[test]
    fn blank_lines_between_messages_are_read_as_ever() {
        run(0, 1 << 20, async |http1, mut client| {
            for _ in 0..3 {
                client.write_all(REQUEST).await.unwrap();
                client.write_all(b"\r\n").await.unwrap();
                assert!(!turn(http1).await);
                client.write_all(b"\r\n").await.unwrap();
                assert!(!turn(http1).await);
                answers(&mut client, 1).await;
            }
        });
    }

    #[test]
    fn one_that_sleeps_ends_when_it_is_told_to() {
        run(0, 1 << 20, async |http1, mut client| {
            client.write_all(REQUEST).await.unwrap();
            assert!(!turn(http1).await && is_asleep(http1));
            Pin::new(&mut *http1).end();
            assert!(turn(http1).await);
            let mut all = Vec::new();
            client.read_to_end(&mut all).await.unwrap();
            assert!(all.ends_with(b"\r\n\r\nbody"));
        });
    }
}
