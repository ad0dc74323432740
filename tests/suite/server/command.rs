//! `netpol serve` as people run it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::certificates::Authority;
use crate::support::client::{self, Client, get};
use crate::support::command::{command, netpol};
use crate::support::server::{roots, until};

/// A server in a process of its own, killed where a test forgets it.
struct Served {
    child: Child,
    log: BufReader<ChildStderr>,
    ready: Value,
    /// The other lines of the log that were read.
    early: Vec<Value>,
    dir: TempDir,
}

/// Returns the arguments of a server on free ports, whose certificate is in `tls`, unless the arguments say otherwise.
fn free(args: &[&str], tls: &Path) -> Vec<String> {
    let usual = [("--listen", "127.0.0.1:0"), ("--admin-listen", "127.0.0.1:0"), ("--self-signed-dir", tls.to_str().unwrap())];
    let has = |flag| args.contains(&flag);
    let is_wanted = |flag| !has(flag) && (flag != "--self-signed-dir" || !has("--tls-cert"));
    let usual = usual.into_iter().filter(|(flag, _)| is_wanted(flag)).flat_map(|(flag, value)| [flag, value]);
    std::iter::once("serve").chain(usual).chain(args.iter().copied()).map(str::to_owned).collect()
}

impl Served {
    fn start(args: &[&str]) -> Served {
        let dir = tempfile::tempdir().unwrap();
        let args = free(args, dir.path());
        Served::spawn(command(&args.iter().map(String::as_str).collect::<Vec<_>>()), dir)
    }

    fn spawn(mut command: Command, dir: TempDir) -> Served {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut served = Served { child, log, ready: Value::Null, early: Vec::new(), dir };
        served.ready = served.line(|line| line["message"] == "ready");
        served
    }

