//! Verifies a log: no line was changed or moved, and none is missing between two others. Lines that are not audit
//! lines are counted: the standard output of a server is often collected with its ordinary log.
//! `docs/audit.md` explains what a chain cannot prove.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};

use serde::Serialize;

use super::chain::{Hash, Link, SCHEMA, TornLine, genesis};
use super::lines::{self, Line};

/// The result of a verification. The log is intact if `broken` is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// The number of files.
    pub files: usize,
    /// The number of audit lines in the files.
    pub lines: usize,
    /// The number of other lines, such as those of the server's ordinary log.
    pub other: usize,
    /// The number of dropped entries that the lines report.
    pub dropped: u64,
    /// The chains, by name.
    pub chains: Vec<ChainSummary>,
    /// The places where a chain is broken, oldest first.
    pub broken: Vec<LineMessage>,
    /// Remarks that do not break a chain, oldest first.
    pub notes: Vec<LineMessage>,
}

/// One chain of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainSummary {
    /// The name of the chain.
    pub chain: String,
    /// The number of its first line in the files.
    pub first: u64,
    /// The number of its last line in the files.
    pub last: u64,
    /// The hash of the last line. A copy in another place later shows whether the end of the log was cut off.
    pub hash: String,
}

/// A message about one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineMessage {
    /// The name of the file, as the caller gave it.
    pub file: String,
    /// The number of the line in the file, from 1.
    pub line: u64,
    /// The message.
    pub message: String,
}

const CHANGED: &str = "this line was changed after it was written";

/// One line of a chain.
struct Step {
    line: u64,
    sequence: u64,
    previous: String,
    hash: Hash,
}

/// The content of one file.
struct Contents {
    name: String,
    /// The time of the first line, by which the files are sorted.
    time: String,
    /// The lines of each chain, by its name.
    runs: BTreeMap<String, Vec<Step>>,
    /// Lines that may be the start of an audit line.
    torn: Vec<(u64, TornLine)>,
    /// Lines that are not audit lines, but look like one.
    foreign: Vec<(u64, &'static str)>,
}

/// Reads files and verifies their chains. The order of the files does not matter.
///
/// # Errors
/// The name of a file that cannot be read, and the reason.
pub fn verify<R: BufRead>(files: impl IntoIterator<Item = (String, io::Result<R>)>) -> Result<Verification, (String, io::Error)> {
    let mut result = Verification { files: 0, lines: 0, other: 0, dropped: 0, chains: Vec::new(), broken: Vec::new(), notes: Vec::new() };
    let mut contents = Vec::new();
    for (name, reader) in files {
        let mut file = Contents { name, time: String::new(), runs: BTreeMap::new(), torn: Vec::new(), foreign: Vec::new() };
        if let Err(error) = reader.and_then(|reader| read(reader, &mut file, &mut result)) {
            return Err((file.name, error));
        }
        result.files += 1;
        contents.push(file);
    }
    contents.sort_by(|left, right| left.time.cmp(&right.time));

    let mut chains: BTreeMap<&str, Vec<(&str, &[Step])>> = BTreeMap::new();
    for file in &contents {
        for (chain, steps) in &file.runs {
            chains.entry(chain).or_default().push((&file.name, steps));
        }
    }
    let damaged = check_torn_lines(&chains, &contents, &mut result);
    for (chain, runs) in &mut chains {
        runs.sort_by_key(|(_, steps)| steps.first().map_or(0, |step| step.sequence));
        let steps: Vec<(&str, &Step)> = runs.iter().flat_map(|(file, steps)| steps.iter().map(|step| (*file, step))).collect();
        check_chain(chain, &steps, &damaged, &mut result);
    }
    for file in &contents {
        let foreign = file.foreign.iter().map(|(line, message)| line_message(&file.name, *line, (*message).to_owned()));
        result.broken.extend(foreign);
    }
    let age = |place: &LineMessage| (contents.iter().position(|file| file.name == place.file), place.line);
    result.broken.sort_by_key(age);
    result.notes.sort_by_key(age);
    Ok(result)
}

fn read(reader: impl BufRead, file: &mut Contents, result: &mut Verification) -> io::Result<()> {
    lines::each(reader, |number, line| {
        match line {
            Line::Content(content) => note(number, &content, file, result),
            Line::TooLong => file.foreign.push((number, "this line is longer than any audit line")),
        }
        Ok(())
    })
}

/// Notes a line that a process wrote.
fn note(number: u64, line: &[u8], file: &mut Contents, result: &mut Verification) {
    if let Some(link) = Link::parse(line) {
        result.lines += 1;
        result.dropped = result.dropped.saturating_add(link.dropped);
        if file.time.is_empty() {
            file.time = link.time;
        }
        let step = Step { line: number, sequence: link.sequence, previous: link.previous, hash: Hash::of(line) };
        file.runs.entry(link.chain).or_default().push(step);
    } else if let Some(torn) = TornLine::parse(line) {
        file.torn.push((number, torn));
    } else if looks_like_an_audit_line(line) {
        file.foreign.push((number, "this is not an audit line, but looks like one: it was changed or inserted"));
    } else {
        result.other += 1;
    }
}

/// Returns whether a line contains the name of the schema, or the hash of a previous line. No other line of a server
/// does. If an audit line is changed in one place, one of the two remains.
pub(super) fn looks_like_an_audit_line(line: &[u8]) -> bool {
    const PREVIOUS: &[u8] = br#""previous":""#;
    const HASH: usize = 64;
    let is_hash = |text: &[u8]| text.get(..HASH).is_some_and(|hash| hash.iter().all(u8::is_ascii_hexdigit));
    let mut tails = (0..line.len()).filter_map(|at| line.get(at..));
    tails.any(|tail| tail.starts_with(SCHEMA.as_bytes()) || tail.strip_prefix(PREVIOUS).is_some_and(is_hash))
}

/// Separates torn lines from damaged ones: the writer repeats a torn line, with its number, before the chain
/// continues. Returns the chains and numbers of the damaged lines.
fn check_torn_lines<'c>(
    chains: &BTreeMap<&str, Vec<(&str, &[Step])>>,
    contents: &'c [Contents],
    result: &mut Verification,
) -> BTreeSet<(&'c str, u64)> {
    let numbers = |runs: &Vec<(&str, &[Step])>| -> BTreeSet<u64> {
        runs.iter().flat_map(|(_, steps)| steps.iter()).map(|step| step.sequence).collect()
    };
    let numbers: BTreeMap<&str, BTreeSet<u64>> = chains.iter().map(|(chain, runs)| (*chain, numbers(runs))).collect();
    let mut damaged = BTreeSet::new();
    for file in contents {
        for (line, torn) in &file.torn {
            let lost = torn.of.as_ref().filter(|(chain, number)| {
                numbers.get(chain.as_str()).is_some_and(|numbers| numbers.last() > Some(number) && !numbers.contains(number))
            });
            if let Some((chain, number)) = lost {
                damaged.insert((chain.as_str(), *number));
                result.broken.push(line_message(&file.name, *line, CHANGED.to_owned()));
            } else {
                let message = "skipped an incomplete line left by a crash or a full disk".to_owned();
                result.notes.push(line_message(&file.name, *line, message));
            }
        }
    }
    damaged
}

