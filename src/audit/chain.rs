//! The chain: each line carries the hash of the line before, its number, and the name of its chain.
//!
//! A chain begins with a new file or with a process that writes to a stream; a file's chain goes on
//! across rotation and restart. Its name keeps the lines of several servers apart where one collector
//! gathers them.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use aws_lc_rs::digest;
use serde::Deserialize;

use super::queue::Sealed;

/// The schema that every line names first.
pub const SCHEMA: &str = "netpol.abcdesktop.io/audit/v1";

/// What every line begins with: a piece of a line that was torn by a crash is known by it.
pub(super) const HEAD: &[u8] = br#"{"schema":"netpol.abcdesktop.io/audit/v1","chain":""#;

/// SHA-256 of a line's bytes, without its newline.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// Hashes a line.
    pub fn of(line: &[u8]) -> Hash {
        let mut bytes = [0; 32];
        for (byte, hashed) in bytes.iter_mut().zip(digest::digest(&digest::SHA256, line).as_ref()) {
            *byte = *hashed;
        }
        Hash(bytes)
    }

    /// Answers it in lower-case hexadecimal.
    fn digits(self) -> [u8; 64] {
        let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble };
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        digits
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.digits().iter().try_for_each(|digit| formatter.write_char(char::from(*digit)))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The length of a chain's name: eight bytes in hexadecimal.
const NAME: usize = 16;

fn is_name(text: &[u8]) -> bool {
    text.len() == NAME && is_start_of_name(text)
}

fn is_start_of_name(text: &[u8]) -> bool {
    text.len() <= NAME && text.iter().all(u8::is_ascii_hexdigit)
}

/// Answers the hash that the first line of a chain names as its predecessor's: that of the chain's
/// name, so that neither can be changed alone.
pub fn genesis(name: &str) -> Hash {
    Hash::of(name.as_bytes())
}

/// Where a chain stands: what its next line must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chain {
    name: String,
    at: Position,
}

/// How far a chain has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The number of the line that was written last; 0 before the first.
    sequence: u64,
    /// The hash of that line.
    previous: Hash,
}

impl Position {
    /// Answers where the chain stands behind its next line, once that is out.
    pub(super) fn behind(self, line: &[u8]) -> Position {
        Position { sequence: self.sequence.saturating_add(1), previous: Hash::of(line) }
    }
}

impl Chain {
    /// Begins a chain.
    pub(super) fn new(named_after: [u8; 8]) -> Chain {
        let name = format!("{:016x}", u64::from_be_bytes(named_after));
        let previous = genesis(&name);
        Chain { name, at: Position { sequence: 0, previous } }
    }

    /// Continues behind a line that stands in a file.
    pub(super) fn behind(line: &[u8]) -> Option<Chain> {
        let Link { chain, sequence, .. } = Link::read(line)?;
        Some(Chain { name: chain, at: Position { sequence, previous: Hash::of(line) } })
    }

    /// Answers how far it has come.
    pub(super) fn position(&self) -> Position {
        self.at
    }

    /// Moves on: lines are out.
    pub(super) fn advance(&mut self, to: Position) {
        self.at = to;
    }

    /// Writes the line that follows a position behind `lines`, without a newline.
    pub(super) fn line(&self, at: Position, entry: &Sealed<'_>, dropped: u64, lines: &mut Vec<u8>) {
        lines.reserve(entry.record.len() + LONGEST_FRAME);
        lines.extend_from_slice(HEAD);
        lines.extend_from_slice(self.name.as_bytes());
        // Writing into a vector does not fail.
        let _ = write!(lines, r#"","sequence":{},"previous":""#, at.sequence.saturating_add(1));
        lines.extend_from_slice(&at.previous.digits());
        let _ = write!(lines, r#"","time":"{:.6}""#, entry.seal.time);
        if dropped > 0 {
            let _ = write!(lines, r#","dropped":{dropped}"#);
        }
        lines.push(b',');
        lines.extend_from_slice(entry.record);
        let (verified, latency) = (entry.seal.client_verified, entry.seal.latency_microseconds);
        let _ = write!(lines, r#","clientVerified":{verified},"latencyMicroseconds":{latency}}}"#);
    }
}

/// The most bytes of a line beside its record.
const LONGEST_FRAME: usize = 400;

/// What links a line to its neighbors, read back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Link {
    pub(super) chain: String,
    pub(super) sequence: u64,
    pub(super) previous: String,
    #[serde(default)]
    pub(super) dropped: u64,
    pub(super) time: String,
}

impl Link {
    /// Reads a line, if it is a whole one of this schema.
    pub(super) fn read(line: &[u8]) -> Option<Link> {
        if !line.starts_with(HEAD) {
            return None;
        }
        let link: Link = serde_json::from_str(std::str::from_utf8(line).ok()?).ok()?;
        is_name(link.chain.as_bytes()).then_some(link)
    }
}

/// The beginning of a line whose writer was cut off by a crash or a full disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Chain and number of the line, where the piece is long enough to say them.
    pub(super) of: Option<(String, u64)>,
}

impl Piece {
    /// Reads a line that is not whole, if it can be the beginning of one. A file system that lost power
    /// may have filled the rest of the block with zeros.
    pub(super) fn read(line: &[u8]) -> Option<Piece> {
        let end = line.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let piece = line.get(..end)?;
        let Some(rest) = after(piece, HEAD)? else { return Some(Piece { of: None }) };
        let chain = rest.split(|byte| *byte == b'"').next()?;
        let Some(rest) = rest.get(chain.len()..).filter(|rest| !rest.is_empty()) else {
            return is_start_of_name(chain).then_some(Piece { of: None });
        };
        if !is_name(chain) {
            return None;
        }
        let Some(rest) = after(rest, br#"","sequence":"#)? else { return Some(Piece { of: None }) };
        let Some(comma) = rest.iter().position(|byte| *byte == b',') else {
            return rest.iter().all(u8::is_ascii_digit).then_some(Piece { of: None });
        };
        let number = std::str::from_utf8(rest.get(..comma)?).ok()?.parse().ok()?;
        Some(Piece { of: Some((std::str::from_utf8(chain).ok()?.to_owned(), number)) })
    }
}

/// Answers what stands behind `expected`: `Some(None)` where `bytes` end within it, `None` where they differ.
#[allow(clippy::option_option, reason = "three answers, and `?` for the last of them")]
fn after<'b>(bytes: &'b [u8], expected: &[u8]) -> Option<Option<&'b [u8]>> {
    match bytes.strip_prefix(expected) {
        Some(rest) => Some(Some(rest)),
        None => expected.starts_with(bytes).then_some(None),
    }
}
