//! The memory that a body is collected in.
//!
//! A large body gets its own pages from the system, which are returned when it is dropped. The allocator would keep
//! them: after its first large block, glibc serves blocks of that size from arenas, of which each thread has one.

use bytes::Bytes;
use memmap2::MmapMut;

use crate::server::limits::ORDINARY;

/// The bytes of a body so far.
#[derive(Debug)]
pub(super) enum Buffer {
    Ordinary(Vec<u8>),
    Large { pages: MmapMut, length: usize },
}

/// The system has no memory.
#[derive(Debug)]
pub(super) struct NoMemory;

impl Buffer {
    /// Makes room for `size` bytes.
    ///
    /// # Errors
    /// The system has no memory.
    pub(super) fn new(size: usize) -> Result<Buffer, NoMemory> {
        if size <= ORDINARY {
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(size).map_err(|_| NoMemory)?;
            return Ok(Buffer::Ordinary(bytes));
        }
        Ok(Buffer::Large { pages: MmapMut::map_anon(size).map_err(|_| NoMemory)?, length: 0 })
    }

    /// Appends a part of the body.
    ///
    /// # Errors
    /// There is no room for it.
    pub(super) fn append(&mut self, part: &[u8]) -> Result<(), NoMemory> {
        match self {
            Buffer::Ordinary(bytes) if part.len() <= bytes.capacity() - bytes.len() => bytes.extend_from_slice(part),
            Buffer::Ordinary(_) => return Err(NoMemory),
            Buffer::Large { pages, length } => {
                let end = *length + part.len();
                pages.get_mut(*length..end).ok_or(NoMemory)?.copy_from_slice(part);
                *length = end;
            }
        }
        Ok(())
    }

    /// Returns the bytes so far.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Buffer::Ordinary(bytes) => bytes,
            Buffer::Large { pages, length } => pages.get(..*length).unwrap_or_default(),
        }
    }

    /// Returns the bytes, without a copy.
    pub(super) fn freeze(self) -> Bytes {
        match self {
            Buffer::Ordinary(bytes) => Bytes::from(bytes),
            Buffer::Large { pages, length } => Bytes::from_owner(pages).slice(..length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other_in_either_memory() {
        for size in [10, ORDINARY, ORDINARY + 1, 16 << 20] {
            let mut buffer = Buffer::new(size).unwrap();
            assert_eq!(matches!(buffer, Buffer::Large { .. }), size > ORDINARY);
            for part in [&b"abc"[..], b"", b"defg"] {
                buffer.append(part).unwrap();
            }
            assert_eq!(buffer.freeze(), "abcdefg");
        }
        assert_eq!(Buffer::new(0).unwrap().freeze(), "");
    }

    #[test]
    fn a_part_without_room_is_refused() {
        for size in [10, ORDINARY + 10] {
            let mut buffer = Buffer::new(size).unwrap();
            buffer.append(&vec![0; size]).unwrap();
            assert!(buffer.append(&[0]).is_err());
        }
    }
}
