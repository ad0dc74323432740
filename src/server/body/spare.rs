//! Memory of ordinary bodies, kept for the next ones.
//!
//! The allocator gives the pages of a larger body back to the system and faults them in again for the next body, which
//! takes longer than to copy its bytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::server::limits::ORDINARY;

/// The number of bodies whose memory is kept: at most 2 MiB.
const MAX_KEPT: usize = 8;

/// Memory that no body uses.
#[derive(Debug, Clone, Default)]
pub(super) struct Spare(Arc<Mutex<Vec<Vec<u8>>>>);

/// The bytes of one body. Its memory is kept when it is dropped.
#[derive(Debug)]
pub(super) struct Reused {
    pub(super) bytes: Vec<u8>,
    spare: Spare,
}

impl Spare {
    /// Returns empty memory. The most recent one is still in the caches of the processor.
    pub(super) fn take(&self) -> Reused {
        let bytes = self.lock().pop().unwrap_or_default();
        Reused { bytes, spare: self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Reused {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Reused {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        if (1..=ORDINARY).contains(&bytes.capacity()) {
            let mut kept = self.spare.lock();
            if kept.len() < MAX_KEPT {
                kept.push(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(spare: &Spare, length: usize) -> Reused {
        let mut body = spare.take();
        body.bytes.reserve_exact(length);
        body.bytes.resize(length, b'x');
        body
    }

    #[test]
    fn memory_is_reused_and_starts_empty() {
        let spare = Spare::default();
        let first = used(&spare, 1000);
        let address = first.as_ref().as_ptr();
        drop(first);
        let second = spare.take();
        assert_eq!((second.as_ref(), second.bytes.as_ptr()), (&b""[..], address));
    }

    #[test]
    fn a_limited_amount_is_kept() {
        let spare = Spare::default();
        let bodies: Vec<Reused> = (0..10).map(|_| used(&spare, 1000)).collect();
        drop(bodies);
        drop(used(&spare, ORDINARY));
        assert!(spare.lock().len() == MAX_KEPT && spare.lock().iter().all(|bytes| bytes.capacity() == 1000));
        let spare = Spare::default();
        drop(used(&spare, ORDINARY + 1));
        drop(spare.take());
        assert!(spare.lock().is_empty());
    }
}
