//! What the log and `/readyz` say about CAs in the Secret that netpol did not introduce.

use super::lists::ACCEPT;
use crate::certificates::trust::Ca;

/// The number of CAs that a message names. A client with the right to write the Secret chooses how many there are.
const NAMED: usize = 3;

/// Returns the line of the log.
pub(super) fn line(namespace: &str, name: &str, cas: &[&Ca]) -> String {
    let accepted: Vec<&str> = cas.iter().take(NAMED).map(|ca| ca.sha256.as_str()).collect();
    let first = if cas.len() > NAMED { format!(" (these are the first {NAMED})") } else { String::new() };
    format!(
        "the secret \"{namespace}/{name}\" contains {} that netpol did not introduce: neither served nor published, and the leader \
         removes them. If you restore a backup, accept its CAs first{first}: kubectl -n {namespace} annotate lease {name} {ACCEPT}={}",
        count(cas.len()),
        accepted.join(",")
    )
}

/// Returns the note of `/readyz`, if there are any.
pub(super) fn note(namespace: &str, name: &str, cas: &[Ca]) -> Option<String> {
    let mut named: Vec<&str> = cas.iter().take(NAMED).map(|ca| ca.fingerprint.as_str()).collect();
    if cas.len() > NAMED {
        named.push("…");
    }
    let (count, named) = (count(cas.len()), named.join(", "));
    let message =
        format!("the secret \"{namespace}/{name}\" contains {count} that netpol did not introduce ({named}), which netpol ignores");
    (!cas.is_empty()).then_some(message)
}

fn count(number: usize) -> String {
    if number == 1 { "1 CA".to_owned() } else { format!("{number} CAs") }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::certificates::authority::Authority;

    #[test]
    fn many_cas_have_one_line_and_one_note() {
        let ca = || Authority::new(SystemTime::UNIX_EPOCH, Duration::from_secs(60)).unwrap().ca;
        let cas: Vec<Ca> = (0..40).map(|_| ca()).collect();
        let line = line("system", "guard", &cas.iter().collect::<Vec<_>>());
        let command = format!("kubectl -n system annotate lease guard {ACCEPT}={},{},{}", cas[0].sha256, cas[1].sha256, cas[2].sha256);
        assert!(line.contains("contains 40 CAs that") && line.ends_with(&command) && !line.contains(&cas[3].sha256), "{line}");
        let note = note("system", "guard", &cas).unwrap();
        assert!(note.contains("40 CAs") && note.contains(&cas[2].fingerprint) && !note.contains(&cas[3].fingerprint), "{note}");
        assert_eq!(super::note("system", "guard", &[]), None);
    }
}
