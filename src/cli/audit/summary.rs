//! `netpol audit show --summary`: the lines of a log, counted by rule and by user.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::table::{printable, verdict_style};
use crate::audit::shown::{Seen, ShownLine};
use crate::cli::manifests::display::Count;
use crate::cli::output::NAME;

/// The verdicts, in the order of the columns. Other verdicts follow.
pub(super) const VERDICTS: [&str; 5] = ["denied", "unanswered", "softened", "warned", "allowed"];

/// The lines that a filter selected.
#[derive(Debug, Default)]
pub(super) struct Summary {
    all: Tally,
    rules: BTreeMap<String, Tally>,
    users: BTreeMap<String, Tally>,
    /// Requests without a verdict that have no line.
    omitted: u64,
}

/// Lines with something in common.
#[derive(Debug, Default, Serialize)]
struct Tally {
    lines: u64,
    verdicts: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time")]
    first: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time")]
    last: Option<Timestamp>,
}

#[allow(clippy::ref_option, reason = "serde passes references")]
fn time<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:.6}", time.unwrap_or_default()))
}

impl Tally {
    fn add(&mut self, line: &ShownLine<'_>) {
        self.lines += 1;
        match self.verdicts.get_mut(&*line.verdict) {
            Some(number) => *number += 1,
            None => drop(self.verdicts.insert(line.verdict.clone().into_owned(), 1)),
        }
        self.first = Some(self.first.map_or(line.time, |first| first.min(line.time)));
        self.last = self.last.max(Some(line.time));
    }
}

/// The document of `--output json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'s> {
    #[serde(flatten)]
    all: &'s Tally,
    dropped: u64,
    omitted: u64,
    other: usize,
    damaged: usize,
    repeated: usize,
    rules: Vec<OfRule<'s>>,
    users: Vec<OfUser<'s>>,
}

#[derive(Serialize)]
struct OfRule<'s> {
    rule: &'s str,
    #[serde(flatten)]
    tally: &'s Tally,
}

#[derive(Serialize)]
struct OfUser<'s> {
    user: &'s str,
    #[serde(flatten)]
    tally: &'s Tally,
}

impl Summary {
    /// Counts a line. A line without a rule or a user counts as one of all lines only.
    pub(super) fn add(&mut self, line: &ShownLine<'_>) {
        self.all.add(line);
        self.omitted = self.omitted.saturating_add(line.omitted);
        for (tallies, name) in [(&mut self.rules, line.rule.as_deref()), (&mut self.users, Some(&*line.user))] {
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                tallies.entry(name.to_owned()).or_default().add(line);
            }
        }
    }

    /// Writes the summary as JSON.
    pub(super) fn json(&self, seen: &Seen, dropped: u64, repeated: usize, out: &mut dyn Write) -> io::Result<()> {
        let document = Document {
            all: &self.all,
            dropped,
            omitted: self.omitted,
            other: seen.other,
            damaged: seen.damaged,
            repeated,
            rules: sorted(&self.rules).into_iter().map(|(rule, tally)| OfRule { rule, tally }).collect(),
            users: sorted(&self.users).into_iter().map(|(user, tally)| OfUser { user, tally }).collect(),
        };
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)
    }

    /// Writes the summary as text; nothing if there is no line.
    pub(super) fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (Some(first), Some(last)) = (self.all.first, self.all.last) else { return Ok(()) };
        let verdicts = self.verdicts();
        let counts: Vec<String> = verdicts.iter().map(|verdict| format!("{} {}", number(&self.all, verdict), printable(verdict))).collect();
        let lines = Count(usize::try_from(self.all.lines).unwrap_or(usize::MAX), "line");
        writeln!(out, "{lines} from {first:.0} to {last:.0}: {}", counts.join(", "))?;
        for (title, tallies) in [("RULE", &self.rules), ("USER", &self.users)] {
            if !tallies.is_empty() {
                writeln!(out)?;
                write_tallies(title, &sorted(tallies), &verdicts, out)?;
            }
        }
        Ok(())
    }

    /// Returns the verdicts that occur.
    fn verdicts(&self) -> Vec<&str> {
        let known = VERDICTS.into_iter().filter(|verdict| self.all.verdicts.contains_key(*verdict));
        known.chain(self.all.verdicts.keys().map(String::as_str).filter(|verdict| !VERDICTS.contains(verdict))).collect()
    }
}

/// Sorts tallies by their number of lines, the largest first, and then by their last line.
fn sorted(tallies: &BTreeMap<String, Tally>) -> Vec<(&str, &Tally)> {
    let mut sorted: Vec<(&str, &Tally)> = tallies.iter().map(|(name, tally)| (name.as_str(), tally)).collect();
    sorted.sort_by_key(|(_, tally)| (Reverse(tally.lines), Reverse(tally.last)));
    sorted
}

fn number(tally: &Tally, verdict: &str) -> u64 {
    tally.verdicts.get(verdict).copied().unwrap_or_default()
}

fn write_tallies(title: &str, tallies: &[(&str, &Tally)], verdicts: &[&str], out: &mut dyn Write) -> io::Result<()> {
    let names: Vec<String> = tallies.iter().map(|(name, _)| printable(name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default().max(title.len());
    write!(out, "{NAME}{title:<width$}{NAME:#}")?;
    for verdict in verdicts {
        write!(out, "  {NAME}{}{NAME:#}", printable(verdict).to_uppercase())?;
    }
    writeln!(out, "  {NAME}LAST{NAME:#}")?;
    for (name, (_, tally)) in names.iter().zip(tallies) {
        write!(out, "{name:<width$}")?;
        for verdict in verdicts {
            let number = number(tally, verdict);
            let style = if number > 0 { verdict_style(verdict) } else { anstyle::Style::new() };
            let width = verdict.chars().count();
            write!(out, "  {style}{number:>width$}{style:#}")?;
        }
        writeln!(out, "  {:.0}", tally.last.unwrap_or_default())?;
    }
    Ok(())
}
