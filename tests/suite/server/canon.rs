//! The canon is read again while the server runs.

use netpol::canon::Canon;

use crate::support::command::netpol;
use crate::support::mount::Mount;
use crate::support::root;
use crate::support::server::Setup;

#[test]
fn a_canon_is_swapped_and_a_broken_one_refused() {
    let rendered = netpol(&["render", "policies", "--canon", "abcdesktop"]).out;
    let drifted = rendered.replace("11211", "11212");
    assert_ne!(rendered, drifted);
    let mut setup = Setup::new();
    let mut mount = Mount::new(&setup.dir.path().join("canon"), &[("policies.yaml", &rendered)]);
    setup.canon = setup.dir.path().join("canon").to_str().unwrap().to_owned();
    let canon = setup.canon.clone();
    let server = setup.start();
    let create = std::fs::read(root().join("tests/reviews/netpol-create.validate.json")).unwrap();
    let allowed =
        |server: &crate::support::server::Server| server.client().post("/validate", &create).json()["response"]["allowed"].clone();
    assert_eq!(allowed(&server), true);

    for turn in 0..2 {
        mount.swap(&[("policies.yaml", &drifted)]);
        server.reload();
        assert_eq!(allowed(&server), false, "{turn}");
        let hash = Canon::load(&canon, &["abcdesktop".to_owned()]).unwrap().hash;
        assert!(server.admin("/readyz").text().contains(&hash));

        mount.swap(&[("policies.yaml", "kind: Nonsense\n")]);
        for _ in 0..3 {
            server.reload();
        }
        assert_eq!(allowed(&server), false, "the one before it stays");
        let ready = server.admin("/readyz");
        assert_eq!(ready.status, 200, "it can still judge");
        assert!(ready.text().contains("- cannot use the canon on disk; the last valid version remains active: "), "{}", ready.text());
        assert!(ready.text().contains("policies.yaml"), "{}", ready.text());
        assert_eq!(server.metric("netpol_degraded{what=\"canon\"}"), 1);

        mount.swap(&[("policies.yaml", &rendered)]);
        server.reload();
        assert_eq!(allowed(&server), true, "{turn}");
        assert_eq!(server.metric("netpol_degraded{what=\"canon\"}"), 0);
        assert!(!server.admin("/readyz").text().contains("cannot be used"));
    }
    assert_eq!(server.metric("netpol_reloads_total{what=\"canon\",result=\"taken\"}"), 4);
    assert_eq!(server.metric("netpol_reloads_total{what=\"canon\",result=\"refused\"}"), 2);
}
