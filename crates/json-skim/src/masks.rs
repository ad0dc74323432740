//! Bit masks of a block of 64 bytes: bit `n` describes byte `n`.
#![expect(clippy::inline_always, reason = "a function that is not inlined into the walk is compiled for the oldest processor")]

use fearless_simd::prelude::*;
use fearless_simd::u8x64;

/// The number of bytes in a block.
pub(crate) const BLOCK: usize = 64;

/// The last control character. JSON strings must escape these.
pub(crate) const LAST_CONTROL: u8 = 0x1f;

/// The positions of the bytes with a meaning in JSON, inside and outside strings.
pub(crate) struct Marks {
    pub(crate) quote: u64,
    pub(crate) backslash: u64,
    pub(crate) comma: u64,
    pub(crate) colon: u64,
    /// `{` and `[`.
    pub(crate) open: u64,
    /// `}` and `]`.
    pub(crate) close: u64,
    /// Tells `{` and `}` from `[` and `]`. Meaningless for other bytes.
    pub(crate) curly: u64,
    pub(crate) control: u64,
}

impl Marks {
    #[inline(always)]
    pub(crate) fn of<S: Simd>(simd: S, block: &[u8; BLOCK]) -> Marks {
        /// The bit that `{` and `}` have and `[` and `]` do not.
        const CURLY: u8 = 0x20;
        let bytes = u8x64::simd_from(simd, *block);
        let alike = bytes | CURLY;
        let control = bytes.simd_le(LAST_CONTROL);
        Marks {
            quote: bytes.simd_eq(b'"').to_bitmask(),
            backslash: bytes.simd_eq(b'\\').to_bitmask(),
            comma: bytes.simd_eq(b',').to_bitmask(),
            colon: bytes.simd_eq(b':').to_bitmask(),
            open: alike.simd_eq(b'{').to_bitmask(),
            close: alike.simd_eq(b'}').to_bitmask(),
            curly: alike.simd_eq(bytes).to_bitmask(),
            control: if control.any_true() { control.to_bitmask() } else { 0 },
        }
    }
}

/// Tracks strings from block to block.
#[derive(Default)]
pub(crate) struct Strings {
    /// 1 if the first byte of the block is escaped.
    escape: u64,
    /// All ones if the block begins inside a string.
    inside: u64,
}

/// The strings of a block.
pub(crate) struct Quoted {
    /// The bytes after a backslash that is not itself escaped.
    pub(crate) escaped: u64,
    /// The quotes that begin or end a string.
    pub(crate) quote: u64,
    /// From each opening quote up to the byte before the closing quote.
    pub(crate) string: u64,
}

impl Strings {
    /// Returns the strings of the next block.
    #[inline(always)]
    pub(crate) fn of(&mut self, marks: &Marks) -> Quoted {
        let escaped = self.escaped(marks.backslash);
        let quote = marks.quote & !escaped;
        let string = every_other(quote) ^ self.inside;
        self.inside = (string >> 63).wrapping_neg();
        Quoted { escaped, quote, string }
    }

    /// Returns the escaped bytes. In a run of backslashes every second one is escaped.
    #[inline(always)]
    fn escaped(&mut self, backslash: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let first = self.escape;
        if backslash == 0 {
            self.escape = 0;
            return first;
        }
        let escaping = backslash & !first;
        let after = escaping << 1 | first;
        // For a run that begins at an odd byte, the addition carries to the byte after the run.
        let (carried, over) = (escaping & !EVEN & !after).overflowing_add(escaping);
        self.escape = u64::from(over);
        (EVEN ^ carried << 1) & after
    }
}

/// Moves masks by one byte, from block to block.
#[derive(Default)]
pub(crate) struct After(pub(crate) u64);

impl After {
    /// Returns the bytes after those of `mask`.
    #[inline(always)]
    pub(crate) fn of(&mut self, mask: u64) -> u64 {
        let after = mask << 1 | self.0;
        self.0 = mask >> 63;
        after
    }
}

/// Returns ones from every odd bit of a mask, counted from the first, up to the bit before the next one.
#[inline(always)]
fn every_other(mask: u64) -> u64 {
    [1, 2, 4, 8, 16, 32].into_iter().fold(mask, |mask, by| mask ^ mask << by)
}

/// Removes the lowest bit from a mask and returns its position.
#[inline(always)]
pub(crate) fn first(mask: &mut u64) -> Option<u32> {
    if *mask == 0 {
        return None;
    }
    let at = mask.trailing_zeros();
    *mask &= *mask - 1;
    Some(at)
}
