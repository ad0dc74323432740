//! Ends a connection when its time has come: late, idle for too long, wanted for another, or shut down.
//!
//! Waiting for all of that costs a request a few loads: what others may ask of this connection is
//! looked at only where a flag says that they do, and the timer is set again only when it rings or is
//! set too late.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::server::graceful::GracefulConnection;
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until};

use super::connection::Port;
use super::lifecycle::Stage;
use super::link::{Doing, Link};

/// How long an idle connection that was told to end may take to close, beyond the time for lingering.
const TO_CLOSE: Duration = Duration::from_secs(2);

/// A connection of either protocol.
pub(crate) trait Served: Future<Output = hyper::Result<()>> {
    /// Tells it to end after what is under way.
    fn end(self: Pin<&mut Self>);
}

impl<C: GracefulConnection<Error = hyper::Error>> Served for C {
    fn end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Serves a connection to its end and answers why it ended: a name for the metrics.
pub(crate) async fn supervise<C: Served>(connection: Pin<&mut C>, port: &Port, link: &Link) -> &'static str {
    let mut timer = pin!(sleep_until(Instant::now() + port.limits.header_timeout));
    let mut supervisor = Supervisor::new(connection, port, link);
    poll_fn(|ctx| {
        loop {
            let due = match supervisor.poll(ctx) {
                Next::Over(cause) => return Poll::Ready(cause),
                Next::LookAt(due) => due,
            };
            if due < timer.deadline() {
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(ctx).is_pending() {
                return Poll::Pending;
            }
            timer.as_mut().reset(due);
        }
    })
    .await
}

/// Something that others may do, for which this connection's task is then woken.
type Awaited<'c> = Pin<Box<dyn Future<Output = ()> + Send + 'c>>;

struct Supervisor<'c, C> {
    connection: Pin<&'c mut C>,
    port: &'c Port,
    link: &'c Link,
    /// The stage that was seen last, and the one behind it. That is polled only where the stage has
    /// become another: polling takes a lock that all connections share.
    stage: Option<(Stage, Awaited<'c>)>,
    /// There while the connection has been idle for long enough to make way for another.
    wanted: Option<Awaited<'c>>,
    /// Why it was told to end, and by when it must have.
    ending: Option<(&'static str, Instant)>,
}

enum Next {
    Over(&'static str),
    LookAt(Instant),
}

impl<'c, C: Served> Supervisor<'c, C> {
    fn new(connection: Pin<&'c mut C>, port: &'c Port, link: &'c Link) -> Supervisor<'c, C> {
        Supervisor { connection, port, link, stage: None, wanted: None, ending: None }
    }

    fn poll(&mut self, ctx: &mut Context<'_>) -> Next {
        loop {
            if let Poll::Ready(result) = self.connection.as_mut().poll(ctx) {
                return Next::Over(self.ending.map_or_else(|| end_of(&result), |(cause, _)| cause));
            }
            let stage = self.stage(ctx);
            if stage == Stage::Over {
                return Next::Over("shutdown");
            }
            let now = Instant::now();
            let doing = self.link.doing();
            if self.must_go(stage, doing) && self.end("shutdown", now) {
                continue;
            }
            return match (self.ending, doing) {
                // Finishing a request takes as long as its deadline says.
                (_, Doing::Busy) => {
                    self.wanted = None;
                    Next::LookAt(now + self.port.limits.idle_settle)
                }
                (Some((cause, by)), _) if now >= by => Next::Over(cause),
                (Some((_, by)), _) => Next::LookAt(by),
                (None, Doing::Nothing(since) | Doing::Head(since)) => {
                    let since = Instant::from_std(since);
                    let due = since + self.port.limits.header_timeout;
                    if now >= due {
                        return Next::Over("late_head");
                    }
                    // Whoever has said nothing yet is in the way of others as one is who has nothing more to say.
                    match self.idle(since, now, ctx) {
                        Some(cause) => Next::Over(cause),
                        None if self.wanted.is_some() => Next::LookAt(due),
                        None => Next::LookAt(due.min(since + self.port.limits.idle_settle)),
                    }
                }
                (None, Doing::Idle(since)) => match self.idle(Instant::from_std(since), now, ctx) {
                    Some(cause) if self.end(cause, now) => continue,
                    _ if self.wanted.is_some() => Next::LookAt(Instant::from_std(since) + self.port.limits.idle_timeout),
                    _ => Next::LookAt(Instant::from_std(since) + self.port.limits.idle_settle),
                },
            };
        }
    }

    /// Answers whether the server's end is this connection's. HTTP/2 can tell a client at any time which of
    /// its requests will be answered; HTTP/1.1 only in an answer. So there an idle connection stays until
    /// its port closes, and one whose first request is still on its way is answered even then.
    fn must_go(&self, stage: Stage, doing: Doing) -> bool {
        if self.link.http1 { stage >= self.port.until && matches!(doing, Doing::Idle(_)) } else { stage >= Stage::Farewell }
    }

    /// Answers the stage, and makes sure that this task is woken for the next one.
    fn stage(&mut self, ctx: &mut Context<'_>) -> Stage {
        loop {
            let stage = self.port.lifecycle.stage();
            if stage == Stage::Over || self.stage.as_ref().is_some_and(|(seen, _)| *seen == stage) {
                return stage;
            }
            // Polled once: it must not answer "pending" only because this task has done much.
            let mut next: Awaited<'c> = Box::pin(unconstrained(self.port.lifecycle.reached(stage.next())));
            if next.as_mut().poll(ctx).is_pending() {
                self.stage = Some((stage, next));
            }
        }
    }

    /// Answers why an idle connection must end, if it must.
    fn idle(&mut self, since: Instant, now: Instant, ctx: &mut Context<'_>) -> Option<&'static str> {
        if now < since + self.port.limits.idle_settle {
            self.wanted = None;
            return None;
        }
        if now >= since + self.port.limits.idle_timeout {
            return Some("idle");
        }
        loop {
            let wanted = self.wanted.get_or_insert_with(|| Box::pin(self.port.slots.wanted()));
            if wanted.as_mut().poll(ctx).is_pending() {
                return None;
            }
            self.wanted = None;
            // Whoever asked may have got another slot by now.
            if self.port.slots.is_full() {
                return Some("displaced");
            }
        }
    }

    /// Tells the connection to end; answers whether that is news to it.
    fn end(&mut self, cause: &'static str, now: Instant) -> bool {
        if self.ending.is_some() {
            return false;
        }
        self.connection.as_mut().end();
        self.ending = Some((cause, now + self.port.limits.linger + TO_CLOSE));
        true
    }
}

/// Why a connection ended that was not told to.
fn end_of(result: &hyper::Result<()>) -> &'static str {
    match result {
        Ok(()) => "done",
        Err(error) if error.is_parse() || error.is_parse_too_large() => "malformed",
        Err(_) => "broken",
    }
}