    /// Returns the next line of the log that `is_wanted`.
    fn line(&mut self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "it ended before the line");
            let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            if is_wanted(&line) {
                return line;
            }
            self.early.push(line);
        }
    }

    fn address(&self, name: &str) -> SocketAddr {
        self.ready[name].as_str().unwrap().parse().unwrap()
    }

    fn client(&self) -> Client {
        Client::connect(self.address("listen"), client::config(roots(&self.dir.path().join("ca.crt")), &[b"http/1.1"])).unwrap()
    }

    fn signal(&self, name: &str) {
        let done = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Ends the server and returns the rest of its log.
    fn rest_of_log(mut self) -> Vec<Value> {
        self.signal("TERM");
        assert_eq!(self.code(), 0);
        (&mut self.log).lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
    }

    fn metric(&self, name: &str) -> u64 {
        let metrics = get(self.address("admin"), "/metrics").text();
        metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().parse().unwrap()
    }

    fn code(&mut self) -> i32 {
        let mut code = None;
        let ended = until(|| {
            code = self.child.try_wait().unwrap().map(|status| status.code().expect("no signal kills it"));
            code.is_some()
        });
        assert!(ended, "it does not end");
        code.unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_ready_line_names_both_ports() {
    let served = Served::start(&["--log-format", "json"]);
    assert_eq!(get(served.address("admin"), "/readyz").status, 200);
    let body = std::fs::read(crate::support::root().join("tests/reviews/pod-create-desktop.validate.json")).unwrap();
    assert_eq!(served.client().post("/validate", &body).json()["response"]["allowed"], true);
    assert_eq!((&served.ready["level"], &served.ready["canon"]), (&"INFO".into(), &"abcdesktop,abcdesktop-4.4".into()));
}

#[test]
fn a_canon_without_grants_is_a_warning_in_the_log_and_on_readyz() {
    let dir = tempfile::tempdir().unwrap();
    let canon = dir.path().join("canon.yaml").to_str().unwrap().to_owned();
    std::fs::write(&canon, netpol(&["render", "policies"]).out).unwrap();
    let sentence = format!("the canon \"{canon}\" has no Grants, so no pod is granted a label under netpol/: ");
    let warns = |served: &Served| {
        let is_warning =
            |line: &&Value| line["level"] == "WARN" && line["message"].as_str().is_some_and(|text| text.starts_with(&sentence));
        (served.early.iter().filter(is_warning).count(), get(served.address("admin"), "/readyz").text().contains(&sentence))
    };
    assert_eq!(warns(&Served::start(&["--canon", &canon])), (1, true));
    assert_eq!(warns(&Served::start(&["--canon", &canon, "--canon", "abcdesktop"])), (0, false));
}

#[test]
fn without_a_terminal_the_log_is_json() {
    assert_eq!(Served::start(&[]).ready["message"], "ready");
}

#[test]
fn clients_that_reject_the_certificate_are_one_line_of_the_log() {
    let served = Served::start(&["--drain-delay", "0s"]);
    let other = Authority::new("other");
    let file = served.dir.path().join("other.crt");
    std::fs::write(&file, other.pem()).unwrap();
    for _ in 0..3 {
        Client::connect(served.address("listen"), client::config(roots(&file), &[])).err().expect("it rejects the certificate");
    }
    assert!(until(|| served.metric("netpol_handshake_failures_total{cause=\"certificate_refused\"}") == 3));
    let cert = served.dir.path().join("tls.crt").display().to_string();
    let log = served.rest_of_log();
    let lines: Vec<&Value> = log.iter().filter(|line| line["message"].as_str().unwrap().contains("reject the certificate")).collect();
    assert_eq!(lines.len(), 1, "{log:?}");
    let line = lines[0];
    assert_eq!((&line["level"], &line["alert"], &line["handshakes"]), (&"WARN".into(), &"UnknownCA".into(), &1.into()));
    let message = line["message"].as_str().unwrap();
    assert!(message.contains("a client other than an API server does not trust its CA"), "{message}");
    assert!(message.contains(&format!("netpol certs show --cert {cert} ")), "{message}");
}

#[test]
fn a_certificate_that_expires_soon_is_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
    let expiry_of = |from: i32, until: i32, starts: &[&str]| {
        let leaf = Authority::new("ca").server_valid(from, until);
        std::fs::write(&cert, leaf.cert).unwrap();
        std::fs::write(&key, leaf.key).unwrap();
        let mut served = Served::start(&["--drain-delay", "0s", "--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()]);
        served.signal("HUP");
        let line = served.line(|line: &Value| starts.iter().any(|start| line["message"].as_str().unwrap().starts_with(start)));
        (line["level"].clone(), line["message"].as_str().unwrap().to_owned())
    };
    let (level, message) = expiry_of(-80, 10, &["the certificate expires"]);
    assert_eq!(level, "WARN");
    let cure = format!("Replace \"{}\" and \"{}\"; the server reloads them without a restart", cert.display(), key.display());
    assert_eq!(message, format!("the certificate expires in 9 days; API servers then refuse it. {cure}"));
    assert!(expiry_of(-60, 30, &["the certificate expires", "SIGHUP"]).1.starts_with("SIGHUP"), "a third of its life is left");
}

#[test]
fn the_first_signal_lets_a_server_finish() {
    for signal in ["TERM", "INT"] {
        let mut served = Served::start(&["--drain-delay", "100ms"]);
        served.signal(signal);
        assert_eq!(served.code(), 0);
    }
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let mut served = Served::start(&["--drain-delay", "1h"]);
    served.signal("TERM");
    let admin = served.address("admin");
    assert!(until(|| get(admin, "/readyz").status == 503));
    served.signal("TERM");
    assert_eq!(served.code(), 3);
    let last = (&mut served.log).lines().last().unwrap().unwrap();
    assert_eq!(last, "netpol: a second signal stopped the server; some requests may be unanswered");
}

#[test]
fn the_second_signal_waits_for_the_audit_log() {
    for signals in [["TERM", "INT"], ["INT", "TERM"]] {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("audit.fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let mut served = Served::start(&["--drain-delay", "1h", "--audit-log", fifo.to_str().unwrap()]);
        let body = std::fs::read(crate::support::root().join("tests/reviews/pod-create-ungranted.validate.json")).unwrap();
        let mut client = served.client();
        for _ in 0..50 {
            assert_eq!(client.post("/validate", &body).json()["response"]["allowed"], false);
        }
        served.signal(signals[0]);
        let admin = served.address("admin");
        assert!(until(|| get(admin, "/readyz").status == 503));
        served.signal(signals[1]);
        client.closed_after();
        // Until now, the FIFO had no reader, so nothing could be written.
        let read = Command::new("timeout").args(["10", "cat"]).arg(&fifo).output().unwrap();
        assert_eq!(String::from_utf8(read.stdout).unwrap().lines().count(), 50, "{signals:?}");
        assert_eq!(served.code(), 3);
    }
}

#[test]
fn a_hangup_reloads_files_at_once_and_says_which() {
    let dir = tempfile::tempdir().unwrap();
    let (canon, ca) = (dir.path().join("canon.yaml"), dir.path().join("clients.crt"));
    let rendered = netpol(&["render", "policies", "--canon", "abcdesktop"]).out;
    std::fs::write(&canon, &rendered).unwrap();
    std::fs::write(&ca, Authority::new("clients").pem()).unwrap();
    let mut served = Served::start(&["--drain-delay", "0s", "--canon", canon.to_str().unwrap(), "--client-ca", ca.to_str().unwrap()]);
    let mut hang_up = || {
        served.signal("HUP");
        served.line(|line| line["message"].as_str().unwrap().starts_with("SIGHUP: "))
    };
    let unchanged = hang_up();
    assert_eq!((&unchanged["level"], &unchanged["message"]), (&"INFO".into(), &"SIGHUP: reloaded".into()));
    assert!(["certificate", "client_ca", "canon"].iter().all(|what| unchanged[what] == "unchanged"), "{unchanged}");
    // The server also checks the files every five seconds, so it may have been faster.
    let reloaded = (11212..11222).any(|port| {
        std::fs::write(&canon, rendered.replace("11211", &port.to_string())).unwrap();
        hang_up()["canon"] == "reloaded"
    });
    assert!(reloaded);
    std::fs::write(&canon, "kind: Nonsense\n").unwrap();
    for _ in 0..2 {
        let line = hang_up();
        let found = line["canon"].as_str().unwrap();
        assert!(found.starts_with("rejected, the last valid version remains active: ") && found.contains("canon.yaml"), "{found}");
        assert_eq!((&line["level"], &line["client_ca"]), (&"ERROR".into(), &"unchanged".into()));
    }
    assert_eq!(get(served.address("admin"), "/readyz").status, 200);
    served.rest_of_log();
}

#[test]
fn wrong_usage_and_what_cannot_be_read_is_exit_code_2() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("ca");
    let (one, other, late) = (authority.server("one"), authority.server("other"), authority.server_valid(-3, -1));
    let write = |name: &str, content: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (cert, key) = (write("cert", &one.cert), write("key", &one.key));
    let (other_key, late_cert, late_key) = (write("other", &other.key), write("late", &late.cert), write("late-key", &late.key));
    let cases: [(&[&str], &str); 12] = [
        (&["--tls-cert", &cert, "--tls-key", &other_key], "does not match the certificate"),
        (&["--tls-cert", &late_cert, "--tls-key", &late_key], "expired at"),
        (&["--tls-cert", &cert, "--tls-key", "/does/not/exist"], "/does/not/exist"),
        (&["--tls-cert", &cert], "--tls-key"),
        (&["--tls-cert", &cert, "--tls-key", &key, "--tls-name", "x"], "--tls-name"),
        (&["--client-ca", "/does/not/exist"], "/does/not/exist"),
        (&["--client-name", "x"], "--client-ca"),
        (&["--canon", "/does/not/exist"], "/does/not/exist"),
        (&["--body-budget", "1000"], "set it to 29360128 or more"),
        (&["--listen", "nowhere"], "[::]:8443"),
        (&["--drain-delay", "soon"], "10s"),
        (&["--log", "a=b=c"], "--log"),
    ];
    for (args, sentence) in cases {
        let mut serve = command(&[&["serve"], args].concat());
        let ran = serve.envs([("NETPOL_LISTEN", "127.0.0.1:0"), ("NETPOL_ADMIN_LISTEN", "127.0.0.1:0")]).output().unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(sentence), "{args:?}: {said}");
        assert!(!said.contains("PRIVATE"), "{args:?}");
    }
}

#[test]
fn an_address_that_cannot_be_had_is_exit_code_3() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = netpol(&["serve", "--listen", &address, "--admin-listen", "127.0.0.1:0"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains(&format!("cannot listen on {address} (--listen): ")), "{}", ran.err);
    // An address for documentation, which no system has.
    let ran = netpol(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "[2001:db8::1]:8080"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains("(--admin-listen): ") && ran.err.contains("use --admin-listen 0.0.0.0:8080"), "{}", ran.err);
}

#[test]
fn the_ipv6_wildcard_also_takes_ipv4() {
    let Ok(free) = std::net::TcpListener::bind("[::]:0") else { return };
    drop(free);
    let served = Served::start(&["--listen", "[::]:0", "--admin-listen", "[::]:0"]);
    let ports = ["listen", "admin"].map(|name| served.address(name).port());
    for port in ports {
        for host in ["127.0.0.1", "[::1]"] {
            assert!(std::net::TcpStream::connect(format!("{host}:{port}")).is_ok(), "{host}:{port}");
        }
    }
}

#[test]
fn too_few_files_stop_nothing_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let args = free(&[], dir.path());
    let mut shell = command(&[]);
    let binary = shell.get_program().to_owned();
    shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 40; exec \"$0\" \"$@\""]).arg(binary).args(args);
    let served = Served::spawn(shell, dir);
    let (listen, admin) = (served.address("listen"), served.address("admin"));
    let many: Vec<_> = (0..80).map(|_| std::net::TcpStream::connect(listen).unwrap()).collect();
    drop(many);
    assert!(until(|| Client::connect(listen, client::config(roots(&served.dir.path().join("ca.crt")), &[])).is_ok()));
    assert_eq!(get(admin, "/livez").status, 200);
}

