//! What somebody does to a namespace: a `kubectl` command or a call of the API, said once and done
//! in a guarded and an unguarded namespace, as a dry run and in earnest.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

use super::api::Call;
use super::plane::plane;

/// `{ns}` in it stands for the namespace.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    what: What,
    earnest_only: bool,
}

#[derive(Debug, Clone)]
enum What {
    Kubectl { words: Vec<String>, stdin: String },
    Call(Call),
}

/// A `kubectl` command in the namespace: its words, without quotes.
pub(crate) fn kubectl(words: &str) -> Act {
    let words = words.split_whitespace().map(str::to_owned).collect();
    Act { what: What::Kubectl { words, stdin: String::new() }, earnest_only: false }
}

/// A call of the API.
pub(crate) fn call(call: Call) -> Act {
    Act { what: What::Call(call), earnest_only: false }
}

impl Act {
    /// One more word, whatever is in it.
    #[must_use]
    pub(crate) fn word(mut self, word: impl Into<String>) -> Act {
        if let What::Kubectl { words, .. } = &mut self.what {
            words.push(word.into());
        }
        self
    }

    /// What it reads from its standard input.
    #[must_use]
    pub(crate) fn stdin(mut self, manifest: &Value) -> Act {
        if let What::Kubectl { stdin, .. } = &mut self.what {
            *stdin = manifest.to_string();
        }
        self
    }

    /// By somebody else, who may do everything and is in these groups.
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

    /// Not as a dry run: `kubectl` has none for it.
    #[must_use]
    pub(crate) fn earnest_only(mut self) -> Act {
        self.earnest_only = true;
        self
    }

    /// The ways to do it: as a dry run first.
    pub(crate) fn runs(&self) -> impl Iterator<Item = bool> + use<> {
        let earnest_only = self.earnest_only;
        [true, false].into_iter().filter(move |dry| !(*dry && earnest_only))
    }

    /// Does it.
    pub(crate) fn run(&self, namespace: &str, dry: bool) -> Said {
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
                Said { ok: output.ok, text: rest.join("\n"), warnings, stdout: output.stdout }
            }
            What::Call(call) => {
                let mut call = call.clone();
                call.path = call.path.replace("{ns}", namespace);
                call.body = Bytes::from(String::from_utf8_lossy(&call.body).replace("{ns}", namespace));
                if dry {
                    call.path.push_str(if call.path.contains('?') { "&dryRun=All" } else { "?dryRun=All" });
                }
                let reply = plane().api.call(&call);
                Said { ok: reply.ok(), text: reply.message(), warnings: reply.warnings, stdout: reply.body.to_string() }
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

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) ok: bool,
    /// The error.
    pub(crate) text: String,
    pub(crate) warnings: Vec<String>,
    /// What was printed, or the body of the reply.
    pub(crate) stdout: String,
}

impl Said {
    /// The guard's own sentence.
    pub(crate) fn sentence(&self) -> &str {
        self.text.split_once("denied the request: ").map_or(&self.text, |(_, sentence)| sentence)
    }

    /// All warnings as one text.
    pub(crate) fn warned(&self) -> String {
        self.warnings.join(" ")
    }
}
