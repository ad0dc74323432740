//! Reports of operators of this and similar tools: one test for each folder of the shared reports, with the result
//! that the report expects. The inputs are written here; where the folder exists, its own files are read too.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::client::{self, Client};
use crate::support::command::{Ran, command, netpol, netpol_reading};
use crate::support::server::{roots, until};
use crate::support::{root, shared};

const POLICY: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: memcached-permits, namespace: abcdesktop}
spec:
  podSelector: {matchLabels: {netpol/memcached: 'true'}}
  policyTypes: [Egress]
  egress:
  - to:
    - podSelector: {matchLabels: {run: memcached-od}}
    ports: [{protocol: TCP, port: 11211}]
";

const THIEF: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: thief, labels: {app: thief, netpol/mongodb: 'true'}}\nspec: {containers: []}\n";

/// Runs a command on files with these names and contents.
fn run(args: &[&str], files: &[(&str, &[u8])]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<String> = files.iter().map(|(name, _)| folder.path().join(name).to_str().unwrap().to_owned()).collect();
    for (path, (_, content)) in paths.iter().zip(files) {
        fs::write(path, content).unwrap();
    }
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut ran = netpol(&[args, &paths].concat());
    for output in [&mut ran.out, &mut ran.err] {
        *output = output.replace(&format!("{}/", folder.path().display()), "");
    }
    ran
}

/// Runs a command on files of a report's folder, if it exists.
fn on_report(folder: &str, args: &[&str], files: &[&str]) -> Option<Ran> {
    let folder = shared(&format!("reports/{folder}"))?;
    let path = |file: &&str| Path::new(&folder).join(file).to_str().unwrap().to_owned();
    let paths: Vec<String> = files.iter().map(path).collect();
    Some(netpol(&args.iter().copied().chain(paths.iter().map(String::as_str)).collect::<Vec<_>>()))
}

#[test]
fn alias_ratio() {
    let pods = |aliases: usize| {
        let mut text = "apiVersion: v1\nkind: List\nitems:\n".to_owned();
        for index in 0..=aliases {
            let labels = if index == 0 { "&common {run: plain, team: desk}" } else { "*common" };
            writeln!(text, "- {{apiVersion: v1, kind: Pod, metadata: {{name: p{index}, labels: {labels}}}, spec: {{containers: []}}}}")
                .unwrap();
        }
        text
    };
    let ran = netpol_reading(&["review", "-"], pods(100).as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.ends_with("101 objects: 101 allowed\n"), "{}", ran.out);
    let ran = netpol_reading(&["review", "-"], pods(10_001).as_bytes());
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("more than 10000 aliases"), "{}", ran.err);

    let policies = format!("a: &rules [{{ports: [{{port: 1}}]}}]\nb: [{}]\n", vec!["*rules"; 200].join(", "));
    let ran = run(&["check", "--canon"], &[("canon.yaml", policies.as_bytes())]);
    assert!(!ran.err.contains("alias"), "{}", ran.err);

    let Some(ran) = on_report("alias-ratio", &["review"], &["alias100.yaml"]) else { return };
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

/// Runs a server whose standard output and standard error are one log, as a container's are, and denies a pod. Returns the log.
fn log_of_a_server() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (path, tls) = (folder.path().join("pod.log"), folder.path().join("tls"));
    let log = fs::File::create(&path).unwrap();
    let fixed = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json", "--drain-delay", "0s"];
    let mut serve = command(&[&fixed[..], &["--self-signed-dir", tls.to_str().unwrap()]].concat());
    let mut child = serve.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let mut address = None;
    let is_ready = until(|| {
        let text = fs::read_to_string(&path).unwrap();
        let ready = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(|line| line["message"] == "ready");
        address = ready.map(|line| line["listen"].as_str().unwrap().parse().unwrap());
        address.is_some()
    });
    assert!(is_ready, "{}", fs::read_to_string(&path).unwrap());
    let body = fs::read(root().join("tests/reviews/pod-create-ungranted.validate.json")).unwrap();
    let mut client = Client::connect(address.unwrap(), client::config(roots(&tls.join("ca.crt")), &[b"http/1.1"])).unwrap();
    assert_eq!(client.post("/validate", &body).json()["response"]["allowed"], false);
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    fs::read(path).unwrap()
}

