//! Memory that ordinary bodies were gathered in, kept for the next ones.
//!
//! The allocator hands the pages of a body back to the system and faults them in again for the next one,
//! which takes longer than to copy what they hold. What is kept here is what bodies have filled, not what
//! any has announced, and a bounded amount of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::budget::ORDINARY;

/// So much memory at most, none of it larger than an ordinary body.
#[derive(Debug)]
pub(crate) struct Pool {
    most: usize,
    kept: Mutex<Vec<Vec<u8>>>,
}

/// Memory on loan from a pool. It holds the bytes of one body: it is empty when it is taken, and what is
/// behind its length cannot be read.
#[derive(Debug)]
pub(crate) struct Loan {
    pub(crate) bytes: Vec<u8>,
    pool: Arc<Pool>,
}

impl Pool {
    /// Makes an empty pool that keeps the memory of `most` bodies.
    pub(crate) fn new(most: usize) -> Pool {
        Pool { most, kept: Mutex::default() }
    }

    /// Lends what was given back last, which the caches still know; if there is none, memory yet to be taken.
    pub(crate) fn lend(self: &Arc<Self>) -> Loan {
        let bytes = self.lock().pop().unwrap_or_default();
        Loan { bytes, pool: Arc::clone(self) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Loan {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        if bytes.capacity() == 0 || bytes.capacity() > ORDINARY {
            return;
        }
        let mut kept = self.pool.lock();
        if kept.len() < self.pool.most {
            kept.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Borrows and fills `length` bytes.
    fn filled(pool: &Arc<Pool>, length: usize) -> Loan {
        let mut loan = pool.lend();
        loan.bytes.resize(length, b'x');
        loan
    }

    #[test]
    fn memory_is_used_again_and_shows_nothing_of_before() {
        let pool = Arc::new(Pool::new(2));
        let first = filled(&pool, 1000);
        let place = first.as_ref().as_ptr();
        drop(first);
        let second = pool.lend();
        assert_eq!(second.as_ref(), b"");
        assert_eq!(second.bytes.as_ptr(), place);
        assert!(second.bytes.capacity() >= 1000);
    }

    #[test]
    fn no_more_is_kept_than_was_said() {
        let pool = Arc::new(Pool::new(2));
        let loans: Vec<Loan> = (0..10).map(|_| filled(&pool, 1000)).collect();
        drop(loans);
        drop(filled(&pool, ORDINARY));
        assert_eq!(pool.lock().len(), 2);
        assert!(pool.lock().iter().all(|bytes| bytes.is_empty() && bytes.capacity() <= ORDINARY));
    }

    #[test]
    fn nothing_large_is_kept_and_no_place_is_taken_by_nothing() {
        let pool = Arc::new(Pool::new(2));
        drop(filled(&pool, ORDINARY + 1));
        drop(pool.lend());
        assert!(pool.lock().is_empty());
    }
}
