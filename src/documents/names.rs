//! Name syntax that the API server's validation accepts: DNS names, label keys, label values, port names.

/// Returns what is wrong with a label key, or `None`. A label key is a qualified name (`semantics.md` rule 40).
pub fn label_key_fault(key: &str) -> Option<&'static str> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if prefix.is_some_and(|prefix| !is_dns_subdomain(prefix)) {
        return Some("the prefix of a label key must be a DNS subdomain: at most 253 lowercase letters, digits, '-' and '.'");
    }
    if name.is_empty() || !is_label_text(name) {
        return Some(
            "the name in a label key must have 1 to 63 letters, digits, '-', '_' or '.', and start and end with a letter or digit",
        );
    }
    None
}

/// Returns what is wrong with a label value, or `None` (`semantics.md` rule 40).
pub fn label_value_fault(value: &str) -> Option<&'static str> {
    let is_valid = value.is_empty() || is_label_text(value);
    (!is_valid).then_some("a label value must have at most 63 letters, digits, '-', '_' or '.', and start and end with a letter or digit")
}

/// Returns what is wrong with a DNS-1123 label, such as the name of a namespace or Service, or `None`.
pub fn dns_label_fault(name: &str) -> Option<&'static str> {
    (!is_dns_label(name)).then_some("must have 1 to 63 lowercase letters, digits or '-', and start and end with a letter or digit")
}

/// Returns what is wrong with a DNS-1123 subdomain, such as the name of an object, or `None` (`semantics.md` rule 34).
pub fn dns_subdomain_fault(name: &str) -> Option<&'static str> {
    (!is_dns_subdomain(name))
        .then_some("must have at most 253 lowercase letters, digits, '-' or '.', and each part must start and end with a letter or digit")
}

/// Returns whether `name` is a DNS-1123 label: 1 to 63 of `[a-z0-9-]`, with no hyphen at either end.
pub fn is_dns_label(name: &str) -> bool {
    name.len() <= 63 && is_dns_part(name)
}

/// Returns whether `name` is a DNS-1123 subdomain: at most 253 characters, parts separated by dots (`semantics.md` rule 34).
pub fn is_dns_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_dns_part)
}

/// Returns whether `name` is a port name: 1 to 15 of `[a-z0-9-]`, at least one letter, no hyphen at either end
/// and no two hyphens in a row (`semantics.md` rule 37).
pub(crate) fn is_port_name(name: &str) -> bool {
    name.len() <= 15 && is_dns_part(name) && name.bytes().any(|letter| letter.is_ascii_lowercase()) && !name.contains("--")
}

fn is_dns_part(part: &str) -> bool {
    let is_edge = |letter: &u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let bytes = part.as_bytes();
    bytes.first().is_some_and(is_edge) && bytes.last().is_some_and(is_edge) && bytes.iter().all(|letter| is_edge(letter) || *letter == b'-')
}

fn is_label_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_edge = |letter: Option<&u8>| letter.is_some_and(u8::is_ascii_alphanumeric);
    bytes.len() <= 63
        && is_edge(bytes.first())
        && is_edge(bytes.last())
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
    fn dns_labels_and_subdomains_are_those_of_rfc_1123() {
        for name in ["a", "0", "a-b", "1a", &"x".repeat(63)] {
            assert!(is_dns_label(name) && is_dns_subdomain(name), "{name}");
            assert_eq!((dns_label_fault(name), dns_subdomain_fault(name)), (None, None));
        }
        for name in ["a.b", "a-b.0.c", &"x".repeat(64), &["x"; 127].join(".")] {
            assert!(!is_dns_label(name) && is_dns_subdomain(name), "{name}");
            assert!(dns_label_fault(name).is_some());
        }
        for name in ["", "-a", "a-", "A", "a_b", "é", "a b", ".a", "a.", "a..b", "a.-b", &"x".repeat(254)] {
            assert!(!is_dns_label(name) && !is_dns_subdomain(name), "{name}");
            assert!(dns_subdomain_fault(name).is_some());
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
