//! The chain: each line carries the hash of the line before, its number, and the name of its chain.
//!
//! A chain begins with a new file or with a process that writes to a stream; a file's chain goes on
//! across rotation and restart. Its name keeps the lines of several servers apart where one collector
//! gathers them.

use std::fmt;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use super::{Entry, Record};

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
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).map_or('?', |digit| char::from(*digit));
        let mut text = String::with_capacity(2 * self.0.len());
        for byte in self.0 {
            text.push(digit(byte >> 4));
            text.push(digit(byte & 15));
        }
        formatter.write_str(&text)
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
    /// The number of the line that was written last; 0 before the first.
    sequence: u64,
    previous: Hash,
}

impl Chain {
    /// Begins a chain.
    pub(super) fn new(named_after: [u8; 8]) -> Chain {
        let name = format!("{:016x}", u64::from_be_bytes(named_after));
        let previous = genesis(&name);
        Chain { name, sequence: 0, previous }
    }

    /// Continues behind a line that stands in a file.
    pub(super) fn behind(line: &[u8]) -> Option<Chain> {
        let Link { chain, sequence, .. } = Link::read(line)?;
        Some(Chain { name: chain, sequence, previous: Hash::of(line) })
    }

    /// Writes the next line, without a newline. The chain moves on with [`Chain::advance`], once the line is out.
    ///
    /// # Errors
    /// Those of the serialiser; none is known for a record.
    pub(super) fn line(&self, entry: &Entry, dropped: u64) -> serde_json::Result<Vec<u8>> {
        let mut line = Vec::with_capacity(LONG_LINE);
        serde_json::to_writer(
            &mut line,
            &Line {
                schema: SCHEMA,
                chain: &self.name,
                sequence: self.sequence.saturating_add(1),
                previous: self.previous.to_string(),
                time: format!("{:.6}", entry.time),
                dropped,
                record: &entry.record,
                client_verified: entry.client_verified,
                latency_microseconds: u64::try_from(entry.latency.as_micros()).unwrap_or(u64::MAX),
            },
        )?;
        Ok(line)
    }

    /// Notes that `line` is out.
    pub(super) fn advance(&mut self, line: &[u8]) {
        self.sequence = self.sequence.saturating_add(1);
        self.previous = Hash::of(line);
    }
}

/// The bytes of a longish line.
const LONG_LINE: usize = 1536;

/// One line. `HEAD` holds its first fields as they are written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    schema: &'static str,
    chain: &'a str,
    sequence: u64,
    previous: String,
    time: String,
    #[serde(skip_serializing_if = "is_zero")]
    dropped: u64,
    #[serde(flatten)]
    record: &'a Record,
    client_verified: bool,
    latency_microseconds: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What links a line to its neighbours, read back.
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
