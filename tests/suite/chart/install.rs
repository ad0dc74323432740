//! The effects of the flags of `netpol render install`.

use serde_json::Value;

use super::sets::ALONE;
use crate::support::command::netpol;
use crate::support::helm::{controller, only, servers};

#[track_caller]
fn install(flags: &[&str]) -> Vec<Value> {
    let ran = netpol(&[&["render", "install", "--output", "json"], flags].concat());
    assert_eq!(ran.code, 0, "{flags:?}: {}", ran.err);
    serde_json::from_str::<Value>(&ran.out).unwrap()["items"].as_array().unwrap().clone()
}

fn arguments(objects: &[Value]) -> Vec<&str> {
    arguments_of(servers(objects))
}

fn arguments_of(deployment: &Value) -> Vec<&str> {
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    container["args"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap()).collect()
}

#[test]
fn the_namespace_of_the_servers_is_set_everywhere() {
    let objects = install(&["--install-namespace", "elsewhere"]);
    let text = serde_json::to_string(&objects).unwrap();
    assert!(!text.contains("netpol-system"), "{text}");
    assert_eq!(only(&objects, "Namespace")["metadata"]["name"], "elsewhere");
    let args = arguments(&objects);
    assert!(
        args.contains(&"--tls-secret=elsewhere/abcdesktop-netpol-tls") && args.contains(&"--tls-name=abcdesktop-netpol.elsewhere.svc"),
        "{args:?}"
    );
    assert!(arguments_of(controller(&objects)).contains(&"--lease=elsewhere/abcdesktop-netpol-controller"));
    let policy = objects
        .iter()
        .find(|object| object["kind"] == "ValidatingAdmissionPolicy" && object["metadata"]["name"] == "abcdesktop-netpol-controller");
    assert_eq!(policy.unwrap()["spec"]["validations"][0]["expression"], r#"request.namespace in ["abcdesktop", "elsewhere"]"#);
    let webhooks = &only(&objects, "ValidatingWebhookConfiguration")["webhooks"];
    assert_eq!(webhooks[0]["clientConfig"]["service"]["namespace"], "elsewhere");
}

#[test]
fn flags_change_the_objects() {
    let flags = [
        "--namespace",
        "a,b",
        "--enforcement",
        "warn",
        "--image",
        "registry.example/netpol@sha256:0",
        "--break-glass-group",
        "$(HOSTNAME)",
    ];
    let objects = install(&flags);
    assert_eq!(servers(&objects)["spec"]["template"]["spec"]["containers"][0]["image"], "registry.example/netpol@sha256:0");
    let args = arguments(&objects);
    let of = |flag: &str| args.iter().filter_map(|argument| argument.strip_prefix(flag)).collect::<Vec<_>>();
    assert_eq!((of("--namespace="), of("--enforcement=")), (vec!["a", "b"], vec!["warn"]));
    assert_eq!(of("--break-glass-group="), ["$$(HOSTNAME)"], "escaped, because it is not a variable");
    // The controller judges as the servers do.
    let pod = &controller(&objects)["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["image"], "registry.example/netpol@sha256:0");
    let args = arguments_of(controller(&objects));
    for flag in ["--namespace=b", "--enforcement=warn", "--break-glass-group=$$(HOSTNAME)", "--mode=report"] {
        assert!(args.contains(&flag), "{flag} is not in {args:?}");
    }
    let values = &only(&objects, "MutatingWebhookConfiguration")["webhooks"][0]["namespaceSelector"]["matchExpressions"][0]["values"];
    assert_eq!(*values, serde_json::json!(["a", "b"]));
}

#[test]
fn a_custom_canon_is_a_config_map() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("only.yml"), ALONE).unwrap();
    let objects = install(&["--canon", folder.path().to_str().unwrap()]);
    let map = only(&objects, "ConfigMap");
    assert_eq!(map["data"]["only.yml"], ALONE);
    let pod = &servers(&objects)["spec"]["template"]["spec"];
    assert_eq!(pod["volumes"][0]["configMap"]["name"], map["metadata"]["name"]);
    let mounted = pod["containers"][0]["volumeMounts"][0]["mountPath"].as_str().unwrap();
    assert!(arguments(&objects).contains(&format!("--canon={mounted}").as_str()));
    let pod = &controller(&objects)["spec"]["template"]["spec"];
    assert_eq!(pod["volumes"][0]["configMap"]["name"], map["metadata"]["name"]);
    assert!(arguments_of(controller(&objects)).contains(&format!("--canon={mounted}").as_str()));
    let text = serde_json::to_string(only(&objects, "ValidatingWebhookConfiguration")).unwrap();
    assert!(text.contains(r#"key in [\"role\", \"tier\"]"#), "{text}");
    // A file without an extension gets one.
    let file = folder.path().join("canon");
    std::fs::write(&file, ALONE).unwrap();
    assert_eq!(only(&install(&["--canon", file.to_str().unwrap()]), "ConfigMap")["data"]["canon.yaml"], ALONE);
}

#[test]
fn flags_that_would_lock_the_cluster_are_rejected() {
    for (flags, message) in [
        (vec!["--install-namespace", "abcdesktop"], "--install-namespace"),
        (vec!["--namespace", "netpol-system"], "the servers cannot run in the guarded namespace"),
        (vec!["--namespace", "kube-system"], "kube-system cannot be guarded"),
        (vec!["--install-namespace", "Upper"], "a namespace name must"),
    ] {
        let ran = netpol(&[&["render", "install"], flags.as_slice()].concat());
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{flags:?}");
        assert!(ran.err.contains(message), "{flags:?}: {}", ran.err);
    }
}
