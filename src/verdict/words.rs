//! Words of refusals and warnings. A sentence starts in lower case, has no full stop at its end, and
//! says what is wrong, where, and what to do.

use std::fmt;

/// The most characters of one name in a sentence: as long as a name in Kubernetes can be.
const LONGEST_NAME: usize = 253;

/// A name or key as people read it: bounded, and without control characters, which no valid one has.
#[derive(Clone, Copy)]
pub(super) struct Plain<'t>(pub(super) &'t str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As nearly every name is: nothing of it is to be cut or replaced.
        if self.0.len() <= LONGEST_NAME && self.0.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return formatter.write_str(self.0);
        }
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(LONGEST_NAME) {
            let shown = if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
            fmt::Write::write_char(formatter, shown)?;
        }
        if characters.next().is_some() { formatter.write_str("…") } else { Ok(()) }
    }
}

/// What a sentence is about: its kind and its name.
#[derive(Clone, Copy)]
pub(super) struct Named<'t> {
    /// The kind as a sentence says it: `pod`, `NetworkPolicy`.
    pub(super) kind: &'t str,
    /// The name; empty where it has none yet.
    pub(super) name: &'t str,
    /// What a name will be made from.
    pub(super) generate_name: &'t str,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = Plain(self.kind);
        if !self.name.is_empty() {
            write!(formatter, "{kind} \"{}\"", Plain(self.name))
        } else if self.generate_name.is_empty() {
            write!(formatter, "{kind} without a name")
        } else {
            write!(formatter, "{kind} \"{}…\"", Plain(self.generate_name))
        }
    }
}

/// A list with commas, cut after `most` items with a count of the rest.
pub(super) struct List<I> {
    pub(super) items: I,
    pub(super) most: usize,
}

impl<I: Iterator<Item: fmt::Display> + Clone> fmt::Display for List<I> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut items = self.items.clone();
        for (position, item) in items.by_ref().take(self.most).enumerate() {
            if position > 0 {
                formatter.write_str(", ")?;
            }
            item.fmt(formatter)?;
        }
        match items.count() {
            0 => Ok(()),
            rest => write!(formatter, " and {rest} more"),
        }
    }
}

/// Begins a sentence about what was wrong before an update: that is not its fault.
pub(super) const BEFORE: &str = "already before this update: ";

/// The plural ending, where there are several.
pub(super) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_bounded_and_has_no_control_characters() {
        assert_eq!(Plain("netpol/~x y").to_string(), "netpol/~x y");
        assert_eq!(Plain("a\nb\u{7f}").to_string(), "a\u{fffd}b\u{fffd}");
        assert_eq!(Plain("é\u{85}").to_string(), "é\u{fffd}");
        assert_eq!(Plain(&"x".repeat(LONGEST_NAME)).to_string().len(), LONGEST_NAME);
        assert!(Plain(&"x".repeat(LONGEST_NAME + 1)).to_string().ends_with("x…"));
        let long = Plain(&"é".repeat(300)).to_string();
        assert_eq!(long.chars().count(), LONGEST_NAME + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn a_list_is_cut_with_a_count() {
        let list = |most| List { items: ["a", "b", "c"].iter(), most }.to_string();
        assert_eq!(list(3), "a, b, c");
        assert_eq!(list(1), "a and 2 more");
    }

    #[test]
    fn a_name_that_is_still_to_be_made_says_so() {
        let named = |name, generate_name| Named { kind: "pod", name, generate_name }.to_string();
        assert_eq!(named("thief", ""), r#"pod "thief""#);
        assert_eq!(named("", "pyos-"), r#"pod "pyos-…""#);
        assert_eq!(named("", ""), "pod without a name");
    }
}
