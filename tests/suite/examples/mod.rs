//! Every example of the help texts and the documents is run, or the reason why not is in a list.
//!
//! An example is a command below `Examples:` in a help text, or a command in a block of `sh`, `shell`, `bash` or `console` of a
//! Markdown file (`documents` finds them, so that a new page needs nothing). In a `console` block, commands begin with
//! `$ `, and other lines are output. The rules:
//!
//! 1. Every `netpol …` must be accepted by the parser of the command line. Write values that are possible (`-n desktops`
//!    instead of `-n NS`).
//! 2. A command whose programs are all in [`PROGRAMS`] is run, in a folder with the files of `folder`, and its exit code must
//!    be 0, or 1 if the program finds something (`netpol check`). `/etc`, `/var`, `/tls`, `/tmp` and `~` are folders in that folder. The commands of a page or help text run one
//!    after the other. A file that is missing can be added to `folder`.
//! 3. Any other command must begin with the words of an entry of [`NOT_RUN`], without the namespace of `kubectl` and `helm`. A
//!    whole block is not run if the line above it is `<!-- not run: REASON -->`.
//! 4. `kubectl …` must be accepted by the parser of kubectl, and its namespace and Deployment must be those of the chart.
//!    `helm install` and `helm upgrade` of the chart must render it.
//! 5. A line of an example in a help text has at most 98 characters, so that it is not wrapped.

mod collect;
mod folder;
mod shell;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use collect::{Example, examples};
use shell::{Words, simple_commands};

use crate::cluster::harness::assets::Assets;
use crate::support::helm::helm;
use crate::support::root;

/// The programs that an example may run.
const PROGRAMS: [&str; 14] =
    ["netpol", "base64", "cat", "cp", "cut", "date", "diff", "echo", "grep", "head", "jq", "mkdir", "openssl", "paste"];

const READS: &str = "reads a cluster";
const CHANGES: &str = "changes a cluster";

/// The commands that are not run, by their first words, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("netpol serve", "runs until it is stopped: tests/suite/server starts it"),
    ("netpol controller", "runs until it is stopped: tests/suite/cluster/drift starts it"),
    ("netpol certs show --tls-secret", READS),
    ("netpol report --live", READS),
    ("netpol certs show --connect", "needs a server: tests/suite/certs.rs starts one"),
    ("netpol reach --live", READS),
    ("netpol reach --diff live", READS),
    ("netpol explain --live", READS),
    ("netpol check --namespace", READS),
    ("netpol check --context", READS),
    ("netpol completions zsh", "writes to a folder that only zsh knows"),
    ("cargo run", "builds the program"),
    ("cargo test", "is this test"),
    ("curl", "needs the server of the example before it: tests/suite/server"),
    ("docker", "needs a container engine"),
    ("cosign", "needs a network"),
    ("git", "needs the history of the repository"),
    ("logcli", "needs a Loki"),
    ("rust-audit-info", "needs the release build: scripts/image"),
    ("sed", "changes what a cluster returns: tests/suite/cluster/foreign.rs runs the whole command"),
    ("scripts/performance", "takes an hour"),
    ("scripts/reach-performance", "takes minutes"),
    ("xargs -r kubectl get", READS),
    ("helm template ./chart", "stands for a chart of the reader"),
    ("helm install", "is rendered instead"),
    ("helm upgrade", "is rendered instead"),
    ("helm uninstall", CHANGES),
    ("helm rollback", CHANGES),
    ("helm history", READS),
    ("helm list", READS),
    ("helm get", READS),
    ("helm status", READS),
    ("helm test", CHANGES),
    ("kubectl annotate", CHANGES),
    ("kubectl api-resources", READS),
    ("kubectl apply", CHANGES),
    ("kubectl auth", READS),
    ("kubectl create", CHANGES),
    ("kubectl delete", CHANGES),
    ("kubectl describe", READS),
    ("kubectl diff", READS),
    ("kubectl edit", CHANGES),
    ("kubectl events", READS),
    ("kubectl exec", CHANGES),
    ("kubectl get", READS),
    ("kubectl label", CHANGES),
    ("kubectl logs", READS),
    ("kubectl patch", CHANGES),
    ("kubectl port-forward", READS),
    ("kubectl replace", CHANGES),
    ("kubectl rollout", CHANGES),
    ("kubectl run", CHANGES),
    ("kubectl scale", CHANGES),
    ("kubectl set", CHANGES),
    ("kubectl top", READS),
    ("kubectl version", READS),
    ("kubectl wait", READS),
];