#[test]
fn audit_verify_kubectl_logs() {
    let log = log_of_a_server();
    for args in [&["audit", "verify", "-"][..], &["audit", "show", "-"]] {
        let ran = netpol_reading(args, &log);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        assert!(format!("{}{}", ran.out, ran.err).contains("other lines: not audit lines\n"), "{}{}", ran.out, ran.err);
    }
    let ran = netpol_reading(&["audit", "verify", "-"], &log);
    assert!(ran.out.ends_with("intact  1 line in 1 file, 1 chain\n"), "{}", ran.out);
    let help = netpol(&["audit", "verify", "--help"]).out;
    assert!(help.contains("kubectl -n netpol-system logs deployment/abcdesktop-netpol --all-pods --ignore-errors |"), "{help}");

    let Some(script) = shared("reports/audit-verify-kubectl-logs/run.sh") else { return };
    let output = Command::new("bash").arg(script).env("NETPOL", env!("CARGO_BIN_EXE_netpol")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("intact  1 line in 1 file, 1 chain\n"));
}

#[test]
fn concatenated_json() {
    let thief = |name: &str| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"netpol/mongodb": "true"}}});
    let lines = format!("{}\n{}\n", thief("a"), thief("b"));
    let pretty = format!("{:#}\n{:#}", thief("a"), thief("b"));
    for text in [&lines, &pretty, &format!("{}{}", thief("a"), thief("b"))] {
        let ran = netpol_reading(&["review", "-"], text.as_bytes());
        assert_eq!((ran.code, ran.err.as_str()), (1, ""));
        assert!(ran.out.contains("Pod \"b\" in abcdesktop (standard input, document 2)"), "{}", ran.out);
        assert!(ran.out.ends_with("2 objects: 2 denied\n"), "{}", ran.out);
    }
    // Nothing is dropped without an error.
    for (text, words) in [
        (format!("{lines}x"), "document 3: cannot be parsed as JSON"),
        (format!("{}{{\"kind\": \"a\", \"kind\": \"b\"}}", thief("a")), "document 2: cannot be parsed as JSON: duplicate key \"kind\""),
    ] {
        let ran = netpol_reading(&["review", "-"], text.as_bytes());
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert!(ran.err.contains(words), "{}", ran.err);
    }
    let Some(ran) = on_report("concatenated-json", &["review"], &["stream.json"]) else { return };
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.ends_with("2 objects: 2 denied\n"), "{}", ran.out);
}

#[test]
fn depth_words() {
    let mut deep = "apiVersion: example.com/v1\nkind: Schema\nmetadata: {name: deep}\n".to_owned();
    for level in 0..70 {
        writeln!(deep, "{}p:", " ".repeat(level)).unwrap();
    }
    let ran = run(&["review"], &[("deep.yaml", deep.as_bytes()), ("policy.yaml", POLICY.as_bytes())]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_eq!(
        ran.err,
        "netpol: cannot read deep.yaml, document 1: line 68: the document is nested too deeply: more than 64 lists and maps contain each other; flatten it\n"
    );
    let Some(ran) = on_report("depth-words", &["review"], &["deep.yaml", "policy.yaml"]) else { return };
    assert!(ran.code == 2 && ran.err.contains("nested too deeply") && !ran.err.contains("alias"), "{}", ran.err);
}

#[test]
fn empty_file_among_files() {
    let files = [("policy.yaml", POLICY.as_bytes()), ("comments.yaml", b"---\n# nothing\n---\n# here\n" as &[u8]), ("empty.yaml", b"")];
    let ran = run(&["check", "--partial"], &files);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, "clean: the only policy in these files matches the canons abcdesktop, abcdesktop-4.4, 26 not in these files\n");
    for (name, content) in &files[1..] {
        let ran = run(&["review"], &[(name, content)]);
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "0 objects\n", ""));
        let ran = run(&["check", "--partial"], &[(name, content)]);
        assert_eq!((ran.code, ran.out.as_str()), (0, "clean: no policy of the canons abcdesktop, abcdesktop-4.4 in these files\n"));
    }
    assert_eq!(netpol_reading(&["review", "-"], b"# nothing\n").out, "0 objects\n");
    // Without --partial the policies are missing.
    assert_eq!(run(&["check"], &[("empty.yaml", b"")]).code, 1);
    let Some(ran) = on_report("empty-file-among-files", &["check", "--partial"], &["policy.yaml", "comments.yaml"]) else { return };
    assert!(ran.code == 0 && ran.out.starts_with("clean: the only policy in these files matches "), "{}{}", ran.out, ran.err);
}

