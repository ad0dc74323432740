//! Proves a log: that its lines are those that were written, in the order they were written in, and that
//! none was taken out from between two others. What a chain cannot prove is said in `docs/audit.md`.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Read};

use serde::Serialize;

use super::chain::{Hash, Link, Piece, genesis};

/// The longest line that is read, in bytes: several times the largest entry that the queue takes.
pub const MAX_LINE: u64 = 128 << 20;

/// What a log proves. It is whole where `broken` is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How many files were read.
    pub files: usize,
    /// How many audit lines they hold.
    pub lines: usize,
    /// How many entries the lines say were dropped.
    pub dropped: u64,
    /// The chains, by name.
    pub chains: Vec<ChainReport>,
    /// Every broken place, the oldest first.
    pub broken: Vec<Place>,
    /// What is worth knowing and breaks nothing.
    pub notes: Vec<Place>,
}

/// One chain of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainReport {
    /// Its name.
    pub chain: String,
    /// The number of its first line in these files.
    pub first: u64,
    /// The number of its last line in these files.
    pub last: u64,
    /// The hash of that last line: kept elsewhere, it shows later whether the end was cut off.
    pub hash: String,
}

/// A word about one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file, as it was named.
    pub file: String,
    /// The line in it, from 1.
    pub line: u64,
    /// What is wrong there, or worth knowing.
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

/// What one file holds.
struct Contents {
    name: String,
    /// When its first line was written: the order of the report.
    time: String,
    /// Its lines, a list a chain.
    runs: BTreeMap<String, Vec<Step>>,
    /// Lines that look like the beginning of one.
    pieces: Vec<(u64, Piece)>,
    /// Lines that do not.
    strangers: Vec<(u64, &'static str)>,
}

/// Reads one file after the other and proves what they hold together. Their order does not matter: chains
/// say what follows what.
///
/// # Errors
/// The name of the file that cannot be read, and why.
pub fn verify<R: BufRead>(files: impl IntoIterator<Item = (String, io::Result<R>)>) -> Result<Report, (String, io::Error)> {
    let mut report = Report { files: 0, lines: 0, dropped: 0, chains: Vec::new(), broken: Vec::new(), notes: Vec::new() };
    let mut contents = Vec::new();
    for (name, reader) in files {
        let mut file = Contents { name, time: String::new(), runs: BTreeMap::new(), pieces: Vec::new(), strangers: Vec::new() };
        if let Err(error) = reader.and_then(|reader| read(reader, &mut file, &mut report)) {
            return Err((file.name, error));
        }
        report.files += 1;
        contents.push(file);
    }
    contents.sort_by(|left, right| left.time.cmp(&right.time));

    let mut chains: BTreeMap<&str, Vec<(&str, &[Step])>> = BTreeMap::new();
    for file in &contents {
        for (chain, steps) in &file.runs {
            chains.entry(chain).or_default().push((&file.name, steps));
        }
    }
    let damaged = sort_pieces(&chains, &contents, &mut report);
    for (chain, runs) in &mut chains {
        runs.sort_by_key(|(_, steps)| steps.first().map_or(0, |step| step.sequence));
        let steps: Vec<(&str, &Step)> = runs.iter().flat_map(|(file, steps)| steps.iter().map(|step| (*file, step))).collect();
        walk(chain, &steps, &damaged, &mut report);
    }
    for file in &contents {
        let strangers = file.strangers.iter().map(|(line, message)| place(&file.name, *line, (*message).to_owned()));
        report.broken.extend(strangers);
    }
    let age = |place: &Place| (contents.iter().position(|file| file.name == place.file), place.line);
    report.broken.sort_by_key(age);
    report.notes.sort_by_key(age);
    Ok(report)
}

fn read(mut reader: impl BufRead, file: &mut Contents, report: &mut Report) -> io::Result<()> {
    let mut number = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        number += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if u64::try_from(line.len()).is_ok_and(|length| length >= MAX_LINE) {
            file.strangers.push((number, "this line is longer than any audit line"));
            reader.skip_until(b'\n')?;
            continue;
        }
        if line.is_empty() {
            continue;
        }
        if let Some(link) = Link::read(&line) {
            report.lines += 1;
            report.dropped = report.dropped.saturating_add(link.dropped);
            if file.time.is_empty() {
                file.time = link.time;
            }
            let step = Step { line: number, sequence: link.sequence, previous: link.previous, hash: Hash::of(&line) };
            file.runs.entry(link.chain).or_default().push(step);
        } else if let Some(piece) = Piece::read(&line) {
            file.pieces.push((number, piece));
        } else {
            file.strangers.push((number, "this is no audit line of the schema netpol.abcdesktop.io/audit/v1: it was put here or changed"));
        }
    }
}

