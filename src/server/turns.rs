//! Polls again at once what woke itself while it was polled.
//!
//! hyper hands a body over by a channel whose ends wake each other, though both are of one task. By way of the
//! runtime each such wake puts a connection behind all others that have something to do: with a thousand of them
//! there are a thousand bodies half read, and the bytes of each are gone from the caches when its turn comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// How often something is polled in a row: a body of 107 kB takes as many. Then others have their turn.
const IN_A_ROW: usize = 8;

const POLLED: u8 = 1;
const WOKEN: u8 = 2;

/// What is kept from one poll to the next.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    waker: Option<(Arc<Within>, Waker)>,
}

/// A waker that takes note while its task is polled, and wakes it otherwise.
#[derive(Debug)]
struct Within {
    state: AtomicU8,
    task: Waker,
}

impl Turns {
    /// Polls until there is a result, or nothing woke it, or others must have their turn.
    pub(crate) fn poll<T>(&mut self, ctx: &mut Context<'_>, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        // A task has one waker for all its life.
        let same = self.waker.take().filter(|(within, _)| within.task.will_wake(ctx.waker()));
        let (within, waker) = self.waker.insert(same.unwrap_or_else(|| Within::new(ctx.waker())));
        let mut inner = Context::from_waker(waker);
        for _ in 0..IN_A_ROW {
            within.state.store(POLLED, Ordering::Release);
            let polled = poll(&mut inner);
            let woken = within.state.swap(0, Ordering::AcqRel) & WOKEN != 0;
            if polled.is_ready() || !woken {
                return polled;
            }
        }
        ctx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Within {
    fn new(task: &Waker) -> (Arc<Within>, Waker) {
        let within = Arc::new(Within { state: AtomicU8::new(0), task: task.clone() });
        (Arc::clone(&within), Waker::from(within))
    }
}

impl Wake for Within {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.fetch_or(WOKEN, Ordering::AcqRel) & POLLED == 0 {
            self.task.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Count(std::sync::atomic::AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Polls something that wakes itself so many times; answers its result, how often it was polled and the task woken.
    fn polled(wakes: usize, ready_at_last: bool) -> (Poll<()>, usize, usize) {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut polls = 0;
        let result = Turns::default().poll(&mut Context::from_waker(&waker), |ctx| {
            polls += 1;
            if polls <= wakes {
                ctx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if ready_at_last { Poll::Ready(()) } else { Poll::Pending }
        });
        (result, polls, count.0.load(Ordering::Relaxed))
    }

    #[test]
    fn what_wakes_itself_is_polled_again_without_the_runtime() {
        assert_eq!(polled(0, false), (Poll::Pending, 1, 0));
        assert_eq!(polled(0, true), (Poll::Ready(()), 1, 0));
        assert_eq!(polled(3, false), (Poll::Pending, 4, 0));
        assert_eq!(polled(3, true), (Poll::Ready(()), 4, 0));
    }

    #[test]
    fn what_never_rests_lets_others_have_their_turn() {
        assert_eq!(polled(100, true), (Poll::Pending, IN_A_ROW, 1));
    }

    #[test]
    fn a_wake_between_polls_reaches_the_task() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut turns = Turns::default();
        let mut inner = None;
        for wakes in 0..3 {
            assert_eq!(count.0.load(Ordering::Relaxed), wakes);
            let polled = turns.poll(&mut Context::from_waker(&waker), |ctx| {
                inner = Some(ctx.waker().clone());
                Poll::<()>::Pending
            });
            assert!(polled.is_pending());
            inner.take().unwrap().wake();
        }
    }

    #[test]
    fn another_task_is_woken_when_it_polls() {
        let (first, second) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let mut turns = Turns::default();
        let mut inner = None;
        for count in [&first, &second] {
            let waker = Waker::from(Arc::clone(count));
            let _ = turns.poll(&mut Context::from_waker(&waker), |ctx| {
                inner = Some(ctx.waker().clone());
                Poll::<()>::Pending
            });
        }
        inner.unwrap().wake();
        assert_eq!((first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed)), (0, 1));
    }
}