#[test]
fn items_null() {
    for list in ["{apiVersion: v1, kind: List, items: null}", "{apiVersion: v1, kind: List}", "{apiVersion: v1, kind: PodList, items: }"] {
        let ran = run(&["check", "--partial"], &[("policy.yaml", POLICY.as_bytes()), ("list.yaml", list.as_bytes())]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{list}");
        assert!(ran.out.starts_with("clean: the only policy in these files matches "), "{}", ran.out);
    }
    let Some(ran) = on_report("items-null", &["check", "--partial"], &["policy.yaml", "list.yaml"]) else { return };
    assert!(ran.code == 0 && ran.out.starts_with("clean: the only policy in these files matches "), "{}{}", ran.out, ran.err);
}

#[test]
fn live_pod_without_labels() {
    let pod = |metadata: &str, rest: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: pyos-od-1, labels: {{run: pyos-od}}, {metadata}}}\nspec: {{containers: []}}\n{rest}\n"
        )
    };
    for live in [pod("uid: u1", ""), pod("creationTimestamp: '2026-11-27T05:00:00Z'", ""), pod("", "status: {phase: Running}")] {
        let ran = run(&["check", "--partial"], &[("pods.yaml", live.as_bytes())]);
        assert_eq!((ran.code, ran.err.as_str()), (1, ""));
        assert!(
            ran.out.starts_with(
                "pod-lacks-label: Pod \"pyos-od-1\" in abcdesktop (pods.yaml, document 1)\n    Pod \"pyos-od-1\" lacks netpol/"
            ),
            "{}",
            ran.out
        );
        assert!(ran.out.contains("To add them: kubectl -n abcdesktop label pod pyos-od-1 --overwrite netpol/"), "{}", ran.out);
        assert!(
            ran.out
                .ends_with("not clean: no policy of the canons abcdesktop, abcdesktop-4.4 in these files, 1 other object with findings\n"),
            "{}",
            ran.out
        );
    }
    // A pod that is not created yet gets its labels from the webhook, and one that has terminated has no traffic.
    for other in [pod("", ""), pod("creationTimestamp: null", "status: {}"), pod("uid: u1", "status: {phase: Succeeded}")] {
        let ran = run(&["check", "--partial"], &[("pods.yaml", other.as_bytes())]);
        assert_eq!(ran.out, "clean: no policy of the canons abcdesktop, abcdesktop-4.4 in these files, 1 other object without findings\n");
    }
    let Some(ran) = on_report("live-pod-without-labels", &["check", "--partial"], &["pods.yaml"]) else { return };
    assert!(ran.code == 1 && ran.out.contains("\"pyos-od-1\" lacks netpol/api=true"), "{}{}", ran.out, ran.err);
}

#[test]
fn a_live_pod_that_has_its_labels_is_clean_and_the_printed_command_adds_them() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "uid": "u", "labels": {"run": "pyos-od"}}, "spec": {"containers": []}});
    let ran = netpol_reading(&["check", "--partial", "-"], pod.to_string().as_bytes());
    let command = ran.out.lines().find_map(|line| line.split_once("--overwrite ")).unwrap().1;
    let mut whole = pod.clone();
    for label in command.split(' ') {
        let (key, value) = label.split_once('=').unwrap();
        whole["metadata"]["labels"][key] = json!(value);
    }
    let ran = netpol_reading(&["check", "--partial", "-"], whole.to_string().as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.out);
}

#[test]
fn metadata_not_strings() {
    let policy = POLICY
        .replace("namespace: abcdesktop", "namespace: abcdesktop, labels: {app.kubernetes.io/instance: 123}, annotations: {ok: true}");
    for command in [&["check", "--partial"][..], &["review"]] {
        let ran = run(command, &[("policy.yaml", policy.as_bytes())]);
        assert_eq!((ran.code, ran.err.as_str()), (1, ""));
        for sentence in [
            "not-understood: metadata.labels[\"app.kubernetes.io/instance\"]: must be a string (in YAML, quote it), not a number\n",
            "metadata.annotations.ok: must be a string (in YAML, quote it), not a boolean\n",
        ] {
            let sentence = if command == ["review"] { sentence } else { sentence.strip_prefix("not-understood: ").unwrap_or(sentence) };
            assert!(ran.out.contains(sentence), "{}", ran.out);
        }
        assert!(ran.out.contains("(policy.yaml, document 1)"), "{}", ran.out);
    }
    let Some(ran) = on_report("metadata-not-strings", &["check", "--partial"], &["policy.yaml"]) else { return };
    assert!(ran.code == 1 && ran.out.contains("must be a string (in YAML, quote it), not a number"), "{}{}", ran.out, ran.err);
}

