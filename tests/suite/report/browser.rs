//! A real browser: headless Chromium, driven by the `DevTools` protocol over two pipes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

/// The names of the program, by system.
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pipes of the protocol are the descriptors 3 and 4, which the shell makes of its standard input and output.
const PIPES: &str = "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";

/// A running browser with one page.
pub(crate) struct Browser {
    child: Child,
    input: Option<ChildStdin>,
    answers: Receiver<Value>,
    last: u64,
    session: Option<String>,
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

/// The colors that a page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

fn program() -> String {
    let is_there = |program: &&str| Command::new(program).arg("--version").output().is_ok();
    let found =
        std::env::var("NETPOL_CHROMIUM").ok().or_else(|| PROGRAMS.iter().find(|name| is_there(name)).map(|name| (*name).to_owned()));
    found.expect("this test looks at the page in Chromium, which is not installed: apt-get install chromium, or set NETPOL_CHROMIUM")
}

impl Browser {
    pub(crate) fn start() -> Browser {
        let profile = tempfile::tempdir().unwrap();
        let folder = format!("--user-data-dir={}", profile.path().display());
        let mut child = Command::new("sh")
            .args(["-c", PIPES, "sh", &program(), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
            .args(["--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run", "--remote-debugging-pipe", &folder])
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|length| length > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { return };
                if sender.send(value).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let mut browser = Browser { child, input, answers, last: 0, session: None, events: Vec::new(), _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network", "Accessibility", "DOM"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Sends a command and returns its result.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method});
        message["params"] = params;
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.input.as_mut().unwrap().write_all(&bytes).unwrap();
        let id = json!(self.last);
        let answer = self.receive(method, |message| message["id"] == id);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Returns the next message that is wanted; other messages are kept as events.
    fn receive(&mut self, what: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let message = self.answers.recv_timeout(left).unwrap_or_else(|error| panic!("the browser does not answer {what}: {error}"));
            if is_wanted(&message) {
                return message;
            }
            self.events.push(message);
        }
    }

    /// Sets the size of the window and the theme.
    pub(crate) fn look(&mut self, width: u32, height: u32, theme: Theme) {
        self.call("Emulation.setDeviceMetricsOverride", json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}));
        let features = json!([{"name": "prefers-color-scheme", "value": theme.word()}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Opens a file or an address and waits until it is loaded. Forgets earlier events.
    pub(crate) fn open(&mut self, page: impl AsRef<Path>) {
        self.events.clear();
        let result = self.call("Page.navigate", json!({"url": address(page.as_ref())}));
        assert!(result.get("errorText").is_none(), "{result}");
        if !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let loaded = self.receive("loading", |message| message["method"] == "Page.loadEventFired");
            self.events.push(loaded);
        }
    }

    /// Returns the value of an expression.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let result = self.call("Runtime.evaluate", json!({"expression": expression, "returnByValue": true, "awaitPromise": true}));
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Returns the number of nodes of the accessibility tree, by their computed role: what a screen reader is told.
    pub(crate) fn roles(&mut self) -> BTreeMap<String, u64> {
        let tree = self.call("Accessibility.getFullAXTree", json!({}));
        let mut roles = BTreeMap::new();
        for node in tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] == false) {
            *roles.entry(node["role"]["value"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        roles
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            _ => panic!("no code for {key}"),
        };
        let event = |kind: &str| json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
        self.call("Input.dispatchKeyEvent", event("keyDown"));
        self.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code}));
    }

    /// Returns what the page did besides showing itself: console messages, errors, and requests other than that of the page.
    pub(crate) fn noise(&mut self, page: impl AsRef<Path>) -> Vec<String> {
        // A message that is already on its way arrives before this answer.
        self.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))");
        let own = address(page.as_ref());
        let noise = |event: &Value| {
            let method = event["method"].as_str()?;
            match method {
                "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded" => Some(event["params"].to_string()),
                "Network.requestWillBeSent" => {
                    let url = event["params"]["request"]["url"].as_str()?;
                    (url.split('#').next() != Some(own.as_str())).then(|| format!("request {url}"))
                }
                _ => None,
            }
        };
        self.events.iter().filter_map(noise).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Writes what the window shows, or a part of the page from the top of one element to the end of another.
    pub(crate) fn screenshot(&mut self, file: &Path, part: Option<(&str, &str)>) {
        let is_webp = file.extension().is_some_and(|extension| extension == "webp");
        let mut params = if is_webp { json!({"format": "webp", "quality": 80}) } else { json!({"format": "png"}) };
        if let Some((first, last)) = part {
            let top = self.evaluate(&format!("document.querySelector('{first}').getBoundingClientRect().top + scrollY")).as_f64().unwrap();
            let end =
                self.evaluate(&format!("document.querySelector('{last}').getBoundingClientRect().bottom + scrollY")).as_f64().unwrap();
            let width = self.evaluate("innerWidth");
            params["clip"] = json!({"x": 0, "y": top, "width": width, "height": end - top + 12.0, "scale": 1});
            params["captureBeyondViewport"] = json!(true);
        }
        let result = self.call("Page.captureScreenshot", params);
        write(file, &result["data"]);
    }

    /// Prints the page.
    pub(crate) fn pdf(&mut self, file: &Path) {
        let result = self.call("Page.printToPDF", json!({"preferCSSPageSize": true, "printBackground": true}));
        write(file, &result["data"]);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends its processes when the pipe is closed.
        drop(self.input.take());
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the address of a file; an address is one already.
fn address(page: &Path) -> String {
    let text = page.display().to_string();
    if text.starts_with("http://") { text } else { format!("file://{text}") }
}

fn write(file: &Path, data: &Value) {
    let bytes = base64::engine::general_purpose::STANDARD.decode(data.as_str().unwrap()).unwrap();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, bytes).unwrap();
}
