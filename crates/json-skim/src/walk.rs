//! Finds the end of a map or list, one block of 64 bytes at a time.
//!
//! Without white space, the previous byte decides almost everything that may follow. Most rules are therefore
//! a mask, the same mask moved by one byte, and a comparison of the two. Only brackets are followed one by
//! one, because a key must follow a comma in a map and not in a list. Empty pairs of brackets, half of all
//! brackets in managed fields, do not even need that.
#![expect(clippy::inline_always, reason = "a function that is not inlined into the walk is compiled for the oldest processor")]

use std::ops::ControlFlow;

use fearless_simd::prelude::*;
use fearless_simd::u8x64;

use crate::masks::{After, BLOCK, Marks, Quoted, Strings, first};
use crate::word;

/// Returns the length of the map or list at the start of `text`, which is not empty. Checks all of it.
#[inline(always)]
pub(crate) fn container<S: Simd>(simd: S, text: &[u8]) -> Option<usize> {
    length(simd, text, Walk::new(text))
}

/// Returns the length of the map or list at the start of `text`, which is part of valid JSON.
#[inline(always)]
pub(crate) fn valid_container<S: Simd>(simd: S, text: &[u8]) -> Option<usize> {
    length(simd, text, Nesting::default())
}

/// Looks at text block by block. A trait and not a closure, because a closure is not always inlined.
trait Blocks {
    /// Looks at the next block. Breaks off with the length of the whole value if it ends in this block. Returns `None`
    /// if the text is unclear.
    fn block<S: Simd>(&mut self, simd: S, block: &[u8; BLOCK]) -> Option<ControlFlow<usize>>;
}

/// Passes `text` to `blocks` until they break off. Fills the last block with spaces.
#[inline(always)]
fn length<S: Simd>(simd: S, text: &[u8], mut blocks: impl Blocks) -> Option<usize> {
    let (whole, rest) = text.as_chunks();
    let mut last = [b' '; BLOCK];
    last.iter_mut().zip(rest).for_each(|(slot, byte)| *slot = *byte);
    for block in whole.iter().chain([&last]) {
        if let ControlFlow::Break(length) = blocks.block(simd, block)? {
            return Some(length);
        }
    }
    None
}

/// Counts the open brackets of valid JSON.
#[derive(Default)]
struct Nesting {
    strings: Strings,
    /// The position of the block.
    at: usize,
    depth: u32,
}

impl Blocks for Nesting {
    #[inline(always)]
    fn block<S: Simd>(&mut self, simd: S, block: &[u8; BLOCK]) -> Option<ControlFlow<usize>> {
        let marks = Marks::of(simd, block);
        let string = self.strings.of(&marks).string;
        let (open, close) = (marks.open & !string, marks.close & !string);
        if close.count_ones() < self.depth {
            self.depth = self.depth + open.count_ones() - close.count_ones();
        } else {
            let mut brackets = open | close;
            while let Some(bit) = first(&mut brackets) {
                self.depth = if open >> bit & 1 == 1 { self.depth + 1 } else { self.depth.checked_sub(1)? };
                if self.depth == 0 {
                    return Some(ControlFlow::Break(self.at + bit as usize + 1));
                }
            }
        }
        self.at += BLOCK;
        Some(ControlFlow::Continue(()))
    }
}

/// The state between two blocks.
struct Walk<'t> {
    text: &'t [u8],
    /// The position of the block.
    at: usize,
    /// The open brackets, innermost last: 1 for a map, 0 for a list. The highest 1 is not a bracket.
    open: u64,
    strings: Strings,
    /// 1 if the block begins inside a key. The addition carries it on.
    key: u64,
    /// The first bytes of the block, if they must be digits of an escape.
    digits: u64,
    after_bracket: After,
    after_start: After,
    after_word: After,
    after_key: After,
    before_key: After,
}

impl<'t> Walk<'t> {
    /// The value of `open` without open brackets.
    const NOTHING: u64 = 1;
    /// Set in `open` if there is no room for another bracket.
    const FULL: u64 = 1 << 63;

    fn new(text: &'t [u8]) -> Self {
        Walk {
            text,
            at: 0,
            open: Self::NOTHING,
            strings: Strings::default(),
            key: 0,
            digits: 0,
            after_bracket: After::default(),
            // A value may begin here.
            after_start: After(1),
            after_word: After::default(),
            after_key: After::default(),
            before_key: After::default(),
        }
    }

