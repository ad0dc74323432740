//! What a body is gathered in.
//!
//! An ordinary body is gathered in memory that an earlier one has left behind. A large one gets pages of its
//! own, mapped at its full size at once: a page takes memory when it is written to, and all of them are
//! given back when the body is dropped. The allocator would keep them, dirty, for the next one: after a burst
//! of large bodies a server would hold several times its budget.

use std::sync::Arc;

use bytes::Bytes;
use memmap2::{Advice, MmapMut, MmapOptions};

use super::budget::ORDINARY;
use super::pool::{Loan, Pool};

/// The bytes of a body so far.
#[derive(Debug)]
pub(crate) enum Buffer {
    Ordinary(Loan),
    Large { pages: MmapMut, length: usize },
}

/// The system has no memory.
#[derive(Debug)]
pub(crate) struct NoMemory;

impl Buffer {
    pub(crate) fn new(pool: &Arc<Pool>) -> Buffer {
        Buffer::Ordinary(pool.lend())
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Buffer::Ordinary(loan) => loan.bytes.len(),
            Buffer::Large { length, .. } => *length,
        }
    }

    /// Appends a part of a body that has `total` bytes where it `announced` them, else that many at most.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(crate) fn append(&mut self, part: &[u8], total: usize, announced: bool) -> Result<(), NoMemory> {
        let length = self.len() + part.len();
        if let Buffer::Ordinary(Loan { bytes, .. }) = self {
            if length <= ORDINARY && (total <= ORDINARY || !announced) {
                // What is announced is not there yet, and of what announces nothing most will be small.
                let capacity = (length * 2).min(total).min(ORDINARY);
                if length > bytes.capacity() {
                    bytes.try_reserve_exact(capacity.max(length) - bytes.len()).map_err(|_| NoMemory)?;
                }
                bytes.extend_from_slice(part);
                return Ok(());
            }
            *self = Buffer::large(bytes, total.max(length))?;
        }
        self.append_to_pages(part)
    }

    fn large(before: &[u8], total: usize) -> Result<Buffer, NoMemory> {
        let pages = MmapOptions::new().len(total).no_reserve_swap().map_anon().map_err(|_| NoMemory)?;
        // One byte must not take two megabytes. A kernel without huge pages does not know the advice.
        let _ = pages.advise(Advice::NoHugePage);
        let mut buffer = Buffer::Large { pages, length: 0 };
        buffer.append_to_pages(before)?;
        Ok(buffer)
    }

    fn append_to_pages(&mut self, part: &[u8]) -> Result<(), NoMemory> {
        let Buffer::Large { pages, length } = self else { return Err(NoMemory) };
        let end = *length + part.len();
        pages.get_mut(*length..end).ok_or(NoMemory)?.copy_from_slice(part);
        *length = end;
        Ok(())
    }

    /// The bytes, without copying them.
    pub(crate) fn freeze(self) -> Bytes {
        match self {
            Buffer::Ordinary(loan) => Bytes::from_owner(loan),
            Buffer::Large { pages, length } => Bytes::from_owner(pages).slice(..length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer() -> Buffer {
        Buffer::new(&Arc::new(Pool::new(1)))
    }

    fn gathered(parts: &[usize], total: usize, announced: bool) -> Bytes {
        let mut buffer = buffer();
        for (number, size) in parts.iter().enumerate() {
            buffer.append(&vec![u8::try_from(number).unwrap(); *size], total, announced).unwrap();
        }
        buffer.freeze()
    }

    #[test]
    fn parts_follow_each_other_whatever_they_are_gathered_in() {
        for parts in [&[3, 5, 0, 7][..], &[ORDINARY - 1, 1], &[ORDINARY, 1], &[1, ORDINARY], &[100_000, 200_000, 300_000]] {
            let expected: Vec<u8> =
                parts.iter().enumerate().flat_map(|(number, size)| vec![u8::try_from(number).unwrap(); *size]).collect();
            assert_eq!(gathered(parts, expected.len(), true), expected);
            assert_eq!(gathered(parts, 16 << 20, false), expected);
        }
        assert_eq!(gathered(&[], 0, true), Bytes::new());
    }

    #[test]
    fn memory_passes_from_body_to_body_and_no_byte_with_it() {
        let pool = Arc::new(Pool::new(1));
        let body = |bytes: &[u8], total| {
            let mut buffer = Buffer::new(&pool);
            buffer.append(bytes, total, true).unwrap();
            buffer.freeze()
        };
        let first = body(&[b'x'; 5000], 5000);
        let (place, kept_by_somebody) = (first.as_ptr(), first.slice(10..));
        drop(first);
        let elsewhere = body(b"short", 5);
        assert_eq!(elsewhere, "short");
        assert_ne!(elsewhere.as_ptr(), place);
        drop((kept_by_somebody, elsewhere));
        let second = body(b"shorter", 7);
        assert_eq!(second, "shorter");
        assert_eq!(second.as_ptr(), place);
    }

    #[test]
    fn a_body_that_announced_much_takes_pages_from_its_first_byte() {
        let mut buffer = buffer();
        buffer.append(b"x", 16 << 20, true).unwrap();
        assert!(matches!(buffer, Buffer::Large { .. }));
    }

    #[test]
    fn more_than_there_is_room_for_is_no_memory() {
        let mut buffer = buffer();
        buffer.append(&vec![0; ORDINARY + 1], ORDINARY + 1, true).unwrap();
        assert!(buffer.append(&vec![0; 1 << 12], ORDINARY + 1, true).is_err());
    }
}
