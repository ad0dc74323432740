//! What suites that were written elsewhere expect of NetworkPolicies, as tables in `tests/truth`, against `netpol reach`, and single
//! connections also against `netpol explain`.
//!
//! Each table states facts of one suite in the form below. A fact is a connection between two pods, or between a pod and an address,
//! on a port: `open`, `closed`, or `depends` if network plugins treat it differently. A pod and itself are never compared, as in
//! the e2e tests of Kubernetes.
//!
//! - `namespaces`, `pods` (`NAMESPACE/NAME`) and `ports` (the named ports of each pod) are the world of a file.
//! - `cases` have `policies`: a name, a namespace and a spec each. A step of a case is a world: all policies or those in `with`, and
//!   pods or namespaces with changed `labels`. A case without steps is one step.
//! - The lists of a step are lines. A line with a port (`x/a > y/b 80/TCP`) is one fact. If no line of a step has a port, the step states
//!   every pair on each port of `ports`, or on each other than those in `not`, or on all six. The most exact line about a pair counts
//!   (`* > x/*`, `x/a > x/b`), and without a line the pair is open.
//! - `peers`, `portlists`, `blocks` and `selectors` state single parts of a policy. `error` is a part that the API rejects.

mod facts;
mod table;
mod world;

use table::Table;

/// The numbers of a table, which show that no part of it is missing.
#[derive(Debug, PartialEq, Eq)]
struct Numbers {
    cases: usize,
    worlds: usize,
    parts: usize,
    facts: usize,
    depends: usize,
}

fn check(file: &str, expected: &Numbers) {
    let table = Table::read(file);
    let (mut facts, mut worlds) = (facts::Facts::default(), 0);
    for case in &table.cases {
        for step in case.steps() {
            worlds += 1;
            facts.of_step(&table, case, &step);
        }
    }
    let parts = facts.of_parts(&table);
    assert!(facts.wrong.is_empty(), "{} wrong facts of {file}:\n{}", facts.wrong.len(), facts.wrong.join("\n"));
    let numbers = Numbers { cases: table.cases.len(), worlds, parts, facts: facts.checked, depends: facts.depends };
    assert_eq!(numbers, *expected, "{file}");
}

#[test]
fn the_truth_tables_of_the_kubernetes_e2e_tests() {
    check("kubernetes-e2e.yaml", &Numbers { cases: 48, worlds: 73, parts: 0, facts: 25056, depends: 96 });
}

#[test]
fn the_connections_of_the_first_kubernetes_e2e_tests() {
    check("kubernetes-e2e-first.yaml", &Numbers { cases: 32, worlds: 54, parts: 0, facts: 103, depends: 4 });
}

#[test]
fn the_tables_of_policy_assistant() {
    check("policy-assistant.yaml", &Numbers { cases: 20, worlds: 21, parts: 33, facts: 646, depends: 2 });
}

#[test]
fn the_tables_of_kube_network_policies() {
    check("kube-network-policies.yaml", &Numbers { cases: 21, worlds: 21, parts: 52, facts: 75, depends: 3 });
}

/// Every case of the e2e tests states every pair of pods on both ports of the three protocols.
#[test]
fn each_case_of_the_e2e_tests_states_every_port() {
    let table = Table::read("kubernetes-e2e.yaml");
    for case in &table.cases {
        let mut ports: Vec<_> = case.steps().iter().flat_map(table::Step::ports).collect();
        ports.sort();
        ports.dedup();
        assert_eq!(ports.len(), 6, "{}", case.name);
        assert!(case.steps().iter().all(table::Step::is_matrix), "{}", case.name);
    }
}
