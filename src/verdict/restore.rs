//! The command that restores canonical policies.

use super::settings::Settings;
use crate::canon::{Canon, DEFAULT};

/// Returns the shell command that restores the canonical policies `names` in `namespace`. It omits flags that
/// equal their defaults, and `--only` if `names` are all policies of the namespace.
pub fn command(canon: &Canon, namespace: &str, names: &[&str]) -> String {
    let mut command = vec!["netpol render policies".to_owned()];
    if DEFAULT.first().is_none_or(|default| canon.source != *default) {
        command.push(format!("--canon {}", quoted(&canon.source)));
    }
    if Settings::default().namespaces != [namespace] {
        command.push(format!("--namespace {}", quoted(namespace)));
    }
    if canon.policies(namespace).is_none_or(|policies| policies.by_name.len() != names.len()) {
        command.push(format!("--only {}", quoted(&names.join(","))));
    }
    command.push("| kubectl apply -f -".to_owned());
    command.join(" ")
}

/// Quotes a word for a shell if necessary.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_omits_defaults() {
        let namespaces = ["abcdesktop", "two"].map(str::to_owned);
        let [default, older] = DEFAULT;
        let canon = Canon::load(default, &namespaces).unwrap();
        assert_eq!(
            command(&canon, "abcdesktop", &["dns-permits", "memcached-permits"]),
            "netpol render policies --only dns-permits,memcached-permits | kubectl apply -f -"
        );
        let all: Vec<&str> = canon.policies("two").unwrap().by_name.keys().map(String::as_str).collect();
        assert_eq!(command(&canon, "two", &all), "netpol render policies --namespace two | kubectl apply -f -");
        let canon = Canon::load(older, &namespaces).unwrap();
        let expected = format!("netpol render policies --canon {older} --only a | kubectl apply -f -");
        assert_eq!(command(&canon, "abcdesktop", &["a"]), expected);
    }

    #[test]
    fn a_path_is_quoted_for_a_shell_if_necessary() {
        assert_eq!(quoted("./canon-4.4/x.yaml"), "./canon-4.4/x.yaml");
        assert_eq!(quoted("it's mine"), r"'it'\''s mine'");
        assert_eq!(quoted(""), "''");
    }
}