/// Checks one chain from its oldest line to its newest.
fn check_chain(name: &str, steps: &[(&str, &Step)], damaged: &BTreeSet<(&str, u64)>, result: &mut Verification) {
    let (Some((first_file, first)), Some((_, last))) = (steps.first(), steps.last()) else { return };
    result.chains.push(ChainSummary { chain: name.to_owned(), first: first.sequence, last: last.sequence, hash: last.hash.to_string() });
    if first.sequence > 1 {
        let message = format!("chain {name} begins here with number {}: the earlier lines are not in these files", first.sequence);
        result.notes.push(line_message(first_file, first.line, message));
    } else if first.previous != genesis(name).to_string() {
        result.broken.push(line_message(first_file, first.line, CHANGED.to_owned()));
    }

    // Whether the previous link was reported as broken because of its right line. One changed line breaks both of
    // its links but is reported once.
    let mut is_reported = false;
    for (index, ((left_file, left), (right_file, right))) in steps.iter().zip(steps.iter().skip(1)).enumerate() {
        let expected = left.sequence.saturating_add(1);
        if follows(left, right) || (is_reported && right.sequence == expected) {
            is_reported = false;
            continue;
        }
        is_reported = false;
        if right.sequence > expected && (expected..right.sequence).all(|number| damaged.contains(&(name, number))) {
            continue;
        }
        result.broken.push(match right.sequence.cmp(&expected) {
            // Either line may be the changed one. If the next link is broken too, it is the right one.
            Ordering::Equal => {
                is_reported = steps.get(index + 2).is_some_and(|(_, next)| !follows(right, next));
                if is_reported {
                    line_message(right_file, right.line, "this line or the line before it was changed after it was written".to_owned())
                } else {
                    line_message(left_file, left.line, "this line or the line after it was changed after it was written".to_owned())
                }
            }
            Ordering::Greater if right.previous == left.hash.to_string() => {
                is_reported = true;
                let message = format!("the number of this line was changed: found {}, expected {expected}", right.sequence);
                line_message(right_file, right.line, message)
            }
            Ordering::Greater => line_message(right_file, right.line, missing(expected, right.sequence)),
            Ordering::Less => {
                let message = format!("number {} follows number {}: this line was moved or repeated", right.sequence, left.sequence);
                line_message(right_file, right.line, message)
            }
        });
    }
}

fn line_message(file: &str, line: u64, message: String) -> LineMessage {
    LineMessage { file: file.to_owned(), line, message }
}

fn missing(expected: u64, found: u64) -> String {
    match found - expected {
        1 => format!("number {expected} is missing before this line, which has number {found}"),
        _ => format!("numbers {expected} to {} are missing before this line", found - 1),
    }
}

fn follows(left: &Step, right: &Step) -> bool {
    right.sequence == left.sequence.saturating_add(1) && right.previous == left.hash.to_string()
}
