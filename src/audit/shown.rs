//! Reads the lines of a log for people, and selects those that a filter describes.

use std::borrow::Cow;
use std::io::{self, BufRead};

use jiff::Timestamp;
use serde::Deserialize;

use super::chain::{HEAD, TornLine};
use super::lines::{self, Line};
use super::verify::looks_like_an_audit_line;

/// The fields of a line that a person reads. A line about a request without a verdict lacks some of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownLine<'l> {
    /// The time of the decision.
    #[serde(deserialize_with = "timestamp")]
    pub time: Timestamp,
    /// The number of decisions since the previous line of the chain that have no line.
    #[serde(default)]
    pub dropped: u64,
    /// The number of requests without a verdict that have no line.
    #[serde(default)]
    pub omitted: u64,
    /// The outcome.
    #[serde(borrow)]
    pub verdict: Cow<'l, str>,
    /// The rule of the most severe finding.
    #[serde(borrow, default)]
    pub rule: Option<Cow<'l, str>>,
    /// The operation.
    #[serde(borrow, default)]
    pub operation: Cow<'l, str>,
    /// The kind, with its group.
    #[serde(borrow, default)]
    pub kind: Cow<'l, str>,
    /// The subresource.
    #[serde(borrow, default)]
    pub subresource: Option<Cow<'l, str>>,
    /// The name of the object.
    #[serde(borrow, default)]
    pub name: Cow<'l, str>,
    /// The namespace of the object.
    #[serde(borrow, default)]
    pub namespace: Cow<'l, str>,
    /// The name of the user.
    #[serde(borrow, default)]
    pub user: Cow<'l, str>,
    /// Whether the request is a dry run.
    #[serde(default)]
    pub dry_run: bool,
    /// The messages.
    #[serde(borrow, default)]
    pub messages: Vec<Cow<'l, str>>,
}

fn timestamp<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text: Cow<'de, str> = Deserialize::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

impl<'l> ShownLine<'l> {
    /// Parses a line; `None` if it is not a complete line of this schema.
    pub fn parse(line: &'l [u8]) -> Option<ShownLine<'l>> {
        if line.starts_with(HEAD) { serde_json::from_slice(line).ok() } else { None }
    }
}

/// Which lines to select. An empty list selects every line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Rules.
    pub rules: Vec<String>,
    /// Verdicts.
    pub verdicts: Vec<String>,
    /// Patterns of users, in which `*` stands for any characters.
    pub users: Vec<String>,
    /// Namespaces.
    pub namespaces: Vec<String>,
    /// Kinds: `Pod`, or with the group, `NetworkPolicy.networking.k8s.io`. Uppercase and lowercase are the same.
    pub kinds: Vec<String>,
    /// Patterns of names.
    pub names: Vec<String>,
    /// The earliest time.
    pub since: Option<Timestamp>,
    /// The time before which lines are selected.
    pub until: Option<Timestamp>,
}

impl Filter {
    /// Returns whether the filter selects the time of a line.
    pub fn spans(&self, line: &ShownLine<'_>) -> bool {
        self.since.is_none_or(|since| line.time >= since) && self.until.is_none_or(|until| line.time < until)
    }

    /// Returns whether the filter selects a line.
    pub fn selects(&self, line: &ShownLine<'_>) -> bool {
        let has = |list: &[String], value: &str| list.is_empty() || list.iter().any(|wanted| wanted == value);
        let is_like = |list: &[String], value: &str| list.is_empty() || list.iter().any(|pattern| matches(pattern, value));
        let is_kind = |wanted: &String| {
            let length = if wanted.contains('.') { line.kind.len() } else { line.kind.find('.').unwrap_or(line.kind.len()) };
            line.kind.get(..length).is_some_and(|kind| kind.eq_ignore_ascii_case(wanted))
        };
        self.spans(line)
            && has(&self.rules, line.rule.as_deref().unwrap_or_default())
            && has(&self.verdicts, &line.verdict)
            && has(&self.namespaces, &line.namespace)
            && (self.kinds.is_empty() || self.kinds.iter().any(is_kind))
            && is_like(&self.users, &line.user)
            && is_like(&self.names, &line.name)
    }
}

/// Returns whether `text` is `pattern`, in which each `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut text) = text.strip_prefix(start).and_then(|text| text.strip_suffix(end)) else { return false };
    for part in middle.split('*') {
        let Some((_, after)) = text.split_once(part) else { return false };
        text = after;
    }
    true
}

/// How many lines of a log were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Audit lines.
    pub lines: usize,
    /// Lines that look like audit lines, but cannot be read.
    pub damaged: usize,
    /// Other lines, such as those of the server's ordinary log.
    pub other: usize,
}

/// Calls `take` with each audit line of a log, as bytes and parsed, and counts the lines.
///
/// # Errors
/// The log cannot be read, or the error of `take`.
pub fn read(log: impl BufRead, seen: &mut Seen, mut take: impl FnMut(&[u8], &ShownLine<'_>) -> io::Result<()>) -> io::Result<()> {
    lines::each(log, |_, line| {
        let Line::Content(content) = line else {
            seen.damaged += 1;
            return Ok(());
        };
        if let Some(line) = ShownLine::parse(&content) {
            seen.lines += 1;
            return take(&content, &line);
        }
        let is_damaged = TornLine::parse(&content).is_some() || looks_like_an_audit_line(&content);
        *(if is_damaged { &mut seen.damaged } else { &mut seen.other }) += 1;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text) in
            [("a", "a"), ("*", ""), ("*", "a"), ("a*", "ab"), ("*b", "ab"), ("a*c", "abc"), ("a*b*d", "a-b-c-d"), ("*b*", "abc")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("a", "b"), ("a", "ab"), ("a*", "b"), ("a*a", "a"), ("a*b*d", "a-c-d"), ("", "a"), ("*b", "bc"), ("*b*", "ac")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_kind_matches_with_and_without_its_group() {
        let line = br#"{"schema":"netpol.abcdesktop.io/audit/v1","chain":"","time":"2026-11-27T16:16:10Z","verdict":"denied","kind":"NetworkPolicy.networking.k8s.io"}"#;
        let line = ShownLine::parse(line).unwrap();
        let selects = |kind: &str| Filter { kinds: vec![kind.to_owned()], ..Filter::default() }.selects(&line);
        assert!(selects("NetworkPolicy") && selects("networkpolicy.networking.k8s.io"));
        assert!(!selects("NetworkPolicy.crd.projectcalico.org") && !selects("Network") && !selects("Pod") && !selects(""));
    }

    #[test]
    fn a_time_is_from_since_and_before_until() {
        let line = br#"{"schema":"netpol.abcdesktop.io/audit/v1","chain":"","time":"2026-11-27T16:16:10Z","verdict":"denied"}"#;
        let line = ShownLine::parse(line).unwrap();
        let second = |second: i64| Some(line.time + std::time::Duration::from_secs(1) * u32::try_from(second).unwrap());
        assert!(Filter { since: second(0), until: second(1), ..Filter::default() }.selects(&line));
        assert!(!Filter { since: second(1), ..Filter::default() }.selects(&line));
        assert!(!Filter { until: second(0), ..Filter::default() }.selects(&line));
    }
}
