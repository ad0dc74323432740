//! Every text is a canon or has problems. The manifests of a canon mean the same as its policies.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netpol::canon::{Canon, Documents};
use netpol::documents::Node;
use netpol::policy::{Comparison, Home, Policy, compare};

fuzz_target!(|text: &str| {
    let namespace = "abcdesktop";
    let canon = match Canon::from_documents(&Documents::from_text("canon.yaml", text), &[namespace.to_owned()]) {
        Ok(canon) => canon,
        Err(error) => return assert!(!error.to_string().is_empty(), "rejected without a message"),
    };
    for (name, canonical) in &canon.policies(namespace).expect("a guarded namespace").by_name {
        let spec = Node::from(&canonical.manifest["spec"]);
        let rendered = Policy::parse(&spec, Home { namespace, written_for: None }).expect("a rendered manifest is a policy");
        let comparison = compare(&canonical.policy, &rendered);
        assert!(matches!(comparison, Comparison::Same | Comparison::NotProven), "{name} drifts from its own manifest: {comparison:?}");
    }
});
