//! An audit log that cannot be written delays no response.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use netpol::audit::Destination;
use netpol::audit::verify::verify;

use crate::support::root;
use crate::support::server::{SOON, Server, Setup, until};

/// A server whose audit log is at a path, behind a queue of four.
fn server(path: impl FnOnce(&Setup) -> PathBuf) -> Server {
    let mut setup = Setup::new();
    setup.audit.destination = Destination::File(path(&setup));
    setup.audit.queue_entries = 4;
    setup.start()
}

/// Sends a hundred pods that are denied.
fn refuse(server: &Server) {
    let body = std::fs::read(root().join("tests/reviews/pod-create-ungranted.validate.json")).unwrap();
    let mut client = server.client();
    let start = Instant::now();
    for _ in 0..100 {
        assert_eq!(client.post("/validate", &body).json()["response"]["allowed"], false);
    }
    assert!(start.elapsed() < SOON);
}

#[test]
fn a_fifo_without_a_reader_delays_no_response_and_later_records_count_the_lost_ones() {
    let server = server(|setup| {
        let fifo = setup.dir.path().join("audit.fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        fifo
    });
    refuse(&server);
    server.until_metric("netpol_audit_dropped_total", 95);
    assert_eq!(server.metric("netpol_audit_written_total"), 0);
    assert!(server.admin("/readyz").text().contains("the audit log cannot be written"));

    let fifo = server.dir.path().join("audit.fifo");
    let reader = std::thread::spawn(move || std::fs::read(fifo).unwrap());
    server.until_metric("netpol_audit_written_total", 5);
    refuse(&server);
    let counted = |name: &str| server.metric(&format!("netpol_audit_{name}_total"));
    assert!(until(|| counted("written") + counted("dropped") == 200));
    let written = counted("written");
    server.handle.abort();
    let text = reader.join().unwrap();
    let report = verify([("fifo".to_owned(), Ok(text.as_slice()))]).unwrap();
    assert_eq!(report.broken, []);
    assert_eq!(report.lines as u64, written);
    assert!(report.dropped >= 95, "{report:?}");
}

#[test]
fn a_full_disk_delays_no_response() {
    let server = server(|_| PathBuf::from("/dev/full"));
    refuse(&server);
    server.until_metric("netpol_audit_dropped_total", 95);
    assert!(server.admin("/readyz").text().contains("the audit log cannot be written"));
    assert_eq!(server.admin("/readyz").status, 200, "a server that judges is ready");
}