/// Tells torn lines from damaged ones: a line that was torn comes again with its number before the chain
/// goes on. Answers chain and number of the damaged ones.
fn sort_pieces<'c>(
    chains: &BTreeMap<&str, Vec<(&str, &[Step])>>,
    contents: &'c [Contents],
    report: &mut Report,
) -> BTreeSet<(&'c str, u64)> {
    let numbers = |runs: &Vec<(&str, &[Step])>| -> BTreeSet<u64> {
        runs.iter().flat_map(|(_, steps)| steps.iter()).map(|step| step.sequence).collect()
    };
    let numbers: BTreeMap<&str, BTreeSet<u64>> = chains.iter().map(|(chain, runs)| (*chain, numbers(runs))).collect();
    let mut damaged = BTreeSet::new();
    for file in contents {
        for (line, piece) in &file.pieces {
            let lost = piece.of.as_ref().filter(|(chain, number)| {
                numbers.get(chain.as_str()).is_some_and(|numbers| numbers.last() > Some(number) && !numbers.contains(number))
            });
            if let Some((chain, number)) = lost {
                damaged.insert((chain.as_str(), *number));
                report.broken.push(place(&file.name, *line, CHANGED.to_owned()));
            } else {
                let message = "a torn line, left by a crash or a full disk, is passed over".to_owned();
                report.notes.push(place(&file.name, *line, message));
            }
        }
    }
    damaged
}

/// Walks one chain from its oldest line to its youngest.
fn walk(name: &str, steps: &[(&str, &Step)], damaged: &BTreeSet<(&str, u64)>, report: &mut Report) {
    let (Some((first_file, first)), Some((_, last))) = (steps.first(), steps.last()) else { return };
    report.chains.push(ChainReport { chain: name.to_owned(), first: first.sequence, last: last.sequence, hash: last.hash.to_string() });
    if first.sequence > 1 {
        let message = format!("chain {name} begins here with number {}: what came before is not in these files", first.sequence);
        report.notes.push(place(first_file, first.line, message));
    } else if first.previous != genesis(name).to_string() {
        report.broken.push(place(first_file, first.line, CHANGED.to_owned()));
    }

    // Whether the link before broke because of the line behind it: one changed line breaks both of its links.
    let mut blamed = false;
    for (index, ((left_file, left), (right_file, right))) in steps.iter().zip(steps.iter().skip(1)).enumerate() {
        let due = left.sequence.saturating_add(1);
        if follows(left, right) || (blamed && right.sequence == due) {
            blamed = false;
            continue;
        }
        blamed = false;
        if right.sequence > due && (due..right.sequence).all(|number| damaged.contains(&(name, number))) {
            continue;
        }
        report.broken.push(match right.sequence.cmp(&due) {
            // Either line may be the changed one; the link behind them tells which.
            Ordering::Equal => {
                blamed = steps.get(index + 2).is_some_and(|(_, next)| !follows(right, next));
                let (file, line) = if blamed { (right_file, right.line) } else { (left_file, left.line) };
                place(file, line, format!("{CHANGED}, or the line {} it was", if blamed { "before" } else { "behind" }))
            }
            Ordering::Greater if right.previous == left.hash.to_string() => {
                blamed = true;
                place(right_file, right.line, format!("the number of this line was changed: {} where {due} was due", right.sequence))
            }
            Ordering::Greater => place(right_file, right.line, missing(due, right.sequence)),
            Ordering::Less => {
                let message = format!("number {} stands here behind number {}: it was moved or repeated", right.sequence, left.sequence);
                place(right_file, right.line, message)
            }
        });
    }
}

fn place(file: &str, line: u64, message: String) -> Place {
    Place { file: file.to_owned(), line, message }
}

fn missing(due: u64, found: u64) -> String {
    match found - due {
        1 => format!("number {due} is missing before this line, which is number {found}"),
        _ => format!("numbers {due} to {} are missing before this line", found - 1),
    }
}

fn follows(left: &Step, right: &Step) -> bool {
    right.sequence == left.sequence.saturating_add(1) && right.previous == left.hash.to_string()
}
