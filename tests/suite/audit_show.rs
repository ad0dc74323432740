//! `netpol audit show` on logs as the sink writes them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use netpol::audit::{Destination, Entry, Options, Record, Sink, Unanswered};
use netpol::verdict::{Outcome, Rule};
use serde_json::{Value, json};

use crate::support::command::{Ran, command, netpol, netpol_reading};

/// A decision: time, verdict, rule, user, namespace, kind, name.
type Decision = (&'static str, Outcome, Option<Rule>, &'static str, &'static str, &'static str, &'static str);

const POLICY: &str = "NetworkPolicy.networking.k8s.io";
const FOREIGN: &str = "CiliumNetworkPolicy.cilium.io";

const FIRST: [Decision; 3] = [
    ("2026-11-27T16:00:00Z", Outcome::Denied, Some(Rule::UngrantedLabel), "alice", "abcdesktop", "Pod", "thief"),
    ("2026-11-27T17:00:00Z", Outcome::Denied, Some(Rule::PolicyDrift), "bob", "abcdesktop", POLICY, "memcached-permits"),
    ("2026-11-27T19:00:00Z", Outcome::Allowed, None, "system:serviceaccount:kube-system:deployment-controller", "desktops", "Pod", "desk"),
];

const SECOND: [Decision; 2] = [
    ("2026-11-27T16:30:00Z", Outcome::Warned, Some(Rule::ForeignPolicy), "alice", "abcdesktop", FOREIGN, "open"),
    ("2026-11-27T18:00:00Z", Outcome::Denied, Some(Rule::UngrantedLabel), "bob", "desktops", "Deployment.apps", "thieves"),
];

/// Writes the log of a server. With `late`, it ends with a request without a verdict.
fn write(path: &Path, name: [u8; 8], decisions: &[Decision], late: Option<&str>) {
    let sink = Sink::open(Options::new(Destination::File(path.to_owned()), name)).unwrap();
    for (index, (time, verdict, rule, user, namespace, kind, name)) in decisions.iter().copied().enumerate() {
        let record = Record {
            uid: format!("uid-{index}"),
            stage: "validate",
            verdict,
            rule,
            operation: "CREATE",
            kind: kind.to_owned(),
            subresource: None,
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            user: user.to_owned(),
            groups: vec!["system:authenticated".to_owned()],
            dry_run: false,
            messages: rule.iter().map(|_| format!("{name} is not good")).collect(),
            differences: Vec::new(),
            witness: None,
            canon: "00".to_owned(),
        };
        sink.offer(Entry { time: time.parse().unwrap(), record, latency: Duration::from_micros(90), client_verified: false });
    }
    if let Some(time) = late {
        sink.offer_unanswered(&Unanswered {
            time: time.parse().unwrap(),
            omitted: 3,
            uid: Some("uid-late".to_owned()),
            stage: "validate",
            cause: "deadline",
            status: 503,
            messages: ["the review was not completed before its deadline".to_owned()],
            client_verified: false,
            latency: Duration::from_secs(9),
        });
    }
    assert!(sink.close(Duration::from_secs(20)));
}

/// The logs of two servers, as `kubectl logs` prints them: one after the other, with their ordinary logs.
fn collected() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    write(&one, [1; 8], &FIRST, None);
    write(&two, [2; 8], &SECOND, Some("2026-11-27T18:30:00Z"));
    let mut text = String::new();
    for (pod, path) in [("netpol-1", one), ("netpol-2", two)] {
        let ordinary = r#"{"timestamp":"2026-11-27T16:16:10Z","level":"INFO","message":"ready"}"#.to_owned();
        let lines = fs::read_to_string(path).unwrap();
        for line in [ordinary].iter().map(String::as_str).chain(lines.lines()) {
            writeln!(text, "[pod/{pod}/netpol] {line}").unwrap();
        }
    }
    text.into_bytes()
}

fn show(args: &[&str]) -> Ran {
    netpol_reading(&[&["audit", "show"], args].concat(), &collected())
}

const OTHERS: &str = "skipped 2 other lines: not audit lines\n";