#[test]
fn nested_list() {
    let wide: Value = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "memcached-permits"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}});
    let list = |kind: &str, items: Value| json!({"apiVersion": "v1", "kind": kind, "items": items});
    let nested = list(
        "List",
        json!([list("List", json!([])), list("List", json!([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}, wide]))]),
    );
    for command in [&["check", "--partial", "-"][..], &["review", "-"]] {
        let ran = netpol_reading(command, nested.to_string().as_bytes());
        assert_eq!((ran.code, ran.err.as_str()), (1, ""));
        assert!(ran.out.contains("(standard input, document 1, items[1].items[1])"), "{}", ran.out);
    }
    let ran = netpol_reading(&["check", "--partial", "--output", "json", "-"], nested.to_string().as_bytes());
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&report["findings"][0]["item"], &report["findings"][0]["nested"]), (&json!(1), &json!([1])));
    // kubectl takes an object of any kind for a list if it has items.
    let mut disguised = list("Pod", json!([wide]));
    disguised["metadata"] = json!({"name": "p"});
    for text in [
        list("Things", json!([wide])),
        disguised,
        list(
            "PodList",
            json!([{"kind": "NetworkPolicy", "apiVersion": "networking.k8s.io/v1", "metadata": {"name": "memcached-permits"}, "spec": {"podSelector": {}, "egress": [{}]}}]),
        ),
    ] {
        assert_eq!(netpol_reading(&["check", "--partial", "-"], text.to_string().as_bytes()).code, 1, "{text}");
    }
    let Some(ran) = on_report("nested-list", &["check", "--partial"], &["nested.json"]) else { return };
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
}

/// Shows the certificate of a cluster at `server`, behind what the environment says about proxies.
fn behind_a_proxy(server: &str, proxy_url: &str, variables: &[(&str, &str)]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let cluster = json!({"server": server, "insecure-skip-tls-verify": true, "proxy-url": proxy_url});
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [{"name": "c", "cluster": cluster}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}], "users": [{"name": "u", "user": {"token": "t"}}]});
    fs::write(&kubeconfig, config.to_string()).unwrap();
    let mut show = command(&["certs", "show", "--tls-secret", "netpol-system/x"]);
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"] {
        show.env_remove(name);
    }
    // As in a list, one file of which does not exist on this machine.
    let list = std::env::join_paths([Path::new("/nowhere/kubeconfig"), &kubeconfig]).unwrap();
    let ran = show.env("KUBECONFIG", list).envs(variables.iter().copied()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: ran.status.code().unwrap(), out: text(ran.stdout), err: text(ran.stderr) }
}

/// A proxy that refuses; returns its address, and the first line that it gets.
fn refusing_proxy() -> (String, std::thread::JoinHandle<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let first_line = std::thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &String| line.len() > 2) {
            lines.push(String::new());
            stream.read_line(lines.last_mut().unwrap()).unwrap();
        }
        stream.get_mut().write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").unwrap();
        lines.swap_remove(0)
    });
    (address, first_line)
}

