//! The hash chain: each line contains the name of its chain, its number, and the hash of the line before it.
//!
//! A chain begins with a new file, or with a process that writes to a stream. The chain of a file continues
//! across rotation and restart. The name separates the lines of several servers in one collector.

use std::fmt;
use std::io::Write as _;

use aws_lc_rs::digest;
use serde::Deserialize;

use super::entry::QueuedEntry;
use crate::documents::text::hex;

/// The schema: the first field of every line.
pub const SCHEMA: &str = "netpol.abcdesktop.io/audit/v1";

/// The start of every line. It identifies a torn line.
pub(super) const HEAD: &[u8] = br#"{"schema":"netpol.abcdesktop.io/audit/v1","chain":""#;

/// The maximum size of a line without the fields of its entry, in bytes, with a newline at both ends.
pub(super) const MAX_FRAME: usize = 320;

/// The length of a chain's name: eight bytes in hexadecimal.
const NAME_LENGTH: usize = 16;

/// The SHA-256 hash of a line, without its newline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Returns the `previous` hash of the first line of a chain: the hash of the name of the chain, so that neither can
/// be changed alone.
pub fn genesis(name: &str) -> Hash {
    Hash::of(name.as_bytes())
}

fn is_name(text: &[u8]) -> bool {
    text.len() == NAME_LENGTH && is_start_of_name(text)
}

fn is_start_of_name(text: &[u8]) -> bool {
    text.len() <= NAME_LENGTH && text.iter().all(u8::is_ascii_hexdigit)
}

/// A chain and the position of its last line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chain {
    name: String,
    position: Position,
}

/// The position of a line in its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The number of the line; 0 before the first line.
    sequence: u64,
    /// The hash of the line.
    hash: Hash,
}

impl Position {
    /// Returns the position of the next line.
    pub(super) fn after(self, line: &[u8]) -> Position {
        Position { sequence: self.sequence.saturating_add(1), hash: Hash::of(line) }
    }
}

impl Chain {
    /// Begins a chain.
    pub(super) fn new(name: [u8; 8]) -> Chain {
        let name = hex(&name);
        let hash = genesis(&name);
        Chain { name, position: Position { sequence: 0, hash } }
    }

    /// Continues the chain of a line; `None` if the line is not a complete audit line.
    pub(super) fn after(line: &[u8]) -> Option<Chain> {
        let Link { chain, sequence, .. } = Link::parse(line)?;
        Some(Chain { name: chain, position: Position { sequence, hash: Hash::of(line) } })
    }

    /// Returns the position of the last line that is written.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Sets the position of the last line that is written.
    pub(super) fn advance(&mut self, position: Position) {
        self.position = position;
    }

    /// Appends the line after `position` to `lines`, without a newline.
    pub(super) fn write_line(&self, position: Position, entry: &QueuedEntry, dropped: u64, lines: &mut Vec<u8>) {
        lines.reserve(entry.fields().len() + MAX_FRAME);
        lines.extend_from_slice(HEAD);
        lines.extend_from_slice(self.name.as_bytes());
        // Writing to a vector cannot fail.
        let _ = write!(lines, r#"","sequence":{},"previous":"{}""#, position.sequence.saturating_add(1), position.hash);
        let _ = write!(lines, r#","time":"{:.6}""#, entry.time);
        if dropped > 0 {
            let _ = write!(lines, r#","dropped":{dropped}"#);
        }
        lines.push(b',');
        lines.extend_from_slice(entry.fields());
        lines.push(b'}');
    }
}

/// The fields that link a line to its neighbors in the chain.
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
    /// Parses a line; `None` if it is not a complete line of this schema.
    pub(super) fn parse(line: &[u8]) -> Option<Link> {
        if !line.starts_with(HEAD) {
            return None;
        }
        let link: Link = serde_json::from_str(std::str::from_utf8(line).ok()?).ok()?;
        is_name(link.chain.as_bytes()).then_some(link)
    }
}

/// A torn line: the start of a line that a crash or a full disk cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TornLine {
    /// The chain and the number of the line, if the line is long enough to contain them.
    pub(super) of: Option<(String, u64)>,
}

impl TornLine {
    /// Parses an incomplete line; `None` if it cannot be the start of an audit line. After a power failure the file
    /// system may have filled the rest of the block with zeros.
    pub(super) fn parse(line: &[u8]) -> Option<TornLine> {
        let end = line.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let start = line.get(..end)?;
        let Some(rest) = strip_start(start, HEAD)? else { return Some(TornLine { of: None }) };
        let chain = rest.split(|byte| *byte == b'"').next()?;
        let Some(rest) = rest.get(chain.len()..).filter(|rest| !rest.is_empty()) else {
            return is_start_of_name(chain).then_some(TornLine { of: None });
        };
        if !is_name(chain) {
            return None;
        }
        let Some(rest) = strip_start(rest, br#"","sequence":"#)? else { return Some(TornLine { of: None }) };
        let Some(comma) = rest.iter().position(|byte| *byte == b',') else {
            return rest.iter().all(u8::is_ascii_digit).then_some(TornLine { of: None });
        };
        let number = std::str::from_utf8(rest.get(..comma)?).ok()?.parse().ok()?;
        Some(TornLine { of: Some((std::str::from_utf8(chain).ok()?.to_owned(), number)) })
    }
}

/// Returns the bytes after `expected`: `Some(None)` if `bytes` end within it, `None` if they differ.
#[allow(clippy::option_option, reason = "three results, and `?` for the last of them")]
fn strip_start<'b>(bytes: &'b [u8], expected: &[u8]) -> Option<Option<&'b [u8]>> {
    match bytes.strip_prefix(expected) {
        Some(rest) => Some(Some(rest)),
        None => expected.starts_with(bytes).then_some(None),
    }
}