/// Returns the words of a command by which it is listed: without the flags of kubectl and helm before the verb.
fn listed_words(words: &Words) -> Vec<&str> {
    let mut words = words.iter().map(String::as_str).peekable();
    let mut listed: Vec<&str> = words.next().into_iter().collect();
    if matches!(listed.first(), Some(&("kubectl" | "helm"))) {
        while let Some(flag) = words.next_if(|word| word.starts_with('-')) {
            if !flag.contains('=') {
                words.next();
            }
        }
    }
    listed.extend(words);
    listed
}

/// Returns the index of the entry of [`NOT_RUN`] for a command.
fn entry(words: &Words) -> Option<usize> {
    let listed = listed_words(words);
    NOT_RUN.iter().position(|(start, _)| listed.starts_with(&start.split(' ').collect::<Vec<_>>()))
}

/// Returns the arguments of `netpol` in a command, if it runs it, also in a container or by cargo.
fn netpol_arguments(words: &Words) -> Option<&[String]> {
    let is_netpol = |word: &String| word == "netpol" || word.ends_with("/netpol");
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["kubectl", "netpol", ..] => words.get(2..),
        ["cargo", "run", ..] => words.iter().position(|word| word == "--").and_then(|at| words.get(at + 1..)),
        ["kubectl", ..] => words
            .iter()
            .position(|word| word == "--")
            .filter(|at| words.get(at + 1).is_some_and(is_netpol))
            .and_then(|at| words.get(at + 2..)),
        _ => words.first().filter(|word| is_netpol(word)).and_then(|_| words.get(1..)),
    }
}

fn none(faults: &[String]) {
    assert!(
        faults.is_empty(),
        "{} examples:\n{}\n\nThe rules are at the top of tests/suite/examples/mod.rs.",
        faults.len(),
        faults.join("\n\n")
    );
}

fn all_commands() -> impl Iterator<Item = (Example, Words)> {
    examples().into_iter().flat_map(|example| simple_commands(&example.text).into_iter().map(move |words| (example.clone(), words)))
}

#[test]
fn every_netpol_command_is_accepted_by_the_parser() {
    let mut faults = Vec::new();
    let mut count = 0;
    for (example, words) in all_commands() {
        let Some(arguments) = netpol_arguments(&words) else { continue };
        count += 1;
        let parsed = netpol::cli::definition().try_get_matches_from(["netpol".to_owned()].iter().chain(arguments));
        if let Err(error) = parsed.map_err(|error| error.to_string()) {
            faults.push(format!("{example}: {error}"));
        }
    }
    none(&faults);
    assert!(count > 40, "only {count} commands were found");
}

#[test]
fn every_command_is_run_or_listed() {
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    for (example, words) in all_commands() {
        let entry = entry(&words);
        used.extend(entry);
        let is_program = words.first().is_some_and(|program| PROGRAMS.contains(&program.as_str()));
        if entry.is_none() && !is_program && example.not_run.is_none() {
            faults.push(format!("{example}: `{}` is neither run nor listed", words.join(" ")));
        }
    }
    none(&faults);
    // The usual verbs may stay while no example has them.
    let is_usual = |start: &str| start.starts_with("kubectl ") || start.starts_with("helm ");
    let unused: Vec<&str> = NOT_RUN
        .iter()
        .enumerate()
        .filter(|(index, (start, _))| !used.contains(index) && !is_usual(start))
        .map(|(_, (start, _))| *start)
        .collect();
    assert!(unused.is_empty(), "entries of NOT_RUN without an example: {unused:?}");
}

#[test]
fn examples_that_need_no_cluster_run() {
    let template = folder::prepared();
    let mut faults = Vec::new();
    let mut count = 0;
    let examples = examples();
    for page in examples.chunk_by(|left, right| left.place == right.place) {
        let runnable = page.iter().filter(|example| is_run(example)).collect::<Vec<_>>();
        if runnable.is_empty() {
            continue;
        }
        let folder = folder::copy(template.path());
        for example in runnable {
            count += 1;
            faults.extend(run(example, folder.path()).err().map(|fault| format!("{example}: {fault}")));
        }
    }
    none(&faults);
    assert!(count > 30, "only {count} examples were run");
}

fn is_run(example: &Example) -> bool {
    let is_run = |words: &Words| entry(words).is_none() && words.first().is_some_and(|program| PROGRAMS.contains(&program.as_str()));
    example.not_run.is_none() && simple_commands(&example.text).iter().all(is_run)
}

