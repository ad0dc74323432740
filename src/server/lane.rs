//! A share of memory that bodies are read into, handed out in the order in which they came.
//!
//! A body states the size that it announced and takes memory as its bytes arrive; its first bytes give it
//! its place in the order. Memory is granted only where afterwards every body with an earlier place
//! could still take all that it announced, as the ones before it finish (the banker's algorithm over
//! one fixed order). So nobody waits in a ring, no younger one delays an older one, the oldest never
//! waits at all, and a body that announced much and sends nothing has neither memory nor place.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// One share. The lock is held for a walk over its bodies at most, never while anything waits.
#[derive(Debug)]
pub(crate) struct Lane {
    capacity: usize,
    places: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    used: usize,
    /// In the order of their numbers, which is that of their arrival.
    bodies: VecDeque<Body>,
}

#[derive(Debug)]
struct Body {
    number: u64,
    held: usize,
    /// What it announced and has not taken yet.
    need: usize,
    /// What it asks for now, and whom to wake.
    wants: Option<(usize, Waker)>,
}

/// A body's place in a lane and the memory that it took there; both are given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    lane: Arc<Lane>,
    total: usize,
    /// Its place in the order, once it has asked for memory.
    number: Option<u64>,
}

impl Lane {
    /// Makes a lane of `capacity` bytes for `places` bodies at once.
    pub(crate) fn new(capacity: usize, places: usize) -> Lane {
        Lane { capacity, places, state: Mutex::default() }
    }

    /// Lets a body in that announced `total` bytes, which is at most the capacity.
    pub(crate) fn enter(self: &Arc<Self>, total: usize) -> Seat {
        Seat { lane: Arc::clone(self), total, number: None }
    }