/// Returns the names of the objects that a command shows, in its order.
fn names(args: &[&str]) -> Vec<String> {
    let ran = show(&[args, &["--output", "json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| line["name"].as_str().unwrap_or("-").to_owned()).collect()
}

#[test]
fn the_lines_of_all_servers_are_a_table_the_oldest_first() {
    let ran = show(&[]);
    assert_eq!((ran.code, ran.err.as_str()), (0, OTHERS));
    insta::assert_snapshot!(ran.out, @r"
    TIME                  VERDICT     USER                                                     OPERATION  OBJECT                                         RULE             REASON
    2026-11-27T16:00:00Z  denied      alice                                                    CREATE     abcdesktop/Pod/thief                           ungranted-label  thief is not good
    2026-11-27T16:30:00Z  warned      alice                                                    CREATE     abcdesktop/CiliumNetworkPolicy.cilium.io/open  foreign-policy   open is not good
    2026-11-27T17:00:00Z  denied      bob                                                      CREATE     abcdesktop/NetworkPolicy/memcached-permits     policy-drift     memcached-permits is not good
    2026-11-27T18:00:00Z  denied      bob                                                      CREATE     desktops/Deployment/thieves                    ungranted-label  thieves is not good
    2026-11-27T18:30:00Z  unanswered  -                                                        -          -                                              -                the review was not completed before its deadline (before it, 3 without a line)
    2026-11-27T19:00:00Z  allowed     system:serviceaccount:kube-system:deployment-controller  CREATE     desktops/Pod/desk                              -                -
    ");
}

#[test]
fn a_summary_counts_rules_and_users() {
    let ran = show(&["--summary"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, OTHERS));
    insta::assert_snapshot!(ran.out, @r"
    6 lines from 2026-11-27T16:00:00Z to 2026-11-27T19:00:00Z: 3 denied, 1 unanswered, 1 warned, 1 allowed

    RULE             DENIED  UNANSWERED  WARNED  ALLOWED  LAST
    ungranted-label       2           0       0        0  2026-11-27T18:00:00Z
    policy-drift          1           0       0        0  2026-11-27T17:00:00Z
    foreign-policy        0           0       1        0  2026-11-27T16:30:00Z

    USER                                                     DENIED  UNANSWERED  WARNED  ALLOWED  LAST
    bob                                                           2           0       0        0  2026-11-27T18:00:00Z
    alice                                                         1           0       1        0  2026-11-27T16:30:00Z
    system:serviceaccount:kube-system:deployment-controller       0           0       0        1  2026-11-27T19:00:00Z
    ");
}

#[test]
fn a_summary_is_one_json_document() {
    let ran = show(&["--summary", "--user", "bob", "--output", "json"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, OTHERS));
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    let times = |first: &str, last: &str| [format!("2026-11-27T{first}:00:00.000000Z"), format!("2026-11-27T{last}:00:00.000000Z")];
    let tally = |name: &str, value: &str, lines: usize, [first, last]: [String; 2]| {
        let mut tally = json!({"lines": lines, "verdicts": {"denied": lines}, "first": first, "last": last});
        tally[name] = json!(value);
        tally
    };
    let mut expected = tally("user", "", 2, times("17", "18"));
    expected.as_object_mut().unwrap().remove("user");
    for (field, value) in [
        ("dropped", json!(0)),
        ("omitted", json!(0)),
        ("other", json!(2)),
        ("damaged", json!(0)),
        ("repeated", json!(0)),
        ("rules", json!([tally("rule", "ungranted-label", 1, times("18", "18")), tally("rule", "policy-drift", 1, times("17", "17"))])),
        ("users", json!([tally("user", "bob", 2, times("17", "18"))])),
    ] {
        expected[field] = value;
    }
    assert_eq!(document, expected);
    assert_eq!(show(&["--summary", "--output", "json"]).out.matches("\"omitted\": 3").count(), 1);
}

#[test]
fn every_filter_selects_its_lines() {
    for (args, expected) in [
        (&["--rule", "ungranted-label"][..], &["thief", "thieves"][..]),
        (&["--rule", "ungranted-label", "--rule", "policy-drift"], &["thief", "memcached-permits", "thieves"]),
        (&["--user", "alice"], &["thief", "open"]),
        (&["--user", "system:serviceaccount:*"], &["desk"]),
        (&["--user", "nobody"], &[]),
        (&["--namespace", "desktops"], &["thieves", "desk"]),
        (&["-n", "desktops", "--kind", "Pod"], &["desk"]),
        (&["--kind", "networkpolicy"], &["memcached-permits"]),
        (&["--kind", "CiliumNetworkPolicy.cilium.io", "--kind", "deployment"], &["open", "thieves"]),
        (&["--name", "th*", "--name", "open"], &["thief", "open", "thieves"]),
        (&["--verdict", "warned", "--verdict", "allowed"], &["open", "desk"]),
        (&["--verdict", "unanswered"], &["-"]),
        (&["--since", "2026-11-27T17:00:00Z", "--until", "2026-11-27T18:30:00Z"], &["memcached-permits", "thieves"]),
        (&["--since", "2026-11-27T19:00:00+01:00", "--verdict", "denied"], &["thieves"]),
        (&["--since", "36500d", "--user", "bob"], &["memcached-permits", "thieves"]),
        (&["--until", "36500d"], &[]),
        (&["--unsorted", "--user", "alice", "--user", "bob"], &["thief", "memcached-permits", "open", "thieves"]),
    ] {
        assert_eq!(names(args), expected, "{args:?}");
    }
}

#[test]
fn json_is_the_lines_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    write(&path, [1; 8], &FIRST, Some("2026-11-27T20:00:00Z"));
    let ran = netpol(&["audit", "show", "--output", "json", path.to_str().unwrap()]);
    assert_eq!((ran.code, ran.out, ran.err.as_str()), (0, fs::read_to_string(&path).unwrap(), ""));
}

#[test]
fn what_is_not_shown_is_said() {
    for (args, words) in [
        (&["--user", "nobody"][..], "none of 6 audit lines matches\n"),
        (
            &["--rule", "policy-drit"],
            "none of 6 audit lines matches\nno line has the rule policy-drit; the rules of these lines: foreign-policy, policy-drift, ungranted-label\n",
        ),
    ] {
        let ran = show(args);
        assert_eq!((ran.code, ran.out.as_str(), ran.err), (0, "", format!("{words}{OTHERS}")));
    }
    let ran = netpol(&["audit", "show"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", "no audit lines\n"));
    let log = String::from_utf8(collected()).unwrap();
    for (log, words) in [
        (
            log[..log.len() - 30].to_owned(),
            "skipped 1 incomplete or changed line that cannot be read: netpol audit verify checks the log\n",
        ),
        (log.replace("\"sequence\":2,", "\"sequence\":2,\"dropped\":4,"), "8 decisions have no line: they were dropped"),
    ] {
        let ran = netpol_reading(&["audit", "show"], log.as_bytes());
        assert!(ran.code == 0 && ran.err.contains(words), "{}", ran.err);
    }
}

#[test]
fn a_line_that_was_collected_twice_counts_once() {
    let once = String::from_utf8(collected()).unwrap();
    let twice = [once.as_str(), &once.replace("[pod/netpol-2/netpol] ", "2026-11-27T20:00:00Z ")].concat();
    for args in [&[][..], &["--output", "json"], &["--summary"]] {
        let args = [&["audit", "show", "-"], args].concat();
        let ran = netpol_reading(&args, twice.as_bytes());
        assert_eq!(ran.out, netpol_reading(&args, once.as_bytes()).out);
        assert!(ran.err.starts_with("skipped 6 repeated lines: they are in the input more than once\n"), "{}", ran.err);
    }
    // A changed line is not the same line.
    let changed = [once.as_str(), &once.replace("uid-0", "uid-9")].concat();
    assert_eq!(netpol_reading(&["audit", "show"], changed.as_bytes()).out.lines().count(), 1 + 6 + 2);
}

#[test]
fn wrong_usage_and_unreadable_files_are_exit_code_two() {
    for (args, words) in [
        (&["/no/such/log"][..], "cannot read /no/such/log: No such file"),
        (&["-", "/"], "cannot read /: "),
        (&["-", "-"], "cannot read standard input: it can be read only once"),
        (&["--since", "yesterday"], "write a time with its zone"),
        (&["--verdict", "refused"], "[possible values: denied, unanswered, softened, warned, allowed]"),
        (&["--summary", "--unsorted"], "cannot be used with"),
    ] {
        let ran = netpol(&[&["audit", "show"], args].concat());
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
        assert!(ran.err.contains(words), "{}", ran.err);
    }
}

#[test]
fn a_pipe_gets_no_color() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    write(&path, [1; 8], &FIRST, None);
    for more in [&[][..], &["--summary"]] {
        let args = [&["audit", "show", path.to_str().unwrap()], more].concat();
        let output = command(&args).env("TERM", "xterm-256color").output().unwrap();
        assert!(!output.stdout.is_empty() && !output.stdout.contains(&0x1b));
    }
}