/// The most memory that a process has held so far, in bytes.
fn peak(served: &Served) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// 64 bodies of `--max-body`. Each is answered or refused with a sentence.
#[test]
fn many_large_bodies_use_no_more_memory_than_the_budget() {
    let served = Served::start(&[]);
    served.client().post("/validate", b"{}");
    let before = peak(&served);
    let body = vec![b' '; 16 << 20];
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let mut client = served.client();
                let head = format!(
                    "POST /validate?timeout=10s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                client.send(head.as_bytes()).unwrap();
                // A server that refused the body closes the connection after a while.
                let _ = client.send(&body);
                let reply = client.reply();
                assert!(matches!(reply.status, 400 | 408 | 503) && reply.text().len() > 20, "{reply:?}");
            });
        }
    });
    let grown = peak(&served) - before;
    assert!(grown < 64 << 20, "{} MiB, with a budget of 32", grown >> 20);
}

/// Heads of nearly the largest size, on as many streams as the server allows and more.
#[test]
fn heads_that_wait_for_their_bodies_use_a_bounded_amount_of_memory() {
    let served = Served::start(&[]);
    let roots = roots(&served.dir.path().join("ca.crt"));
    super::http2::open_streams(served.address("listen"), &roots, [300, 64, 7_500], || {
        let metrics = get(served.address("admin"), "/metrics").text();
        let count = metrics.lines().find_map(|line| line.strip_prefix("netpol_reviews_in_flight ")).unwrap();
        count.parse::<usize>().unwrap() > 4000
    });
    let peak = peak(&served);
    assert!(peak < 96 << 20, "{} MiB", peak >> 20);
}
