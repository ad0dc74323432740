//! The facts of a table, compared with what `netpol reach` says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::table::{Case, Labels, Pod, Step, Table};
use super::world::{Reached, Verdict, World};

#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) checked: usize,
    pub(super) depends: usize,
    pub(super) wrong: Vec<String>,
}

impl Facts {
    fn check(&mut self, place: &str, reached: &Reached, (from, to, port): (&str, &str, &str), expected: Verdict) {
        self.checked += 1;
        self.depends += usize::from(expected == Verdict::Depends);
        let said = reached.verdict(from, to, port);
        if said != expected {
            self.wrong.push(format!("{place}: {from} > {to} {port}: expected {expected:?}, netpol says {said:?}"));
        }
    }

    pub(super) fn of_step(&mut self, table: &Table, case: &Case, step: &Step) {
        let mut world = World::default();
        let changed = |labels: &Labels, name: &str| {
            let mut labels = labels.clone();
            for (key, value) in step.labels.get(name).into_iter().flatten() {
                match value {
                    Some(value) => labels.insert(key.clone(), value.clone()),
                    None => labels.remove(key),
                };
            }
            labels
        };
        for (name, labels) in &table.namespaces {
            world.namespace(name, &changed(labels, name));
        }
        for (name, pod) in &table.pods {
            world.pod(name, &Pod { labels: changed(&pod.labels, name), ..pod.clone() }, &table.ports);
        }
        let names: Vec<&String> = step.with.as_ref().map_or_else(|| case.policies.keys().collect(), |with| with.iter().collect());
        for name in names {
            let (namespace, spec) = &case.policies[name];
            world.policy(name, namespace.as_deref(), spec);
        }
        if step.is_matrix() {
            self.of_pairs(&case.name, &world, step);
        } else {
            self.of_lines(&case.name, &world, step);
        }
    }

    /// Checks every pair of pods on the ports of a step.
    fn of_pairs(&mut self, name: &str, world: &World, step: &Step) {
        let reached = world.reach(&[]).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let lines: Vec<_> = lines(step).collect();
        for (from, to) in world.pods().iter().flat_map(|from| world.pods().iter().map(move |to| (from, to))) {
            if from == to {
                continue;
            }
            let about = lines.iter().filter_map(|(line, verdict)| exactness(line, from, to).map(|exactness| (exactness, *verdict)));
            let best = about.clone().map(|(exactness, _)| exactness).max();
            let verdicts: Vec<Verdict> = about.filter(|(exactness, _)| Some(*exactness) == best).map(|(_, verdict)| verdict).collect();
            assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{name}: two lines of {from} > {to} are equally exact");
            for port in step.ports() {
                self.check(name, &reached, (from, to, &port), verdicts.first().copied().unwrap_or(Verdict::Open));
            }
        }
    }

    /// Checks single connections.
    fn of_lines(&mut self, name: &str, world: &World, step: &Step) {
        let parsed: Vec<([&str; 3], Verdict)> = lines(step)
            .map(|(line, verdict)| match line.split(' ').collect::<Vec<_>>()[..] {
                [from, ">", to, port] => ([from, to, port], verdict),
                _ => panic!("{name}: {line}"),
            })
            .collect();
        let ends: BTreeSet<&str> = parsed.iter().flat_map(|([from, to, _], _)| [*from, *to]).collect();
        let addresses: Vec<&str> = ends.iter().copied().filter(|end| !end.contains('/')).collect();
        let unknown = ends.iter().find(|end| end.contains('/') && !world.pods().iter().any(|pod| pod == *end));
        assert_eq!(unknown, None, "{name}");
        let reached = world.reach(&addresses).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        for ([from, to, port], verdict) in parsed {
            self.check(name, &reached, (from, to, port), verdict);
            let explained = world.explain(from, to, port);
            if explained != verdict {
                self.wrong.push(format!("{name}: {from} > {to} {port}: expected {verdict:?}, netpol explain says {explained:?}"));
            }
        }
    }

