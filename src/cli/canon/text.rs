//! The text output of `canon diff`: the differences, and one line that sums up.

use std::io::{self, Write};

use super::effect::Effect;
use super::report::word;
use crate::canon::{Canon, Changes, Grant, GrantChange, ImagePattern, IsolationChange, Limits, PodLabel, PolicyChange};
use crate::cli::manifests::display::Count;
use crate::cli::output::{BAD, GOOD, NAME};
use crate::policy::{Beyond, Difference};

pub(super) fn write(from: &Canon, to: &Canon, changes: &Changes<'_>, out: &mut dyn Write) -> io::Result<()> {
    for policy in &changes.policies {
        writeln!(out, "{NAME}{}{NAME:#}: NetworkPolicy \"{}\"", word(policy.kind), policy.name)?;
        write_policy(policy, out)?;
    }
    for change in &changes.foreign {
        let resource = change.resource;
        writeln!(out, "{NAME}{}{NAME:#}: {} \"{}\" of {}", word(change.kind), resource.kind, change.name, resource.api_version())?;
        if let Some(difference) = &change.difference {
            writeln!(out, "    {difference}")?;
        }
        change.attachments.iter().try_for_each(|difference| write_difference(difference, out))?;
    }
    for change in &changes.isolation {
        write_isolation(change, out)?;
    }
    for grant in &changes.grants {
        writeln!(out, "{NAME}{}{NAME:#}: grant \"{}\"{}", word(grant.kind), grant.name, described(grant))?;
        write_grant(grant, out)?;
    }
    for label in &changes.protected {
        writeln!(out, "{NAME}{}{NAME:#}: protected label \"{}\"", word(label.kind), label.key)?;
    }
    for renamed in &changes.renamed {
        writeln!(out, "note: NetworkPolicy \"{}\" has the name \"{}\" and the same meaning", renamed.from, renamed.to)?;
    }
    write_summary(from, to, changes, out)
}

fn write_policy(policy: &PolicyChange<'_>, out: &mut dyn Write) -> io::Result<()> {
    for difference in &policy.differences {
        write_difference(difference, out)?;
    }
    if !policy.is_proven() {
        writeln!(out, "    not proven equal: the comparison takes too many steps")?;
    }
    // A difference of a rule has its own witness.
    let has_witness =
        |effect: Effect| policy.differences.iter().any(|it| Effect::of(it) == effect && matches!(it.beyond, Some(Beyond::Grants(_))));
    for (beyond, effect) in [(&policy.breaks, Effect::Breaks), (&policy.opens, Effect::Opens)] {
        if let Beyond::Grants(witness) = beyond
            && !has_witness(effect)
        {
            let (words, style) = effect.words();
            writeln!(out, "    {style}{words}{style:#}: {witness}")?;
        }
    }
    if policy.differences.is_empty() && policy.is_proven() && (&policy.opens, &policy.breaks) == (&Beyond::Nothing, &Beyond::Nothing) {
        writeln!(out, "    no connection depends on it: other policies of the canon allow the same")?;
    }
    Ok(())
}

fn write_difference(difference: &Difference, out: &mut dyn Write) -> io::Result<()> {
    let (words, style) = Effect::of(difference).words();
    writeln!(out, "    {style}{words}{style:#}: {difference}")?;
    match &difference.beyond {
        Some(Beyond::Grants(witness)) => writeln!(out, "        witness: {witness}"),
        _ => Ok(()),
    }
}

fn write_isolation(change: &IsolationChange, out: &mut dyn Write) -> io::Result<()> {
    let (effect, sentence) = match change {
        IsolationChange::Ends(direction, pods) => {
            (Effect::Opens, format!("no policy isolates pods {pods} for {direction} any longer, so every connection is allowed"))
        }
        IsolationChange::Begins(direction, pods) => {
            (Effect::Breaks, format!("pods {pods} become isolated for {direction}, so only connections that a policy allows remain"))
        }
        IsolationChange::NotProven => (Effect::Opens, "perhaps, because the comparison of isolated pods takes too many steps".to_owned()),
    };
    let (words, style) = effect.words();
    writeln!(out, "{NAME}isolation{NAME:#}\n    {style}{words}{style:#}: {sentence}")
}