/// Runs an example in a folder.
fn run(example: &Example, folder: &Path) -> Result<(), String> {
    let missing = |words: &Words| words.first().filter(|program| *program != "netpol" && !is_installed(program)).cloned();
    if let Some(program) = simple_commands(&example.text).iter().find_map(missing) {
        let _ = writeln!(std::io::stderr(), "skipped, {program} is not installed: {example}");
        return Ok(());
    }
    let text = folder::inside(&example.text);
    let is_path_of = |words: &Words| words[0] != "jq" && words.iter().any(|word| word.starts_with('/') && !word.contains('='));
    if ["> /", ">/", "> \"/", ">\"/"].iter().any(|outside| text.contains(outside)) || simple_commands(&text).iter().any(is_path_of) {
        return Err("it names a path outside its folder".to_owned());
    }
    let bin = Path::new(env!("CARGO_BIN_EXE_netpol")).parent().unwrap();
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", &text])
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("HOME", folder)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    match output.status.code() {
        Some(0) => Ok(()),
        Some(1) if simple_commands(&text).iter().any(may_have_findings) => Ok(()),
        code => Err(format!("exit code {code:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// Returns whether exit code 1 of a command means that it found something.
fn may_have_findings(words: &Words) -> bool {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    matches!(
        words.as_slice(),
        ["netpol", "review" | "check" | "explain" | "lint", ..]
            | ["netpol", "certs", "show", ..]
            | ["netpol", "canon", "diff", ..]
            | ["netpol", "reach", "--diff", ..]
            | ["diff" | "grep", ..]
    )
}

fn is_installed(program: &str) -> bool {
    ["/usr/bin", "/bin"].iter().any(|folder| Path::new(folder).join(program).exists())
}

#[test]
fn kubectl_accepts_its_arguments_and_the_chart_has_their_objects() {
    let kubectl = Assets::obtain().unwrap_or_else(|error| panic!("{error}")).kubectl;
    let home = tempfile::tempdir().unwrap();
    let template = folder::prepared();
    let mut faults = Vec::new();
    for (example, words) in all_commands() {
        if words.first().is_none_or(|program| program != "kubectl") || words.get(1).is_some_and(|word| word == "netpol") {
            continue;
        }
        let is_foreign = |word: &String| {
            let name = word.strip_prefix("deployment/").or_else(|| word.strip_prefix("deploy/")).unwrap_or("abcdesktop-netpol");
            word.contains("netpol") && !matches!(name, "abcdesktop-netpol" | "abcdesktop-netpol-controller")
        };
        let is_elsewhere =
            |pair: &[String]| matches!(pair[0].as_str(), "-n" | "--namespace") && pair[1].contains("netpol") && pair[1] != "netpol-system";
        if words.iter().any(is_foreign) || words.windows(2).any(is_elsewhere) {
            faults.push(format!("{example}: the chart has no such namespace or Deployment"));
        }
        let output = Command::new(&kubectl)
            .args(&words[1..])
            .args(words.iter().all(|word| word != "--").then_some("--server=http://127.0.0.1:1"))
            .env_clear()
            .env("HOME", home.path())
            .env("KUBECONFIG", "/dev/null")
            .current_dir(template.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        if [
            "unknown flag",
            "unknown shorthand",
            "unknown command",
            "flag needs",
            "invalid argument",
            "must specify",
            "required flag",
            "See 'kubectl",
        ]
        .iter()
        .any(|words| err.contains(words))
        {
            faults.push(format!("{example}: {err}"));
        }
    }
    none(&faults);
}

#[test]
fn helm_renders_the_chart_with_the_values_of_examples() {
    let home = tempfile::tempdir().unwrap();
    let template = folder::prepared();
    let mut faults = Vec::new();
    for (example, words) in all_commands() {
        let listed = listed_words(&words);
        let (Some(&"helm"), Some(&("install" | "upgrade"))) = (listed.first(), listed.get(1)) else { continue };
        let files = |word: &str| match word.rsplit_once('=') {
            Some((value, file)) if template.path().join(file).is_file() => format!("{value}={}", template.path().join(file).display()),
            _ => word.to_owned(),
        };
        let chart = root().join("charts/abcdesktop-netpol").display().to_string();
        let rest = listed[2..].iter().filter(|word| !matches!(**word, "--reset-then-reuse-values" | "--reuse-values" | "--install"));
        let rest = rest.map(|word| if matches!(*word, "charts/abcdesktop-netpol" | "CHART") { chart.clone() } else { files(word) });
        let args: Vec<String> = ["template".to_owned()].into_iter().chain(rest).collect();
        let ran = helm(&args.iter().map(String::as_str).collect::<Vec<_>>(), "", home.path(), None);
        if !ran.ok {
            faults.push(format!("{example}: {}", ran.err));
        }
    }
    none(&faults);
}