    /// Checks the parts of policies, and returns how many there are.
    pub(super) fn of_parts(&mut self, table: &Table) -> usize {
        self.of_peers(table);
        let all: &Value = &json!({});
        for (number, (selector, labels, is)) in table.selectors.iter().enumerate() {
            let mut spec = json!({"policyTypes": ["Ingress"]});
            if !selector.is_null() {
                spec["podSelector"] = selector.clone();
            }
            let pod = Pod { labels: labels.clone().unwrap_or_default(), ..Pod::default() };
            // A selected pod is isolated.
            let expected = |is| if is { Verdict::Closed } else { Verdict::Open };
            self.of_part(&format!("selector {number}"), (&pod, &BTreeMap::new(), &spec), ("client/c", "1/TCP"), is.as_bool().map(expected));
        }
        let expected = |is| if is { Verdict::Open } else { Verdict::Closed };
        for (number, (list, port, is)) in table.portlists.iter().enumerate() {
            let spec = json!({"podSelector": all, "ingress": [{"ports": list}]});
            let part = (&Pod::default(), &table.ports, &spec);
            self.of_part(&format!("list of ports {number}"), part, ("client/c", port), is.as_bool().map(expected));
        }
        for (number, (block, address, is)) in table.blocks.iter().enumerate() {
            let spec = json!({"podSelector": all, "ingress": [{"from": [{"ipBlock": block}]}]});
            let part = (&Pod::default(), &BTreeMap::new(), &spec);
            self.of_part(&format!("block {number}"), part, (address, "1/TCP"), is.as_bool().map(expected));
        }
        table.peers.len() + table.selectors.len() + table.portlists.len() + table.blocks.len()
    }

    /// Checks a policy for one pod, of which only one part is of interest. `None` is expected to be rejected.
    fn of_part(
        &mut self,
        place: &str,
        (pod, ports, spec): (&Pod, &BTreeMap<String, String>, &Value),
        (from, port): (&str, &str),
        expected: Option<Verdict>,
    ) {
        let mut world = World::default();
        world.pod("subject/p", pod, ports);
        world.pod("client/c", &Pod::default(), &BTreeMap::new());
        world.policy("part", Some("subject"), spec);
        let addresses: Vec<&str> = (!from.contains('/')).then_some(from).into_iter().collect();
        match (world.reach(&addresses), expected) {
            (Ok(reached), Some(expected)) => self.check(place, &reached, (from, "subject/p", port), expected),
            (Err(_), None) => self.checked += 1,
            (Ok(_), None) => self.wrong.push(format!("{place}: expected an error")),
            (Err(fault), Some(_)) => self.wrong.push(format!("{place}: {fault}")),
        }
    }

    fn of_peers(&mut self, table: &Table) {
        for (number, row) in table.peers.iter().enumerate() {
            let place = format!("peer {number}");
            let mut world = World::default();
            for (name, labels) in &table.namespaces {
                world.namespace(name, labels);
            }
            for (name, pod) in &table.pods {
                world.pod(name, pod, &table.ports);
            }
            let subject = format!("{}/subject", row.namespace);
            let labels = Labels::from([("subject".to_owned(), String::new())]);
            world.pod(&subject, &Pod { labels: labels.clone(), ..Pod::default() }, &BTreeMap::new());
            let spec = json!({"podSelector": {"matchLabels": labels}, "ingress": [{"from": [row.peer]}]});
            world.policy("peer", Some(&row.namespace), &spec);
            let reached = world.reach(&[]);
            if row.means == "error" {
                self.checked += 1;
                if reached.is_ok() {
                    self.wrong.push(format!("{place}: expected an error"));
                }
                continue;
            }
            let reached = reached.unwrap_or_else(|fault| panic!("{place}: {fault}"));
            let means = row.means.as_array().into_iter().flatten().map(|pod| pod.as_str().unwrap());
            let not = row.not.iter().map(String::as_str);
            for (pod, expected) in means.map(|pod| (pod, Verdict::Open)).chain(not.map(|pod| (pod, Verdict::Closed))) {
                assert!(table.pods.contains_key(pod), "{place}: {pod}");
                self.check(&place, &reached, (pod, &subject, "1/TCP"), expected);
            }
        }
    }
}

fn lines(step: &Step) -> impl Iterator<Item = (&str, Verdict)> {
    let lists = [(&step.closed, Verdict::Closed), (&step.open, Verdict::Open), (&step.depends, Verdict::Depends)];
    lists.into_iter().flat_map(|(lines, verdict)| lines.iter().map(move |line| (line.as_str(), verdict)))
}

/// Returns how exact a line is about a pair of pods, or `None` if it is about others.
fn exactness(line: &str, from: &str, to: &str) -> Option<usize> {
    let (of_from, of_to) = line.split_once(" > ").unwrap_or_else(|| panic!("{line}"));
    let end = |pattern: &str, pod: &str| match pattern.split_once('/') {
        None => (pattern == "*").then_some(0),
        Some((namespace, "*")) => pod.starts_with(&format!("{namespace}/")).then_some(1),
        Some(_) => (pattern == pod).then_some(2),
    };
    Some(end(of_from, from)? + end(of_to, to)?)
}
