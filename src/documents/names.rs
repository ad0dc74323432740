//! The spellings that the API's validation accepts: label keys, label values, port names.

/// Answers what is wrong with a label key (a qualified name: rule 40), or `None`.
pub fn label_key_fault(key: &str) -> Option<&'static str> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if let Some(prefix) = prefix
        && !is_subdomain(prefix)
    {
        return Some("the prefix of a label key is a DNS subdomain: lower-case letters, digits, '-' and '.', at most 253");
    }
    if name.is_empty() || !is_label_text(name) {
        return Some("a label key's name has 1 to 63 letters, digits, '-', '_' or '.', and begins and ends with a letter or digit");
    }
    None
}

/// Answers what is wrong with a label value (rule 40), or `None`.
pub fn label_value_fault(value: &str) -> Option<&'static str> {
    let valid = value.is_empty() || is_label_text(value);
    (!valid).then_some("a label value has at most 63 letters, digits, '-', '_' or '.', and begins and ends with a letter or digit")
}

/// Answers whether `name` is a DNS-1123 subdomain of at most 253 characters, as names of objects are (rule 34).
pub fn is_subdomain(name: &str) -> bool {
    let is_label = |label: &str| {
        let edge = |letter: Option<&u8>| letter.is_some_and(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit());
        let bytes = label.as_bytes();
        edge(bytes.first())
            && edge(bytes.last())
            && bytes.iter().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || *letter == b'-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Answers whether `name` is a port name (rule 37): 1 to 15 of `[a-z0-9-]`, at least one letter, no hyphen at
/// an end or beside another.
pub(crate) fn is_port_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() <= 15
        && bytes.iter().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || *letter == b'-')
        && bytes.iter().any(u8::is_ascii_lowercase)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}

fn is_label_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |letter: Option<&u8>| letter.is_some_and(u8::is_ascii_alphanumeric);
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_keys_and_values_are_those_of_the_api() {
        for key in ["run", "netpol/mongodb", "kubernetes.io/metadata.name", "A_b.C-9", &"x".repeat(63)] {
            assert_eq!(label_key_fault(key), None, "{key}");
        }
        for key in ["", "/", "netpol/", "/x", "Net/x", "a/b/c", "-x", "x-", "x y", "é", &"x".repeat(64), "a..b/x"] {
            assert!(label_key_fault(key).is_some(), "{key}");
        }
        for value in ["", "true", "A.b_c-9", &"x".repeat(63)] {
            assert_eq!(label_value_fault(value), None, "{value}");
        }
        for value in ["-", "x-", "a b", "a/b", &"x".repeat(64)] {
            assert!(label_value_fault(value).is_some(), "{value}");
        }
    }

    #[test]
    fn port_names_are_those_of_the_api() {
        for name in ["http", "a", "x-1", "1a", "abcdefghijklmno"] {
            assert!(is_port_name(name), "{name}");
        }
        for name in ["", "80", "-a", "a-", "a--b", "HTTP", "abcdefghijklmnop", "a_b"] {
            assert!(!is_port_name(name), "{name}");
        }
    }
}
