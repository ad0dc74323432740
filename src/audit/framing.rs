//! Removes what `kubectl logs` and container runtimes add to the lines of a container.
//!
//! | from | a line |
//! |---|---|
//! | `kubectl logs --prefix --timestamps` | `[pod/NAME/CONTAINER] 2026-11-27T16:16:10.25Z LINE`, each part if its flag is set |
//! | containerd, CRI-O (`/var/log/pods`) | `2026-11-27T16:16:10.25Z stdout F LINE`; `P` if the line continues in the next one of its stream |
//! | Docker (`json-file`) | `{"log":"LINE\n","stream":"stdout","time":"…"}`; without `\n` if the line continues |

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

/// The maximum size of a line that continues, in bytes. The rest of a longer line is left out, so it does not verify.
const MAX_JOINED: usize = 128 << 20;

/// Puts the lines of a collected log together.
#[derive(Debug, Default)]
pub(super) struct Framing {
    /// The starts of lines that continue, by their source and stream.
    parts: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// A line as Docker stores it.
#[derive(Deserialize)]
struct DockerLine<'l> {
    #[serde(borrow)]
    log: Cow<'l, str>,
    #[serde(borrow)]
    stream: Cow<'l, str>,
}

/// The part of a line that the container wrote.
struct Part<'l> {
    /// Where it comes from. Parts of different sources are not joined.
    source: Vec<u8>,
    text: Cow<'l, [u8]>,
    continues: bool,
}

impl Framing {
    /// Returns what the container wrote; `None` if the line continues.
    pub(super) fn content<'l>(&mut self, line: &'l [u8]) -> Option<Cow<'l, [u8]>> {
        let part = part(line);
        if part.continues {
            let start = self.parts.entry(part.source).or_default();
            if start.len() + part.text.len() <= MAX_JOINED {
                start.extend_from_slice(&part.text);
            }
            return None;
        }
        let Some(mut whole) = self.parts.remove(&part.source) else { return Some(part.text) };
        whole.extend_from_slice(&part.text);
        Some(Cow::Owned(whole))
    }

    /// Returns the starts of lines that were never completed.
    pub(super) fn rest(self) -> impl Iterator<Item = Vec<u8>> {
        self.parts.into_values()
    }
}

fn part(line: &[u8]) -> Part<'_> {
    if let Some(part) = docker_part(line) {
        return part;
    }
    let (source, rest) = after_prefix(line);
    let Some((_, rest)) = after_time(rest) else { return Part { source: source.to_vec(), text: Cow::Borrowed(rest), continues: false } };
    for (stream, tag, continues) in [("stdout", b'F', false), ("stdout", b'P', true), ("stderr", b'F', false), ("stderr", b'P', true)] {
        let mark = [stream.as_bytes(), b" ", &[tag], b" "].concat();
        if let Some(text) = rest.strip_prefix(mark.as_slice()) {
            return Part { source: [source, stream.as_bytes()].concat(), text: Cow::Borrowed(text), continues };
        }
    }
    Part { source: source.to_vec(), text: Cow::Borrowed(rest), continues: false }
}

fn docker_part(line: &[u8]) -> Option<Part<'_>> {
    if !line.starts_with(br#"{"log":"#) {
        return None;
    }
    let DockerLine { log, stream } = serde_json::from_slice(line).ok()?;
    let text = match log {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    let continues = !text.ends_with(b"\n");
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_suffix(b"\n").unwrap_or(text)),
        Cow::Owned(mut text) => {
            text.pop_if(|last| *last == b'\n');
            Cow::Owned(text)
        }
    };
    Some(Part { source: stream.as_bytes().to_vec(), text, continues })
}

/// Splits a line after `[pod/NAME/CONTAINER] `.
fn after_prefix(line: &[u8]) -> (&[u8], &[u8]) {
    let end = || {
        let bracket = line.strip_prefix(b"[pod/")?.iter().position(|byte| *byte == b']')? + b"[pod/".len();
        line.get(bracket + 1..)?.starts_with(b" ").then_some(bracket + 2)
    };
    end().and_then(|end| line.split_at_checked(end)).unwrap_or((&[], line))
}

/// Splits a line after a time and a space.
fn after_time(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = line.iter().take(40).position(|byte| *byte == b' ')?;
    let (time, rest) = line.split_at_checked(space)?;
    std::str::from_utf8(time).ok()?.parse::<jiff::Timestamp>().ok()?;
    Some((time, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(lines: &[&str]) -> Vec<String> {
        let mut framing = Framing::default();
        lines.iter().filter_map(|line| framing.content(line.as_bytes())).map(|text| String::from_utf8(text.into_owned()).unwrap()).collect()
    }

    #[test]
    fn each_frame_is_removed() {
        for line in [
            r#"{"a":1}"#,
            r#"2026-11-27T16:16:10.250000001Z {"a":1}"#,
            r#"2026-11-27T17:16:10+01:00 {"a":1}"#,
            r#"[pod/netpol-5d4-x2/netpol] {"a":1}"#,
            r#"[pod/netpol-5d4-x2/netpol] 2026-11-27T16:16:10Z {"a":1}"#,
            r#"2026-11-27T16:16:10.25Z stdout F {"a":1}"#,
            r#"2026-11-27T16:16:10.25Z stderr F {"a":1}"#,
            r#"{"log":"{\"a\":1}\n","stream":"stdout","time":"2026-11-27T16:16:10.25Z"}"#,
        ] {
            assert_eq!(contents(&[line]), [r#"{"a":1}"#], "{line}");
        }
    }

    #[test]
    fn what_only_looks_like_a_frame_stays() {
        for line in ["[pod/x] y", "[pod/x", "2026 x", "T x", "", " ", r#"{"log":1}"#, "stdout F x"] {
            let expected = if line == "[pod/x] y" { "y" } else { line };
            assert_eq!(contents(&[line]), [expected]);
        }
    }

    #[test]
    fn parts_of_a_line_are_joined_by_source() {
        let cri = ["2026-11-27T16:16:10Z stdout P ab", "2026-11-27T16:16:10Z stderr F x", "2026-11-27T16:16:10Z stdout F c"];
        assert_eq!(contents(&cri), ["x", "abc"]);
        let docker = [r#"{"log":"ab","stream":"stdout"}"#, r#"{"log":"c\n","stream":"stdout"}"#];
        assert_eq!(contents(&docker), ["abc"]);
    }
}
