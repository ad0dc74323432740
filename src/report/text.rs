//! Text that cannot change the page or the direction of writing.

use std::fmt::Write as _;

use maud::{Escaper, Render};

/// Text from objects: escaped, with invisible characters and marks of direction made visible.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'t>(pub(super) &'t str);

impl Text<'_> {
    /// Returns the text for an attribute, in which maud escapes it.
    pub(super) fn plain(self) -> String {
        let visible = |character: char| {
            let escape = is_invisible(character).then(|| character.escape_unicode());
            let same = (!is_invisible(character)).then_some(character);
            escape.into_iter().flatten().chain(same)
        };
        self.0.chars().flat_map(visible).collect()
    }
}

impl Render for Text<'_> {
    fn render_to(&self, out: &mut String) {
        // Writing to a string cannot fail.
        let _ =
            if self.0.contains(is_invisible) { Escaper::new(out).write_str(&self.plain()) } else { Escaper::new(out).write_str(self.0) };
    }
}

/// Returns whether a character is not seen, or changes how its neighbors are seen.
fn is_invisible(character: char) -> bool {
    let is_mark = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}');
    is_mark || (character.is_control() && character != '\n')
}

/// Returns text of at most `most` characters: longer text loses its middle.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1);
    let (head, tail) = (kept - kept / 2, kept / 2);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(count - tail).collect();
    format!("{start}…{end}")
}

/// Returns a number with its noun: `1 policy`, `2 policies`.
pub(super) fn count(number: usize, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {noun}s"),
    }
}
