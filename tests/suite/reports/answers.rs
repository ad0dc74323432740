//! What commands say of pods, policies, an audit log and a cluster behind a proxy.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{POLICY, THIEF, on_report, run};
use crate::support::client::{self, Client};
use crate::support::command::{Ran, command, netpol, netpol_reading};
use crate::support::server::{roots, until};
use crate::support::{root, shared};

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
