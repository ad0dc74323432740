//! A panic costs one response.

use super::bodies::length;
use crate::support::server::Setup;

#[test]
fn a_panic_is_a_500_and_the_process_lives() {
    let server = Setup::new()
        .judge(|stage, body| {
            assert!(!body.starts_with(b"panic"), "as it was told to");
            length(stage, body)
        })
        .start();
    let mut client = server.client();
    for (body, status) in [(b"panic".to_vec(), 500), (b"{}".to_vec(), 200), (b"panic".repeat(200_000), 500), (b"{}".repeat(200_000), 200)] {
        let reply = client.post("/validate", &body);
        assert_eq!(reply.status, status);
        assert!(!reply.closes());
    }
    assert_eq!(server.metric("netpol_panics_total"), 2);
    assert_eq!(server.metric("netpol_refusals_total{cause=\"fault\"}"), 2);
    assert_eq!(server.metric("netpol_reviews_in_flight"), 0);
    assert_eq!(server.metric("netpol_body_budget_used_bytes{lane=\"large\"}"), 0);
}
