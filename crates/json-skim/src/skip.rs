//! Finds the end of a value and checks that the value is JSON.
//!
//! [`dispatch!`] compiles the walk through a map or list once for each kind of vector instructions and picks
//! the widest that the processor has.
#![expect(clippy::inline_always, reason = "a function that is not inlined into its caller is compiled for the oldest processor")]

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, u8x16};

use crate::masks::LAST_CONTROL;
use crate::walk::{container, valid_container};
use crate::word;

/// Returns the length in bytes of the value at the start of `text`, or `None` if the value is unclear.
pub(crate) fn value(level: Level, text: &[u8]) -> Option<usize> {
    match text {
        // As frequent as all others together, and too short for a block.
        [b'{', b'}', ..] | [b'[', b']', ..] => Some(2),
        [b'{' | b'[', ..] => dispatch!(level, simd => container(simd, text)),
        [b'"', ..] => string(text).map(|(length, _)| length),
        _ => word::length(text),
    }
}

/// Returns the length in bytes of the value at the start of `text`, which is part of valid JSON: it finds the
/// closing bracket and checks nothing else. For any other text the result is `None` or some length.
pub(crate) fn valid_value(level: Level, text: &[u8]) -> Option<usize> {
    match text {
        [b'{', b'}', ..] | [b'[', b']', ..] => Some(2),
        [b'{' | b'[', ..] => dispatch!(level, simd => valid_container(simd, text)),
        _ => value(level, text),
    }
}

/// Returns the length of the string at the start of `text` with its quotes, and whether it contains an escape.
pub(crate) fn string(text: &[u8]) -> Option<(usize, bool)> {
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

/// Returns the position of the first quote, backslash or control character.
#[inline]
fn stop(text: &[u8]) -> Option<usize> {
    let (parts, rest) = text.as_chunks();
    for (number, part) in parts.iter().enumerate() {
        // Most strings are short: choosing wider vectors costs more than it saves.
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

/// Returns the length of an escape after its backslash.
#[inline]
fn escape(text: &[u8]) -> Option<usize> {
    match text.split_first()? {
        (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', _) => Some(1),
        (b'u', rest) => rest.first_chunk::<4>()?.iter().fold(true, |all, digit| all & digit.is_ascii_hexdigit()).then_some(5),
        _ => None,
    }
}