    /// Returns escaped letters that JSON does not know, and bytes that are not digits but must be.
    #[inline(always)]
    fn letters<S: Simd>(&mut self, simd: S, block: &[u8; BLOCK], letters: u64) -> u64 {
        let bytes = u8x64::simd_from(simd, *block);
        // `b` and `f` differ in one bit.
        let plain = bytes.simd_eq(b'n') | bytes.simd_eq(b't') | bytes.simd_eq(b'r') | bytes.simd_eq(b'/') | (bytes | 4).simd_eq(b'f');
        let unicode = bytes.simd_eq(b'u').to_bitmask() & letters;
        let digit = (bytes - b'0').simd_le(9) | ((bytes | 0x20) - b'a').simd_le(5);
        let digits = unicode << 1 | unicode << 2 | unicode << 3 | unicode << 4 | self.digits;
        let last = unicode >> 60;
        self.digits = last | last >> 1 | last >> 2 | last >> 3;
        letters & !(unicode | plain.to_bitmask()) | digits & !digit.to_bitmask()
    }

    /// Follows the brackets of a block.
    #[inline(always)]
    fn brackets(&mut self, open: u64, close: u64, curly: u64) -> Option<Brackets> {
        let empty = open & close >> 1;
        let mut found = Brackets { in_map: (self.open & 1).wrapping_neg(), wrong: (curly ^ curly << 1) & empty << 1, within: u64::MAX };
        let mut single = (open | close) ^ (empty | empty << 1);
        while let Some(at) = first(&mut single) {
            let is_map = curly >> at & 1;
            if open >> at & 1 == 1 {
                if self.open & Self::FULL != 0 {
                    return None;
                }
                self.open = self.open << 1 | is_map;
            } else {
                if self.open & 1 != is_map {
                    return None;
                }
                self.open >>= 1;
                if self.open == Self::NOTHING {
                    found.within = u64::MAX >> (63 - at);
                    break;
                }
            }
            let from_here = u64::MAX << at;
            found.in_map = found.in_map & !from_here | (self.open & 1).wrapping_neg() & from_here;
        }
        Some(found)
    }
}

impl Blocks for Walk<'_> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, simd: S, block: &[u8; BLOCK]) -> Option<ControlFlow<usize>> {
        let marks = Marks::of(simd, block);
        let Quoted { escaped, quote, string } = self.strings.of(&marks);

        let (begins, ends) = (quote & string, quote & !string);
        let (comma, colon) = (marks.comma & !string, marks.colon & !string);
        let (open, close) = (marks.open & !string, marks.close & !string);
        let words = !(string | ends | comma | colon | open | close);
        let word = words & !self.after_word.of(words);

        let brackets = self.brackets(open, close, marks.curly)?;
        let mut wrong = marks.control | brackets.wrong;

        // A value or key begins after an opening bracket, a comma or a colon, and nowhere else. The exception is
        // an empty map or list. The other bytes of a string or a word may be anything.
        let is_empty = close & self.after_bracket.of(open);
        wrong |= (begins | open | word | is_empty) ^ self.after_start.of(open | comma | colon);

        // Where a key must begin no other value may begin. A colon follows each key, and nothing else.
        let key = self.before_key.of(open & marks.curly | comma & brackets.in_map);
        wrong |= key & (open | word);
        // The addition clears the ones of a key and carries to the zero at its closing quote.
        let (sum, over) = string.overflowing_add(begins & key | self.key);
        self.key = u64::from(over);
        wrong |= self.after_key.of(sum & ends) ^ colon;

        let letters = escaped & !(marks.quote | marks.backslash);
        if letters | self.digits != 0 {
            wrong |= self.letters(simd, block, letters);
        }

        // Bytes after the end belong to the enclosing value.
        if wrong & brackets.within != 0 {
            return None;
        }
        let mut words = word & brackets.within;
        while let Some(at) = first(&mut words) {
            word::length(self.text.get(self.at + at as usize..)?)?;
        }
        self.at += BLOCK;
        Some(if self.open == Self::NOTHING {
            ControlFlow::Break(self.at - brackets.within.leading_zeros() as usize)
        } else {
            ControlFlow::Continue(())
        })
    }
}

/// The result of following the brackets of a block.
struct Brackets {
    /// The bytes whose innermost open bracket is a map.
    in_map: u64,
    /// Brackets that close a bracket of the other kind.
    wrong: u64,
    /// The bytes up to the bracket that closes the whole value.
    within: u64,
}
