//! Finds where a value ends, and whether it is JSON up to there.
//!
//! In a mask, bit `n` stands for byte `n` of a block of sixty-four. Without white space, the byte before
//! decides nearly all that may follow, so most rules are a mask, the same mask moved by one, and a comparison
//! of the two. Only brackets are looked at one by one, since a comma in a map is followed by a key and one in
//! a list is not; and empty pairs of them, half of all in managed fields, are not even that.
//!
//! The masks come from the widest vectors that the processor has: [`dispatch!`] compiles the walk once for each
//! kind of them, which is why all of it is inlined.
#![expect(clippy::inline_always, reason = "what is not inlined into the walk is compiled for the oldest processor")]

use std::ops::ControlFlow;

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, u8x16, u8x64};

/// How many bytes are looked at together.
const BLOCK: usize = 64;

/// The last of the characters that stand in no string as they are.
const LAST_CONTROL: u8 = 0x1f;

/// Answers the length of the value that `text` begins with; `None` where it is not plainly right.
/// `level` says what vectors the processor has.
pub(super) fn value(level: Level, text: &[u8]) -> Option<usize> {
    match text {
        // As many as of all others together, and not worth a block.
        [b'{', b'}', ..] | [b'[', b']', ..] => Some(2),
        [b'{' | b'[', ..] => dispatch!(level, simd => container(simd, text)),
        [b'"', ..] => string(text).map(|(length, _)| length),
        _ => word(text),
    }
}

/// Answers the length of the string that `text` begins with, with its quotes, and whether it has an escape in it.
pub(super) fn string(text: &[u8]) -> Option<(usize, bool)> {
    let mut is_escaped = false;
    let mut at = 1;
    loop {
        let rest = text.get(at..)?;
        at += stop(rest)?;
        match text.get(at)? {
            b'"' => return Some((at + 1, is_escaped)),
            b'\\' => at += 1 + escape(text.get(at + 1..)?)?,
            _ => return None,
        }
        is_escaped = true;
    }
}

/// Answers where in a string the first byte stands at which it may end: a quote, a backslash, a control character.
#[inline]
fn stop(text: &[u8]) -> Option<usize> {
    let (parts, rest) = text.as_chunks();
    for (number, part) in parts.iter().enumerate() {
        // Strings are too short for a choice of vectors to pay.
        let found = dispatch!(Level::baseline(), simd => stops(simd, part));
        if found != 0 {
            return Some(number * 16 + found.trailing_zeros() as usize);
        }
    }
    let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    Some(text.len() - rest.len() + found)
}

#[inline(always)]
fn stops<S: Simd>(simd: S, part: &[u8; 16]) -> u64 {
    let bytes = u8x16::simd_from(simd, *part);
    (bytes.simd_eq(b'"') | bytes.simd_eq(b'\\') | bytes.simd_le(LAST_CONTROL)).to_bitmask()
}