    /// The size in bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many bytes are held now, and by how many bodies.
    pub(crate) fn used(&self) -> (usize, usize) {
        let state = self.lock();
        (state.used, state.bodies.len())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Grants what can be granted, in order.
    fn settle(&self, state: &mut State) {
        let mut free = self.capacity - state.used;
        // What the bodies so far will have given back when they are done.
        let mut returned = 0;
        // By how much the tightest of them could spare memory.
        let mut spare = free;
        for body in state.bodies.iter_mut().take(self.places) {
            let within_reach = free + returned;
            if let Some((wanted, _)) = &body.wants {
                let wanted = *wanted;
                if wanted <= free && wanted <= spare && body.need.max(wanted) <= within_reach {
                    free -= wanted;
                    spare -= wanted;
                    state.used += wanted;
                    body.held += wanted;
                    body.need = body.need.saturating_sub(wanted);
                    if let Some((_, waker)) = body.wants.take() {
                        waker.wake();
                    }
                }
            }
            spare = spare.min((free + returned).saturating_sub(body.need));
            returned += body.held;
        }
    }

    fn line_up(&self, total: usize) -> u64 {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.bodies.push_back(Body { number, held: 0, need: total.min(self.capacity), wants: None });
        number
    }

    fn poll_take(&self, number: u64, bytes: usize, asked: &mut bool, ctx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        let Some(index) = state.position(number) else { return Poll::Ready(()) };
        if let Some(body) = state.bodies.get_mut(index) {
            match &mut body.wants {
                // Granted by somebody who left.
                None if *asked => return Poll::Ready(()),
                None => body.wants = Some((bytes, ctx.waker().clone())),
                Some((_, waker)) => waker.clone_from(ctx.waker()),
            }
        }
        *asked = true;
        self.settle(&mut state);
        let granted = state.bodies.get(index).is_none_or(|body| body.wants.is_none());
        if granted { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl State {
    fn position(&self, number: u64) -> Option<usize> {
        self.bodies.binary_search_by_key(&number, |body| body.number).ok()
    }
}

impl Seat {
    /// Takes `bytes` more, as soon as it is this body's turn. A future that is dropped asks no longer;
    /// what it may have been granted by then is given back with the seat.
    pub(crate) async fn take(&mut self, bytes: usize) {
        struct Asking<'s>(&'s Seat);
        impl Drop for Asking<'_> {
            fn drop(&mut self) {
                self.0.change(|body| body.wants.take().is_some());
            }
        }
        let number = *self.number.get_or_insert_with(|| self.lane.line_up(self.total));
        let _asking = Asking(self);
        let mut asked = false;
        poll_fn(|ctx| self.lane.poll_take(number, bytes, &mut asked, ctx)).await;
    }

    /// Answers whether some body waits in this lane: for memory, or for a place.
    pub(crate) fn is_contended(&self) -> bool {
        self.lane.lock().bodies.iter().any(|body| body.wants.is_some())
    }

    /// Says that the body is complete: what it announced beyond that is nobody's any more.
    pub(crate) fn complete(&self) {
        self.change(|body| std::mem::take(&mut body.need) > 0);
    }

    /// Changes what is known of this body; `change` answers whether that can help another.
    fn change(&self, change: impl FnOnce(&mut Body) -> bool) {
        let Some(number) = self.number else { return };
        let mut state = self.lane.lock();
        if state.position(number).and_then(|index| state.bodies.get_mut(index)).is_some_and(change) {
            self.lane.settle(&mut state);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = self.lane.lock();
        if let Some(body) = state.position(number).and_then(|index| state.bodies.remove(index)) {
            state.used -= body.held;
            self.lane.settle(&mut state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::Context;

    use super::*;

    /// A small generator that makes the same numbers in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % bound as u64).unwrap()
        }
    }

    fn lane(capacity: usize) -> Arc<Lane> {
        Arc::new(Lane::new(capacity, 4))
    }

    /// Answers whether `bytes` are granted at once.
    fn takes(seat: &mut Seat, bytes: usize) -> bool {
        is_ready(pin!(seat.take(bytes)))
    }

    fn is_ready(future: Pin<&mut impl Future<Output = ()>>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn memory_is_given_back_with_the_seat() {
        let lane = lane(100);
        let mut seat = lane.enter(60);
        assert!(takes(&mut seat, 60));
        assert_eq!(lane.used(), (60, 1));
        drop(seat);
        assert_eq!(lane.used(), (0, 0));
    }

    #[test]
    fn who_announced_much_and_sends_nothing_holds_up_nobody() {
        let lane = lane(100);
        let _silent = (lane.enter(40), lane.enter(90));
        let mut late = lane.enter(50);
        assert!(takes(&mut late, 50));
    }

    #[test]
    fn the_oldest_can_always_finish() {
        let lane = lane(100);
        let (mut oldest, mut younger) = (lane.enter(80), lane.enter(80));
        assert!(takes(&mut oldest, 10));
        assert!(takes(&mut younger, 20));
        // One byte more, and the oldest could not have its eighty.
        assert!(!takes(&mut younger, 1));
        assert!(takes(&mut oldest, 70));
    }

    #[test]
    fn two_halves_never_block_each_other() {
        let lane = lane(100);
        let (mut small, mut first, mut second) = (lane.enter(10), lane.enter(90), lane.enter(90));
        assert!(takes(&mut small, 10));
        assert!(takes(&mut first, 45));
        // If both had taken 45, neither could go on when `small` is done.
        assert!(!takes(&mut second, 45));
        drop(small);
        assert!(takes(&mut first, 45));
    }

    #[test]
    fn a_younger_one_does_not_overtake_for_ever() {
        let lane = lane(100);
        let mut holder = lane.enter(80);
        assert!(takes(&mut holder, 80));
        let mut waiting = lane.enter(100);
        let mut first = pin!(waiting.take(30));
        assert!(!is_ready(first.as_mut()));
        // Twenty bytes are free, but whoever took them would be in the way of the one that waits.
        let mut quick = lane.enter(20);
        assert!(!takes(&mut quick, 20));
        drop(holder);
        assert!(is_ready(first.as_mut()));
        assert!(!takes(&mut quick, 20));
    }

    #[test]
    fn whoever_waits_is_woken_in_the_order_of_arrival() {
        let lane = lane(100);
        let mut holder = lane.enter(100);
        assert!(takes(&mut holder, 100));
        let (mut first, mut second) = (lane.enter(70), lane.enter(70));
        let (mut one, mut two) = (pin!(first.take(70)), pin!(second.take(70)));
        assert!(!is_ready(one.as_mut()));
        assert!(!is_ready(two.as_mut()));
        drop(holder);
        assert!(!is_ready(two.as_mut()));
        assert!(is_ready(one.as_mut()));
    }

    #[test]
    fn who_stops_asking_is_passed_over() {
        let lane = lane(100);
        let mut holder = lane.enter(100);
        assert!(takes(&mut holder, 100));
        let (mut gone, mut next) = (lane.enter(100), lane.enter(100));
        assert!(!takes(&mut gone, 100));
        let mut asking = pin!(next.take(100));
        assert!(!is_ready(asking.as_mut()));
        drop(gone);
        drop(holder);
        assert!(is_ready(asking.as_mut()));
    }

    #[test]
    fn a_complete_body_keeps_what_it_holds_and_no_more() {
        let lane = lane(100);
        let (mut unknown, mut other) = (lane.enter(100), lane.enter(60));
        assert!(takes(&mut unknown, 10));
        assert!(!takes(&mut other, 60));
        unknown.complete();
        assert!(takes(&mut other, 60));
        assert_eq!(lane.used(), (70, 2));
    }

    #[test]
    fn places_are_counted_too() {
        let lane = lane(1000);
        let mut seats: Vec<Seat> = (0..4).map(|_| lane.enter(1)).collect();
        assert!(seats.iter_mut().all(|seat| takes(seat, 1)));
        let mut fifth = lane.enter(1);
        let mut asking = pin!(fifth.take(1));
        assert!(!is_ready(asking.as_mut()));
        assert!(seats[0].is_contended());
        seats.pop();
        assert!(is_ready(asking.as_mut()));
        assert!(!seats[0].is_contended());
    }

    #[test]
    fn any_order_of_sending_ends_with_everybody_served() {
        let mut random = Random(0x2545_F491_4F6C_DD1D);
        for _ in 0..500 {
            let lane = lane(100);
            let sizes = (0..8).map(|_| 20 + random.below(60));
            // Some are as large as they announced, some smaller.
            let mut bodies: Vec<(Seat, usize)> = sizes.map(|size| (lane.enter(size + size % 2 * 20), size)).collect();
            let mut idle = 0;
            while !bodies.is_empty() {
                let index = random.below(bodies.len());
                let step = bodies[index].1.min(1 + random.below(30));
                if takes(&mut bodies[index].0, step) {
                    idle = 0;
                    bodies[index].1 -= step;
                    if bodies[index].1 == 0 {
                        bodies.remove(index);
                    }
                } else {
                    idle += 1;
                    assert!(idle < 10_000, "nobody gets on");
                }
                assert!(lane.used().0 <= 100);
            }
        }
    }
}
