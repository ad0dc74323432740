//! The control plane of the tests is real, and it leaves nothing behind.

use std::fs;
use std::path::Path;

use super::harness::plane::plane;
use super::harness::reaper::Reaper;
use super::harness::wait::until;

#[test]
fn the_control_plane_is_a_real_one() {
    let plane = plane();
    assert!(plane.version.starts_with("v1."), "{}", plane.version);
    let seen = plane.kubectl.run(["version", "--output=json"], "").expect("kubectl version");
    assert!(seen.contains(&format!("\"gitVersion\": \"{}\"", plane.version)), "{seen}");
    let namespaces = plane.kubectl.run(["get", "namespaces", "--output=name"], "").expect("kubectl get");
    assert!(namespaces.contains("namespace/kube-system"), "{namespaces}");
}

/// When the run ends, the pipe of the reaper closes, and the reaper removes all processes and files.
#[test]
fn no_process_or_file_outlives_the_run() {
    let reaper = Reaper::new().expect("a reaper");
    let folder = reaper.folder().to_owned();
    fs::write(folder.join("left-over"), "").expect("a file");
    let kept = reaper.start("kept", Path::new("/bin/sleep"), ["600"]).expect("a process");
    let id = kept.id();
    let mut ended = reaper.start("ended", Path::new("/bin/true"), [""; 0]).expect("a process");
    assert!(ended.wait().success());
    // Simulates the end of the run: only the reaper kills the process.
    reaper.end();
    until("the folder is gone", || (!folder.exists()).then_some(()));
    until("the process is gone", || {
        let status = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // A zombie: its parent, this process, has not waited for it.
        (status.is_empty() || status.contains(") Z ")).then_some(())
    });
    drop(kept);
}