/// Answers how many bytes behind its backslash an escape has.
#[inline]
fn escape(text: &[u8]) -> Option<usize> {
    match text.split_first()? {
        (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', _) => Some(1),
        (b'u', rest) => rest.first_chunk::<4>()?.iter().fold(true, |all, digit| all & digit.is_ascii_hexdigit()).then_some(5),
        _ => None,
    }
}

/// Answers the length of `true`, `false`, `null` or a number, behind which something follows.
pub(super) fn word(text: &[u8]) -> Option<usize> {
    let length = text.iter().position(|byte| matches!(byte, b',' | b']' | b'}'))?;
    let word = text.get(..length)?;
    (matches!(word, b"true" | b"false" | b"null") || is_number(word)).then_some(length)
}

fn is_number(text: &[u8]) -> bool {
    let (whole, mut rest) = digits(text.strip_prefix(b"-").unwrap_or(text));
    if whole.is_empty() || whole.len() > 1 && whole.starts_with(b"0") {
        return false;
    }
    if let Some(behind) = rest.strip_prefix(b".") {
        let (fraction, behind) = digits(behind);
        if fraction.is_empty() {
            return false;
        }
        rest = behind;
    }
    if let Some((b'e' | b'E', behind)) = rest.split_first() {
        let (exponent, behind) = digits(behind.strip_prefix(b"+").or(behind.strip_prefix(b"-")).unwrap_or(behind));
        if exponent.is_empty() {
            return false;
        }
        rest = behind;
    }
    rest.is_empty()
}

/// Splits off the digits in front.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// Answers the length of the map or list that `text` begins with, which is not an empty one.
#[inline(always)]
fn container<S: Simd>(simd: S, text: &[u8]) -> Option<usize> {
    let (blocks, rest) = text.as_chunks();
    let mut last = [b' '; BLOCK];
    last.iter_mut().zip(rest).for_each(|(slot, byte)| *slot = *byte);
    let mut walk = Walk::new(text);
    for block in blocks.iter().chain([&last]) {
        if let ControlFlow::Break(length) = walk.block(simd, block)? {
            return Some(length);
        }
    }
    None
}

/// The bytes of a block that mean something, wherever they stand.
struct Marks {
    quote: u64,
    backslash: u64,
    comma: u64,
    colon: u64,
    /// `{` and `[`
    open: u64,
    /// `}` and `]`
    close: u64,
    /// Of brackets: `{` and `}`. Others may be in it too.
    curly: u64,
    control: u64,
}

impl Marks {
    #[inline(always)]
    fn of<S: Simd>(simd: S, block: &[u8; BLOCK]) -> Marks {
        /// What a curly bracket has and a square one has not.
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

/// Moves masks on by one byte, from block to block.
#[derive(Default)]
struct Behind(u64);

impl Behind {
    /// The bytes behind those of `mask`.
    #[inline(always)]
    fn of(&mut self, mask: u64) -> u64 {
        let behind = mask << 1 | self.0;
        self.0 = mask >> 63;
        behind
    }
}

/// A way through a map or list, a block at a time.
struct Walk<'t> {
    text: &'t [u8],
    /// Where the block begins.
    at: usize,
    /// What is open, innermost last: 1 for a map, 0 for a list, below a 1 that stays.
    open: u64,
    /// 1 where the first byte of the block is escaped.
    escape: u64,
    /// All ones where the block begins in a string.
    string: u64,
    /// 1 where that is a key: it ripples on.
    key: u64,
    /// The first bytes of the block that must be digits of an escape.
    digits: u64,
    behind_bracket: Behind,
    behind_start: Behind,
    behind_word: Behind,
    behind_key: Behind,
    before_key: Behind,
}

impl<'t> Walk<'t> {
    /// What is open where nothing is.
    const NOTHING: u64 = 1;
    /// Whether as much is open as there is room for.
    const FULL: u64 = 1 << 63;

    fn new(text: &'t [u8]) -> Self {
        Walk {
            text,
            at: 0,
            open: Self::NOTHING,
            escape: 0,
            string: 0,
            key: 0,
            digits: 0,
            behind_bracket: Behind::default(),
            // A value may begin here.
            behind_start: Behind(1),
            behind_word: Behind::default(),
            behind_key: Behind::default(),
            before_key: Behind::default(),
        }
    }

    /// Looks at the next block. Breaks off with the length of the whole where it ends in this one; `None` where
    /// something is not plainly right.
    #[inline(always)]
    fn block<S: Simd>(&mut self, simd: S, block: &[u8; BLOCK]) -> Option<ControlFlow<usize>> {
        let marks = Marks::of(simd, block);
        let escaped = self.escaped(marks.backslash);
        let quote = marks.quote & !escaped;
        // Ones from an opening quote up to the byte before the closing one.
        let string = every_other(quote) ^ self.string;
        self.string = (string >> 63).wrapping_neg();

        let (begins, ends) = (quote & string, quote & !string);
        let (comma, colon) = (marks.comma & !string, marks.colon & !string);
        let (open, close) = (marks.open & !string, marks.close & !string);
        let words = !(string | ends | comma | colon | open | close);
        let word = words & !self.behind_word.of(words);

        let brackets = self.brackets(open, close, marks.curly)?;
        let mut wrong = marks.control | brackets.wrong;

        // Behind a bracket that opens, a comma or a colon a value begins or a key, and nowhere else; but for
        // an empty map or list. The other bytes of a string or a word may be anything.
        let is_empty = close & self.behind_bracket.of(open);
        wrong |= (begins | open | word | is_empty) ^ self.behind_start.of(open | comma | colon);

        // Where a key must stand no other value does; a colon is behind a key, and behind nothing else.
        let key = self.before_key.of(open & marks.curly | comma & brackets.in_map);
        wrong |= key & (open | word);
        // The ones of a key ripple away, up to the zero at its closing quote.
        let (sum, over) = string.overflowing_add(begins & key | self.key);
        self.key = u64::from(over);
        wrong |= self.behind_key.of(sum & ends) ^ colon;

        let letters = escaped & !(marks.quote | marks.backslash);
        if letters | self.digits != 0 {
            wrong |= self.letters(simd, block, letters);
        }

        // What stands behind the end is somebody else's.
        if wrong & brackets.within != 0 {
            return None;
        }
        let mut words = word & brackets.within;
        while let Some(at) = first(&mut words) {
            self::word(self.text.get(self.at + at as usize..)?)?;
        }
        self.at += BLOCK;
        Some(if self.open == Self::NOTHING {
            ControlFlow::Break(self.at - brackets.within.leading_zeros() as usize)
        } else {
            ControlFlow::Continue(())
        })
    }

    /// The bytes that a backslash stands before which is not escaped itself: in a row of them every other one.
    #[inline(always)]
    fn escaped(&mut self, backslash: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let first = self.escape;
        if backslash == 0 {
            self.escape = 0;
            return first;
        }
        let escaping = backslash & !first;
        let behind = escaping << 1 | first;
        // A row that begins at an odd byte carries on, as a sum, to the byte behind it.
        let (carried, over) = (escaping & !EVEN & !behind).overflowing_add(escaping);
        self.escape = u64::from(over);
        (EVEN ^ carried << 1) & behind
    }

    /// Answers the letters that no escape has, and the bytes that are no digits where some must stand.
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

    /// Follows what is opened and closed.
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

/// What the brackets of a block say.
struct Brackets {
    /// The bytes of which the innermost thing that is open is a map.
    in_map: u64,
    /// Brackets that close the other kind.
    wrong: u64,
    /// The bytes up to the bracket that closes the whole.
    within: u64,
}

/// Ones from each first bit of a mask up to the bit before its second.
#[inline(always)]
fn every_other(mask: u64) -> u64 {
    [1, 2, 4, 8, 16, 32].into_iter().fold(mask, |mask, by| mask ^ mask << by)
}

/// Takes the lowest bit out of a mask and answers its place.
#[inline(always)]
fn first(mask: &mut u64) -> Option<u32> {
    if *mask == 0 {
        return None;
    }
    let at = mask.trailing_zeros();
    *mask &= *mask - 1;
    Some(at)
}
