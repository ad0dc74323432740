//! How canonical policies are restored, and break-glass is ended.

use super::guard::{Guard, Hints, is_built_in};
use super::settings::Settings;
use crate::canon::{BREAK_GLASS, Canon, DEFAULT};
use crate::documents::text::quoted;

/// Returns the sentence, without a full stop, that says how to restore the canonical policy `name` of a kind in `namespace`.
/// `differing` are the accepted canons whose policy means something else, if one of them may be meant instead of `canon`:
/// restoring the policy of another release than the one that runs breaks connections.
pub fn hint(guard: &Guard, canon: &Canon, differing: &[&Canon], namespace: &str, kind: &str, name: &str) -> String {
    let restoring = if differing.is_empty() {
        "To restore it".to_owned()
    } else {
        let canons = std::iter::once(canon).chain(differing.iter().copied()).map(|canon| guard.name_of(canon));
        let canons = canons.collect::<Vec<_>>().join(" or ");
        format!("The accepted canons differ in it: choose that of {canons}. To restore that of the first")
    };
    match &guard.hints {
        Hints::Remote(_) if !is_built_in(canon) => {
            let (of, namespace) = (guard.name_of(canon), quoted(namespace));
            format!(
                "{restoring}, apply {kind} \"{name}\" of {of}: kubectl -n {namespace} diff -f FILE, then kubectl -n {namespace} apply -f FILE"
            )
        }
        _ if differing.is_empty() => format!("{restoring}: {}", command(canon, namespace, &[name])),
        _ => format!("{restoring}: {}", command_of(canon, namespace, &[name])),
    }
}

/// Returns the shell command that restores the canonical policies `names` in `namespace`. It omits flags that
/// equal their defaults, and `--only` if `names` are all policies of the namespace.
pub fn command(canon: &Canon, namespace: &str, names: &[&str]) -> String {
    let is_default = DEFAULT.first().is_some_and(|default| canon.source == *default);
    written(canon, !is_default, namespace, names)
}

/// Returns the same command, always with the name of the canon, for a choice between several.
pub fn command_of(canon: &Canon, namespace: &str, names: &[&str]) -> String {
    written(canon, true, namespace, names)
}

/// Returns the command that replaces policies which exist in a cluster: `kubectl apply` keeps the rules that another client added to a
/// list which the canonical policy does not state, and the owner references and finalizers of another client.
pub fn replacing(canon: &Canon, namespace: &str, names: &[&str]) -> String {
    let is_default = DEFAULT.first().is_some_and(|default| canon.source == *default);
    piped(canon, !is_default, namespace, names, "kubectl replace -f -")
}

fn written(canon: &Canon, has_canon: bool, namespace: &str, names: &[&str]) -> String {
    piped(canon, has_canon, namespace, names, "kubectl apply -f -")
}

fn piped(canon: &Canon, has_canon: bool, namespace: &str, names: &[&str], to: &str) -> String {
    let mut command = vec!["netpol render policies".to_owned()];
    if has_canon {
        command.push(format!("--canon {}", quoted(&canon.source)));
    }
    if Settings::default().namespaces != [namespace] {
        command.push(format!("--namespace {}", quoted(namespace)));
    }
    if canon.policies(namespace).is_none_or(|policies| policies.count() != names.len()) {
        command.push(format!("--only {}", quoted(&names.join(","))));
    }
    command.push(format!("| {to}"));
    command.join(" ")
}

/// Returns the sentence about the break-glass annotation of an earlier change, with the command that removes it.
/// `resource` is the name of the kind for kubectl.
pub fn leftover_break_glass(kind: &str, resource: &str, namespace: &str, name: &str) -> String {
    format!(
        "{kind} \"{name}\" still has annotation {BREAK_GLASS} of an earlier change, which no longer has an effect. \
         To remove it: kubectl -n {} annotate {resource} {} {BREAK_GLASS}-",
        quoted(namespace),
        quoted(name)
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::canon::{Canons, Documents};

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
    fn a_server_never_names_the_path_of_a_canon() {
        let namespaces = ["abcdesktop".to_owned()];
        let path = "/etc/netpol/canon";
        let policy = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: all}, spec: {podSelector: {}}}";
        let of = |source: &str, hints: Hints| {
            let documents = if source == path { Documents::from_text(path, policy) } else { Documents::read(source).unwrap() };
            let canons = Canons::from_documents(&[documents], &namespaces).unwrap();
            let guard = Guard { hints, ..Guard::new(Arc::new(canons), Arc::new(Settings::default())) };
            hint(&guard, guard.canons.first(), &[], "abcdesktop", "NetworkPolicy", "all")
        };
        assert_eq!(of(path, Hints::Command), format!("To restore it: netpol render policies --canon {path} | kubectl apply -f -"));
        assert_eq!(
            of(path, Hints::Remote(Some("desktops".to_owned()))),
            "To restore it, apply NetworkPolicy \"all\" of the canon \"desktops\": kubectl -n abcdesktop diff -f FILE, then kubectl -n abcdesktop apply -f FILE"
        );
        let unnamed = of(path, Hints::Remote(None));
        assert!(
            unnamed.starts_with("To restore it, apply NetworkPolicy \"all\" of the custom canon: ") && !unnamed.contains(path),
            "{unnamed}"
        );
        let built_in = of("abcdesktop-4.4", Hints::Remote(None));
        assert_eq!(built_in, "To restore it: netpol render policies --canon abcdesktop-4.4 --only all | kubectl apply -f -");
    }
}
