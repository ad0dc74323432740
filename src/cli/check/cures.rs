//! The commands that fix the findings of a check. Restoring the policy of another release than the one that runs breaks
//! connections. So if nothing says which of several accepted canons is meant, each has its command.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::report::{Finding, Report};
use crate::canon::Canon;
use crate::policy::{Comparison, compare};
use crate::verdict::{Guard, restore};

/// The policies that are restored from one canon.
struct Restored<'g, 'n> {
    canon: &'g Canon,
    names: Vec<&'n str>,
}

/// How the policies `names` of a namespace are restored.
enum Cure<'g, 'n> {
    /// By the commands of all of these canons.
    All(Vec<Restored<'g, 'n>>),
    /// By the command of one of these canons: they differ in the policies, and equally many policies match each.
    One(Vec<Restored<'g, 'n>>),
}

/// Writes the commands that restore the policies that drifted or are missing. If all policies of a namespace are those of a
/// canon that is not accepted, restoring them would break their release, so the flag that accepts it comes instead.
pub(super) fn write(report: &Report, guard: &Guard, out: &mut dyn Write) -> io::Result<()> {
    let mut namespaces: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| is_restored(report, finding)) {
        let names = namespaces.entry(&finding.object.namespace).or_default();
        if !names.contains(&finding.object.name.as_str()) {
            names.push(&finding.object.name);
        }
    }
    for (namespace, names) in namespaces {
        let it = |names: &[&str]| if names.len() == 1 { "it" } else { "them" };
        match cure(report, guard, namespace, &names) {
            Cure::All(restored) => {
                for Restored { canon, names } in restored {
                    writeln!(out, "to restore {}: {}", it(&names), restore::command(canon, namespace, &names))?;
                }
            }
            Cure::One(restored) => {
                writeln!(out, "to restore {}, choose the canon of the release that runs: the accepted canons differ here", it(&names))?;
                for Restored { canon, names } in restored {
                    writeln!(out, "    of {}: {}", canon.source, restore::command_of(canon, namespace, &names))?;
                }
            }
        }
    }
    for (namespace, canons) in &report.fitting {
        writeln!(out, "to accept the policies of the namespace {namespace}: {}", accepting(canons))?;
    }
    Ok(())
}

/// Returns whether a command restores the policy of a finding.
fn is_restored(report: &Report, finding: &Finding) -> bool {
    finding.is_fixed_by_render() && !report.fitting.contains_key(&finding.object.namespace)
}

/// Returns the words for the command that restores the policy of a finding as the canon that it was compared with has it.
pub(super) fn first_of(report: &Report, guard: &Guard, finding: &Finding) -> Option<String> {
    is_restored(report, finding).then(|| {
        let object = &finding.object;
        match cure(report, guard, &object.namespace, &[&object.name]) {
            Cure::One(restored) => restored.first().map(|first| format!("the command of {}", first.canon.source)),
            Cure::All(_) => None,
        }
        .unwrap_or_else(|| "the command".to_owned())
    })
}

/// Returns the flags that accept one of these canons.
pub(super) fn accepting(canons: &[impl AsRef<str>]) -> String {
    canons.iter().map(|canon| format!("--canon {}", canon.as_ref())).collect::<Vec<_>>().join(" or ")
}

/// Returns the message about a missing policy.
pub(super) fn of_missing(report: &Report, guard: &Guard, namespace: &str, name: &str) -> String {
    match cure(report, guard, namespace, &[name]) {
        Cure::All(restored) => {
            let commands = restored.iter().map(|Restored { canon, names }| restore::command(canon, namespace, names));
            format!("NetworkPolicy \"{name}\" is missing. To create it: {}", commands.collect::<Vec<_>>().join("; "))
        }
        Cure::One(restored) => {
            let command = |Restored { canon, names }: &Restored<'_, '_>| {
                format!("To create that of {}: {}", canon.source, restore::command_of(canon, namespace, names))
            };
            let commands: Vec<String> = restored.iter().map(command).collect();
            format!("NetworkPolicy \"{name}\" is missing, and the accepted canons differ in it. {}", commands.join(". "))
        }
    }
}

fn cure<'g, 'n>(report: &Report, guard: &'g Guard, namespace: &str, names: &[&'n str]) -> Cure<'g, 'n> {
    let positions = report.references.get(namespace).map(Vec::as_slice).unwrap_or_default();
    let references: Vec<&Canon> = positions.iter().filter_map(|position| guard.canons.all().nth(*position)).collect();
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
    canon.policies(namespace).is_some_and(|policies| policies.named(name).is_some())
}

/// Returns whether neither canon has the policy, or both mean the same by it.
fn agree(left: &Canon, right: &Canon, namespace: &str, name: &str) -> bool {
    let of = |canon| Canon::policies(canon, namespace).and_then(|policies| policies.named(name));
    match (of(left), of(right)) {
        (None, None) => true,
        (Some(left), Some(right)) => compare(&left.policy, &right.policy) == Comparison::Same,
        _ => false,
    }
}