/// Returns how the selector and the other fields of a grant change.
fn described(change: &GrantChange<'_>) -> String {
    match (change.from, change.to) {
        (Some(old), Some(new)) => {
            let renamed = (old.name != new.name).then(|| format!("was \"{}\"", old.name));
            let selector = (old.selector != new.selector).then(|| format!("podSelector {} instead of {}", new.selects, old.selects));
            let shared = (old.shared != new.shared).then(|| format!("shared: {} instead of {}", new.shared, old.shared));
            let parts: Vec<String> = [renamed, selector, shared].into_iter().flatten().collect();
            if parts.is_empty() { format!(" for pods {}", new.selects) } else { format!(" ({})", parts.join(", ")) }
        }
        (old, new) => old.or(new).map(|grant: &Grant| format!(" for pods {}", grant.selects)).unwrap_or_default(),
    }
}

fn write_grant(change: &GrantChange<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut lines = |labels: &[PodLabel<'_>], effect: Effect, verb: &str| {
        let (words, style) = effect.words();
        labels.iter().try_for_each(|PodLabel { pods, key, value }| {
            writeln!(out, "    {style}{words}{style:#}: pods {pods} {verb} the label {key}={value}")
        })
    };
    lines(&change.loses, Effect::Breaks, "no longer get")?;
    lines(&change.gains, Effect::Opens, "get")?;
    let limits = limits(change);
    limits.iter().try_for_each(|line| writeln!(out, "    {line}"))?;
    if change.loses.is_empty() && change.gains.is_empty() && limits.is_empty() {
        writeln!(out, "    changes which grants exclude each other")?;
    }
    Ok(())
}

/// Returns a line for each limit that changes.
fn limits(change: &GrantChange<'_>) -> Vec<String> {
    let of = |words: &dyn Fn(&Limits) -> Option<String>, none: &str| {
        let side = |grant: Option<&Grant>| grant.and_then(|grant| words(&grant.limits)).unwrap_or_else(|| none.to_owned());
        (side(change.from), side(change.to))
    };
    let images = |limits: &Limits| {
        let patterns: Vec<&str> = limits.images.iter().map(ImagePattern::as_str).collect();
        (!patterns.is_empty()).then(|| patterns.join(", "))
    };
    let fields = [
        ("claims", of(&|limits| limits.claims.as_ref().map(ToString::to_string), "everybody")),
        ("serviceAccountName", of(&|limits| limits.service_account.clone(), "any")),
        ("images", of(&images, "any")),
    ];
    let changed = fields.into_iter().filter(|(_, (from, to))| from != to);
    changed.map(|(field, (from, to))| format!("{field}: {to} instead of {from}")).collect()
}

fn write_summary(from: &Canon, to: &Canon, changes: &Changes<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (from, to) = (&from.source, &to.source);
    if changes.is_empty() {
        return writeln!(out, "{GOOD}same{GOOD:#}: {from} and {to} mean the same");
    }
    let mut parts = Vec::new();
    let mut add = |number: usize, words: String| {
        if number > 0 {
            parts.push(words);
        }
    };
    let policies = changes.policies.len() + changes.foreign.len();
    add(policies, format!("{}", Count(policies, "policy")));
    add(changes.grants.len(), format!("{}", Count(changes.grants.len(), "grant")));
    add(changes.protected.len(), format!("{}", Count(changes.protected.len(), "protected label")));
    add(changes.isolation.len(), "isolation".to_owned());
    let all = [policies, changes.grants.len(), changes.protected.len(), changes.isolation.len()];
    let verb = if all.iter().sum::<usize>() == 1 { "differs" } else { "differ" };
    writeln!(out, "{BAD}not the same{BAD:#}: from {from} to {to}, {} {verb}", parts.join(", "))
}
