//! A request of a user: a `kubectl` command or an API call. It is defined once and runs in a guarded and in an unguarded namespace,
//! as a dry run and as a real request.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

use super::api::Call;
use super::plane::plane;

/// A request of a user. `{ns}` is replaced with the namespace.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    what: What,
    without_dry_run: bool,
}

#[derive(Debug, Clone)]
enum What {
    Kubectl { words: Vec<String>, stdin: String },
    Call(Call),
}

/// Returns a `kubectl` command in the namespace. The words are separated by spaces, without quoting.
pub(crate) fn kubectl(words: &str) -> Act {
    let words = words.split_whitespace().map(str::to_owned).collect();
    Act { what: What::Kubectl { words, stdin: String::new() }, without_dry_run: false }
}

/// Returns an API call.
pub(crate) fn call(call: Call) -> Act {
    Act { what: What::Call(call), without_dry_run: false }
}

impl Act {
    /// Adds a word, which may contain spaces.
    #[must_use]
    pub(crate) fn word(mut self, word: impl Into<String>) -> Act {
        if let What::Kubectl { words, .. } = &mut self.what {
            words.push(word.into());
        }
        self
    }

    /// Sets the standard input.
    #[must_use]
    pub(crate) fn stdin(mut self, manifest: &Value) -> Act {
        if let What::Kubectl { stdin, .. } = &mut self.what {
            *stdin = manifest.to_string();
        }
        self
    }

    /// Runs the request as another user with all rights, who is a member of these groups.
    #[must_use]
    pub(crate) fn by(mut self, user: &str, groups: &[&str]) -> Act {
        let groups = groups.iter().copied().chain(["system:masters"]);
        match &mut self.what {
            What::Kubectl { words, .. } => {
                words.push(format!("--as={user}"));
                words.extend(groups.map(|group| format!("--as-group={group}")));
            }
            What::Call(call) => *call = call.clone().by(user, &groups.collect::<Vec<_>>()),
        }
        self
    }

    /// Skips the dry run, which the `kubectl` command does not support.
    #[must_use]
    pub(crate) fn without_dry_run(mut self) -> Act {
        self.without_dry_run = true;
        self
    }

    /// Returns whether each run is a dry run. The dry run is first.
    pub(crate) fn runs(&self) -> impl Iterator<Item = bool> + use<> {
        let without_dry_run = self.without_dry_run;
        [true, false].into_iter().filter(move |dry| !(*dry && without_dry_run))
    }

    /// Runs the request.
    pub(crate) fn run(&self, namespace: &str, dry: bool) -> ActResult {
        match &self.what {
            What::Kubectl { words, stdin } => {
                let mut args = vec!["--namespace".to_owned(), namespace.to_owned()];
                args.extend(words.iter().map(|word| word.replace("{ns}", namespace)));
                if dry {
                    args.push("--dry-run=server".to_owned());
                }
                let output = plane().kubectl.run(args, &stdin.replace("{ns}", namespace));
                let (warnings, rest): (Vec<&str>, Vec<&str>) = output.stderr.lines().partition(|line| line.starts_with("Warning: "));
                let warnings = warnings.iter().map(|line| line.trim_start_matches("Warning: ").to_owned()).collect();
                ActResult { ok: output.ok, text: rest.join("\n"), warnings, stdout: output.stdout }
            }
            What::Call(call) => {
                let mut call = call.clone();
                call.path = call.path.replace("{ns}", namespace);
                call.body = Bytes::from(String::from_utf8_lossy(&call.body).replace("{ns}", namespace));
                if dry {
                    call.path.push_str(if call.path.contains('?') { "&dryRun=All" } else { "?dryRun=All" });
                }
                let reply = plane().api.call(&call);
                ActResult { ok: reply.ok(), text: reply.message(), warnings: reply.warnings, stdout: reply.body.to_string() }
            }
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Kubectl { words, .. } => write!(formatter, "kubectl {}", words.join(" ")),
            What::Call(call) => write!(formatter, "{} {}", call.method, call.path),
        }
    }
}

/// The result of a request.
#[derive(Debug, Clone)]
pub(crate) struct ActResult {
    pub(crate) ok: bool,
    /// The error message.
    pub(crate) text: String,
    pub(crate) warnings: Vec<String>,
    /// The standard output, or the body of the response.
    pub(crate) stdout: String,
}

impl ActResult {
    /// Returns the message of the guard.
    pub(crate) fn sentence(&self) -> &str {
        self.text.split_once("denied the request: ").map_or(&self.text, |(_, sentence)| sentence)
    }

    /// Returns all warnings as one text.
    pub(crate) fn warned(&self) -> String {
        self.warnings.join(" ")
    }
}