#[test]
fn no_proxy_kubeconfig() {
    let world = "http://user:hidden@127.0.0.1:8";
    // Nothing listens on the ports 8 and 9.
    let ran = behind_a_proxy("https://127.0.0.1:9", "", &[("HTTPS_PROXY", world), ("NO_PROXY", "127.0.0.1,10.0.0.0/8,.svc")]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(
        ran.err.contains("cannot reach the API server 127.0.0.1:9: ") && ran.err.contains("refused") && !ran.err.contains("proxy"),
        "{}",
        ran.err
    );
    let ran = behind_a_proxy("https://192.0.2.1:9", "", &[("HTTPS_PROXY", world)]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains("cannot reach the API server 192.0.2.1:9 through the proxy 127.0.0.1:8 (HTTPS_PROXY): "), "{}", ran.err);
    assert!(!ran.err.contains("hidden"), "{}", ran.err);

    let (address, first_line) = refusing_proxy();
    let ran = behind_a_proxy("https://api.example:6443", "", &[("https_proxy", &address), ("NO_PROXY", "other.example,")]);
    assert_eq!(first_line.join().unwrap(), "CONNECT api.example:6443 HTTP/1.1\r\n");
    assert!(ran.code == 3 && ran.err.contains(&format!("through the proxy {address} (https_proxy)")), "{}", ran.err);
    let (address, first_line) = refusing_proxy();
    let ran = behind_a_proxy("https://api.example:6443", &format!("http://{address}"), &[("HTTPS_PROXY", world), ("NO_PROXY", "*")]);
    assert_eq!(first_line.join().unwrap(), "CONNECT api.example:6443 HTTP/1.1\r\n");
    assert!(ran.code == 3 && ran.err.contains(&format!("through the proxy {address} (proxy-url of the kubeconfig)")), "{}", ran.err);
    let ran = behind_a_proxy("https://api.example:6443", "", &[("HTTPS_PROXY", "ftp://user:hidden@a")]);
    assert!(ran.code == 2 && ran.err.contains("HTTPS_PROXY must be a URL") && !ran.err.contains("hidden"), "{}", ran.err);
}

#[test]
fn null_label_value() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {run: plain, app.kubernetes.io/version: }, annotations: {b: ~}}\nspec: {containers: []}\n";
    let ran = netpol_reading(&["review", "-"], pod.as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    let Some(ran) = on_report("null-label-value", &["review"], &["pod.yaml"]) else { return };
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn unquoted_pod_label() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: desk, labels: {type: x11server, netpol/ocuser: true}}\nspec: {containers: []}\n";
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: desk}\nspec:\n  selector: {matchLabels: {type: x11server}}\n  \
                      template:\n    metadata: {labels: {type: x11server, netpol/ocuser: true}}\n    spec: {containers: []}\n";
    let files = [("pod.yaml", pod.as_bytes()), ("deployment.yaml", deployment.as_bytes())];
    let ran = run(&["review"], &files);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    insta::assert_snapshot!(ran.out, @r#"
    denied      Pod "desk" in abcdesktop (pod.yaml, document 1)
                not-understood: metadata.labels["netpol/ocuser"]: must be a string (in YAML, quote it), not a boolean
    denied      Deployment "desk" in abcdesktop (deployment.yaml, document 1)
                not-understood: spec.template.metadata.labels["netpol/ocuser"]: must be a string (in YAML, quote it), not a boolean
    2 objects: 2 denied
    "#);
    assert_eq!(run(&["check", "--partial"], &files).code, 1);
    let selector =
        deployment.replace("ocuser: true", "ocuser: 'true'").replace("{matchLabels: {type: x11server}}", "{matchLabels: {type: on}}");
    let ran = run(&["review"], &[("deployment.yaml", selector.as_bytes())]);
    assert!(ran.code == 1 && ran.out.contains("not-understood: spec.selector.matchLabels.type: must be a string"), "{}", ran.out);
    // No other message has a position in a request that the user did not write.
    let ran =
        run(&["review"], &[("pod.yaml", pod.replace("{containers: []}", "{hostNetwork: maybe}").replace("true", "'true'").as_bytes())]);
    assert!(ran.code == 1 && !ran.out.contains("(line") && !ran.out.contains("request.object"), "{}", ran.out);
    let Some(ran) = on_report("unquoted-pod-label", &["review"], &["pod.yaml", "deployment.yaml"]) else { return };
    assert_eq!((ran.code, ran.out.matches("[\"netpol/ocuser\"]: must be a string (in YAML, quote it), not a boolean").count()), (1, 2));
}

