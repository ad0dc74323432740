//! Splits shell scripts into commands, as far as examples need it.

/// The words of one command, without quotes and redirections.
pub(super) type Words = Vec<String>;

/// Words of the shell that stand before a command.
const BEFORE: [&str; 9] = ["do", "then", "else", "if", "while", "until", "!", "{", "time"];

/// Splits a script into commands, each with what it pipes to. A loop is one command.
pub(super) fn commands(script: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut lines = script.lines();
    while let Some(line) = lines.next() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let mut command = line.to_owned();
        while is_open(&command) {
            let Some(next) = lines.next() else { break };
            command.push('\n');
            command.push_str(next);
        }
        commands.push(command);
    }
    commands
}

/// Returns whether a command continues on the next line.
fn is_open(command: &str) -> bool {
    let end = command.trim_end();
    let ends_open = command.ends_with('\\') || ["|", "&&", "||"].iter().any(|end_word| end.ends_with(end_word));
    let words: Vec<&str> = command.split_whitespace().map(|word| word.trim_end_matches(';')).collect();
    let count = |wanted: &[&str]| words.iter().filter(|word| wanted.contains(word)).count();
    let is_in_loop = count(&["for", "while", "until"]) > count(&["done"]) && matches!(words.first(), Some(&("for" | "while" | "until")));
    let is_in_if = words.first() == Some(&"if") && count(&["fi"]) == 0;
    let here =
        command.split("<<").nth(1).map(|rest| rest.split_whitespace().next().unwrap_or_default().trim_matches(['\'', '"']).to_owned());
    let is_in_here = here.is_some_and(|end| command.lines().skip(1).all(|line| line != end));
    ends_open || is_in_loop || is_in_if || is_in_here || quote_at_end(command).is_some()
}

/// Returns the quote that is open at the end of a text.
fn quote_at_end(text: &str) -> Option<char> {
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', None | Some('"')) => drop(letters.next()),
            ('\'' | '"', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            _ => {}
        }
    }
    quote
}

/// Returns the commands of a pipeline, a list, a loop and of substitutions in it.
pub(super) fn simple_commands(text: &str) -> Vec<Words> {
    // What a here-document contains is no command.
    let (text, after) = text.split_once('\n').filter(|(first, _)| first.contains("<<")).unwrap_or((text, ""));
    let text = if text.contains("<<") || after.is_empty() { text.to_owned() } else { format!("{text}\n{after}") };
    let mut found = Vec::new();
    let mut words: Words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.as_str();
    let mut quote = None;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        match (letter, quote) {
            ('\\', None | Some('"')) => {
                let next = rest.chars().next().unwrap_or('\n');
                rest = &rest[next.len_utf8().min(rest.len())..];
                if next != '\n' {
                    word.get_or_insert_default().push(next);
                }
            }
            ('$', None | Some('"')) if rest.starts_with('(') => {
                let end = end_of_substitution(rest);
                found.extend(simple_commands(&rest[1..end]));
                rest = &rest[(end + 1).min(rest.len())..];
                word.get_or_insert_default().push('x');
            }
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (letter, Some(open)) if letter == open => quote = None,
            ('|' | ';' | '\n' | '&', None) if !(letter == '&' && words.last().is_some_and(|last| last.ends_with('>'))) => {
                words.extend(word.take());
                found.push(std::mem::take(&mut words));
            }
            ('<' | '>', None) => {
                // A number before it is a file descriptor.
                if let Some(text) = word.take().filter(|text| !text.bytes().all(|byte| byte.is_ascii_digit())) {
                    words.push(text);
                }
                let is_double = rest.starts_with(letter);
                rest = rest.trim_start_matches(letter);
                let target = rest.trim_start();
                let length = match target.strip_prefix('"') {
                    Some(quoted) => quoted.find('"').map_or(target.len(), |end| end + 2),
                    None => target.find(|end: char| end.is_whitespace() || matches!(end, '|' | ';')).unwrap_or(target.len()),
                };
                rest = if is_double && letter == '<' { "" } else { &target[length..] };
            }
            (letter, None) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    found.push(words);
    found.into_iter().map(command_words).filter(|words| !words.is_empty()).collect()
}

fn end_of_substitution(rest: &str) -> usize {
    let mut depth = 0;
    for (at, letter) in rest.char_indices() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// Removes what stands before a command; a word of the shell alone is no command.
fn command_words(words: Words) -> Words {
    let is_assignment = |word: &String| {
        word.split_once('=')
            .is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
    };
    let mut words: Words = words.into_iter().skip_while(|word| BEFORE.contains(&word.as_str()) || is_assignment(word)).collect();
    if matches!(words.first().map(String::as_str), Some("for" | "done" | "fi" | "}" | "cd" | "export" | "test" | "[")) {
        words.clear();
    }
    words
}

#[test]
fn a_script_is_split_into_commands() {
    let script = "# a\nb c |\n  d\n\ne \\\n  f\nfor g in h; do\n  i\ndone\nj 'k\nl'\ncat <<EOF | m\nn\nEOF\no\n";
    assert_eq!(commands(script), ["b c |\n  d", "e \\\n  f", "for g in h; do\n  i\ndone", "j 'k\nl'", "cat <<EOF | m\nn\nEOF", "o"]);
}

#[test]
fn a_command_is_split_into_words() {
    let words = |text: &str| simple_commands(text).iter().map(|words| words.join("·")).collect::<Vec<_>>();
    assert_eq!(words("a 'b c' \"d $e\" f\\ g | h > i/j && k 2>/dev/null"), ["a·b c·d $e·f g", "h", "k"]);
    assert_eq!(words("A=b c --d=\"$(e -f 'g')\" \\\n  h"), ["e·-f·g", "c·--d=x·h"]);
    assert_eq!(words("for a in b-*; do c \"$a\"; done"), ["c·$a"]);
    assert_eq!(words("a > \"b c\" 2>&1; d < e - f"), ["a", "d·-·f"]);
}
