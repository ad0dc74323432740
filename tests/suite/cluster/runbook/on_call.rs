//! An engineer who has the runbook, a checkout and a shell.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use super::book::Book;
use crate::cluster::chart::helm_home;
use crate::cluster::harness::forwarder::Forwarder;
use crate::cluster::harness::guard::{ABCDESKTOP, Abcdesktop, abcdesktop, create_namespace};
use crate::cluster::harness::kubectl::Output;
use crate::cluster::harness::kubelet::Kubelet;
use crate::cluster::harness::plane::plane;
use crate::cluster::harness::scene::list;
use crate::cluster::harness::wait::{TIMEOUT, until, within};
use crate::support::{helm, root};

pub(super) const SYSTEM: &str = "netpol-system";
pub(super) const GUARDED: &str = ABCDESKTOP;

/// The engineer. The release has the default names, which no other test uses at the same time.
pub(super) struct OnCall {
    pub(super) book: Book,
    pub(super) forwarder: Forwarder,
    pub(super) kubelet: Kubelet,
    pub(super) folder: PathBuf,
    _namespace: Abcdesktop,
}

impl OnCall {
    pub(super) fn new() -> OnCall {
        let namespace = abcdesktop();
        create_namespace(GUARDED);
        let forwarder = Forwarder::start().expect("a forwarder");
        let kubelet = Kubelet::start(SYSTEM, &forwarder);
        let folder = plane().reaper.folder().join("on-call");
        fs::create_dir_all(folder.join("bin")).expect("a folder");
        symlink(root().join("charts"), folder.join("charts")).expect("a checkout");
        // The pasted commands are unchanged. The servers run on this machine, so the Service is another one here.
        let script = format!(
            "#!/bin/sh\nexport HOME='{}'\ncase $1 in\ninstall | upgrade) set -- \"$@\" --post-renderer outside \
             --set service.port={} --set limits.drainDelay=1s ;;\nesac\nexec '{}' \"$@\"\n",
            helm_home().display(),
            forwarder.port,
            helm::program().display()
        );
        let program = folder.join("bin/helm");
        fs::write(&program, script).expect("a script");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
        OnCall { book: Book::read(), forwarder, kubelet, folder, _namespace: namespace }
    }

    /// Runs any command in the shell of the engineer.
    pub(super) fn shell(&self, command: &str) -> Output {
        let path = format!("PATH='{}':$PATH\n", self.folder.join("bin").display());
        plane().kubectl.script(&self.folder, &(path + command), &[])
    }

    /// Runs a command of the runbook with values for its placeholders.
    #[track_caller]
    pub(super) fn try_with(&self, section: &str, words: &str, values: &[(&str, &str)]) -> Output {
        let mut command = self.book.take(section, words);
        for (placeholder, value) in values {
            assert!(command.contains(placeholder), "{command} has no {placeholder}");
            command = command.replace(placeholder, value);
        }
        self.shell(&command)
    }

    #[track_caller]
    pub(super) fn try_run(&self, section: &str, words: &str) -> Output {
        self.try_with(section, words, &[])
    }

    /// Runs a command of the runbook that succeeds, and returns its output.
    #[track_caller]
    pub(super) fn run(&self, section: &str, words: &str) -> String {
        self.try_run(section, words).expect(&format!("{words} of #{section}"))
    }

    /// Runs a command of the runbook that reports findings by its exit code, and returns its output.
    #[track_caller]
    pub(super) fn finds(&self, section: &str, words: &str) -> String {
        let output = self.try_run(section, words);
        assert!(!output.ok, "{words}: nothing is found: {}", output.stdout);
        output.stdout + &output.stderr
    }

    /// Runs a command of the runbook until it succeeds.
    pub(super) fn run_until_ok(&self, section: &str, words: &str) -> String {
        until(&format!("{words} of #{section} succeeds"), || Some(self.try_run(section, words)).filter(|output| output.ok)).stdout
    }

    /// Waits until a server logs a sentence that is in the runbook.
    pub(super) fn logged(&self, sentence: &str) {
        self.assert_written(sentence);
        until(&format!("a server logs {sentence:?}"), || {
            let files = fs::read_dir(plane().reaper.folder()).expect("the folder of the run").filter_map(Result::ok);
            let mut logs = files.filter(|file| file.file_name().to_string_lossy().starts_with(SYSTEM));
            logs.any(|log| fs::read_to_string(log.path()).is_ok_and(|text| text.contains(sentence))).then_some(())
        });
    }

    #[track_caller]
    fn assert_written(&self, sentence: &str) {
        assert!(self.book.text.contains(sentence), "docs/runbook.md does not say {sentence:?}");
    }

    /// Sends the request of the first minute until its answer contains `answer`, which is in the runbook's table.
    pub(super) fn triage(&self, answer: &str) {
        let mut last = String::new();
        self.assert_written(answer);
        let found = within(TIMEOUT, || {
            let output = self.shell(&self.book.take("the-first-minute", "kubectl -n abcdesktop run triage"));
            last = output.stdout + &output.stderr;
            last.contains(answer).then_some(())
        });
        assert!(found.is_some(), "the answer is not {answer:?}, but {last}");
    }

    /// Waits until only two servers and a controller of the last change run.
    pub(super) fn settle(&self) {
        until("two servers and a controller run", || {
            let pods = list(SYSTEM, "pods");
            // A container that fails is a failed pod here, which stays. A kubelet would restart the container.
            let alive = pods.iter().filter(|pod| pod["status"]["phase"] != "Failed").count();
            (alive == 3 && self.forwarder.ready() == 2).then_some(())
        });
    }
}