#[test]
fn utf_16_and_byte_order_marks() {
    let encoded = |text: &str, unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let thieves = format!("{THIEF}---\n{THIEF}");
    let marked = format!("\u{feff}{THIEF}---\n\u{feff}{THIEF}");
    let files: Vec<Vec<u8>> = vec![
        encoded(&format!("\u{feff}{thieves}"), u16::to_le_bytes),
        encoded(&format!("\u{feff}{thieves}"), u16::to_be_bytes),
        marked.into_bytes(),
        format!("{THIEF}\u{feff}---\n# next\n\u{feff}{THIEF}").into_bytes(),
    ];
    for file in files {
        let ran = run(&["review"], &[("thieves.yaml", &file)]);
        assert_eq!((ran.code, ran.err.as_str()), (1, ""));
        assert!(ran.out.ends_with("2 objects: 2 denied\n"), "{}", ran.out);
    }
    let json = format!("\u{feff}{}", json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}));
    assert_eq!(
        run(&["review"], &[("a.json", json.as_bytes())]).out,
        "allowed     Pod \"a\" in abcdesktop (a.json, document 1)\n1 object: 1 allowed\n"
    );
    for (bytes, words) in [
        (encoded(&thieves, u16::to_le_bytes), "it is not UTF-8 (UTF-16 requires a byte order mark)"),
        (b"\xff\xfe\0\0a\0\0\0".to_vec(), "is UTF-32; save it as UTF-8"),
        ("kind: Pod\n\u{feff}metadata: {}\n".as_bytes().to_vec(), "BOM"),
    ] {
        let ran = run(&["review"], &[("x.yaml", &bytes)]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert!(ran.err.starts_with("netpol: cannot read x.yaml") && ran.err.contains(words), "{}", ran.err);
    }
}

#[test]
fn numbers_are_read_as_kubectl_reads_them() {
    for port in ["11211.0", "1.1211e4", "0x2bcb"] {
        let ran = run(&["check", "--partial"], &[("policy.yaml", POLICY.replace("11211", port).as_bytes())]);
        assert_eq!(ran.code, 0, "{port}: {}{}", ran.out, ran.err);
    }
    // YAML parsers disagree about these, so they are refused, and the message says what to write.
    for (port, hint) in [("011211", "without leading zeros"), ("11_211", "without underscores")] {
        let ran = run(&["check", "--partial"], &[("policy.yaml", POLICY.replace("11211", port).as_bytes())]);
        assert!(ran.code == 1 && ran.out.contains(hint), "{port}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn a_named_port_of_a_block_is_a_finding() {
    let rule = "  - {to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: web}]}\n";
    let ran = run(&["check", "--partial"], &[("policy.yaml", format!("{POLICY}{rule}").as_bytes())]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.out.contains("wider: egress rule 2 also allows TCP web to every IPv4 address"), "{}", ran.out);
    assert!(ran.out.contains("could reach a pod with address 10.0.0.1 on TCP web"), "{}", ran.out);
    let extra = format!("{POLICY}{rule}").replace("memcached-permits", "extra");
    let ran = run(&["check", "--partial"], &[("policy.yaml", extra.as_bytes())]);
    assert!(ran.code == 1 && ran.out.contains("extra-policy"), "{}", ran.out);
}

#[test]
fn an_empty_rule_opens_every_port_from_anyone() {
    let policy = |rules: Value| {
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "http-rights"}, "spec":
            {"podSelector": {"matchLabels": {"run": "memcached-od"}}, "policyTypes": ["Ingress"], "ingress": rules}})
    };
    let mut open = policy(json!([{}]));
    open["metadata"]["name"] = json!("router-rights");
    let ran = netpol_reading(&["check", "--partial", "-"], open.to_string().as_bytes());
    assert!(
        ran.out.contains("wider: ingress rule 1 also allows every port of every protocol from anyone (the command below closes this)"),
        "{}",
        ran.out
    );
}

#[test]
fn the_summary_counts_each_object_once() {
    let wide = POLICY.replace("port: 11211", "port: 1");
    let object = |kind: &str, name: &str, rest: &str| format!("---\napiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n{rest}");
    let files = [
        wide.replace("namespace: abcdesktop", "finalizers: [example.com/hold]"),
        format!("---\n{}", POLICY.replace("memcached-permits", "narrow").replace("  egress:", "  x:").split("  x:").next().unwrap()),
        format!("---\n{}", wide.replace("memcached-permits", "wide")),
        format!("---\n{THIEF}"),
        object("Pod", "plain", ""),
        object("ConfigMap", "settings", ""),
        "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: open}\n".to_owned(),
    ];
    let ran = run(&["check", "--partial"], &[("all.yaml", files.concat().as_bytes())]);
    let summary = ran.out.lines().find(|line| line.starts_with("not clean: ")).unwrap();
    assert_eq!(
        summary,
        "not clean: 0 of the 1 policies in these files match the canons abcdesktop, abcdesktop-4.4, 1 drifted, 26 not in these files, 1 extra policy without findings, \
         1 other object without findings, 1 other object with warnings, 2 other objects with findings, 1 object not judged"
    );
}
