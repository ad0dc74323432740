//! The commands that fix the findings of a check. Restoring the policy of another release than the one that runs breaks
//! connections. So if nothing says which of several accepted canons is meant, each has its command.

use crate::canon::Canon;
use crate::policy::{Comparison, compare};
use crate::verdict::{Guard, restore};

/// The policies that are restored from one canon.
pub(super) struct Restored<'g, 'n> {
    pub(super) canon: &'g Canon,
    pub(super) names: Vec<&'n str>,
}

/// How the policies `names` of a namespace are restored.
pub(super) enum Cure<'g, 'n> {
    /// By the commands of all of these canons.
    All(Vec<Restored<'g, 'n>>),
    /// By the command of one of these canons: they differ in the policies, and equally many policies match each.
    One(Vec<Restored<'g, 'n>>),
}

/// Returns the flags that accept one of these canons.
pub(super) fn accepting(canons: &[impl AsRef<str>]) -> String {
    canons.iter().map(|canon| format!("--canon {}", canon.as_ref())).collect::<Vec<_>>().join(" or ")
}

/// Returns the message about a missing policy.
pub(super) fn of_missing(references: &[usize], guard: &Guard, namespace: &str, kind: &str, name: &str) -> String {
    match cure(references, guard, namespace, &[name]) {
        Cure::All(restored) => {
            let commands = restored.iter().map(|Restored { canon, names }| restore::command(canon, namespace, names));
            format!("{kind} \"{name}\" is missing. To create it: {}", commands.collect::<Vec<_>>().join("; "))
        }
        Cure::One(restored) => {
            let command = |Restored { canon, names }: &Restored<'_, '_>| {
                format!("To create that of {}: {}", canon.source, restore::command_of(canon, namespace, names))
            };
            let commands: Vec<String> = restored.iter().map(command).collect();
            format!("{kind} \"{name}\" is missing, and the accepted canons differ in it. {}", commands.join(". "))
        }
    }
}

/// Returns how policies are restored. `references` are the positions of the canons that most policies of the namespace match.
pub(super) fn cure<'g, 'n>(references: &[usize], guard: &'g Guard, namespace: &str, names: &[&'n str]) -> Cure<'g, 'n> {
    let references: Vec<&Canon> = references.iter().filter_map(|position| guard.canons.all().nth(*position)).collect();
    let mut differing: Vec<&Canon> = Vec::new();
    for canon in references {
        if !differing.iter().any(|other| names.iter().all(|name| agree(canon, other, namespace, name))) {
            differing.push(canon);
        }
    }
    let those_of = |canon: &'g Canon| {
        let names: Vec<&str> = names.iter().copied().filter(|name| has(canon, namespace, name)).collect();
        (!names.is_empty()).then_some(Restored { canon, names })
    };
    let restored: Vec<Restored<'_, '_>> = differing.iter().filter_map(|canon| those_of(canon)).collect();
    if restored.len() > 1 { Cure::One(restored) } else { Cure::All(by_canon(guard, &differing, namespace, names)) }
}

/// Returns each policy with the first of `preferred` that has it, else with the first accepted canon that has it.
fn by_canon<'g, 'n>(guard: &'g Guard, preferred: &[&'g Canon], namespace: &str, names: &[&'n str]) -> Vec<Restored<'g, 'n>> {
    let mut all: Vec<Restored<'_, '_>> = Vec::new();
    for name in names {
        let mut canons = preferred.iter().copied().chain(guard.canons.all());
        let Some(canon) = canons.find(|canon| has(canon, namespace, name)) else { continue };
        match all.iter_mut().find(|restored| std::ptr::eq(restored.canon, canon)) {
            Some(restored) => restored.names.push(name),
            None => all.push(Restored { canon, names: vec![name] }),
        }
    }
    all
}

fn has(canon: &Canon, namespace: &str, name: &str) -> bool {
    canon.policies(namespace).is_some_and(|policies| policies.names().any(|known| known == name))
}

/// Returns whether neither canon has the policy, or both mean the same by it.
fn agree(left: &Canon, right: &Canon, namespace: &str, name: &str) -> bool {
    let of = |canon| Canon::policies(canon, namespace).and_then(|policies| policies.named(name));
    let is_same = match (of(left), of(right)) {
        (None, None) => true,
        (Some(left), Some(right)) => compare(&left.policy, &right.policy) == Comparison::Same,
        _ => false,
    };
    is_same && agree_on_foreign(left, right, namespace, name) && agree_on_foreign(right, left, namespace, name)
}

/// Returns whether `right` has the same policies of other APIs with a name as `left`.
fn agree_on_foreign(left: &Canon, right: &Canon, namespace: &str, name: &str) -> bool {
    let of = |canon| Canon::policies(canon, namespace).into_iter().flat_map(|policies| &policies.foreign);
    of(left)
        .filter(|policy| policy.name == name)
        .all(|ours| of(right).any(|theirs| theirs.name == name && theirs.resource == ours.resource && ours.difference_of(theirs).is_none()))
}
