//! Values that the chart rejects, and its messages.

use serde_json::{Value, json};

use crate::support::helm::template;

#[track_caller]
fn assert_rejected(values: &Value, messages: &[&str]) {
    let ran = template(values, &[]);
    assert!(!ran.ok, "{values} is rendered");
    for message in messages {
        assert!(ran.err.contains(message), "{values}: {message:?} is not in {}", ran.err);
    }
}

/// The schema rejects wrong values, types and keys. (For a wrong key, helm reports the path of its parent.)
#[test]
fn an_invalid_value_is_rejected_with_its_path() {
    for (values, messages) in [
        (json!({"namespace": "abcdesktop"}), vec!["namespace"]),
        (json!({"namespaces": []}), vec!["/namespaces"]),
        (json!({"namespaces": ["UPPER"]}), vec!["/namespaces/0"]),
        (json!({"namespaces": ["a", "a"]}), vec!["/namespaces"]),
        (json!({"verdicts": {"enforcement": "refuse"}}), vec!["/verdicts/enforcement", "'deny', 'warn', 'audit'"]),
        (json!({"verdicts": {"enforcment": "deny"}}), vec!["/verdicts", "enforcment"]),
        (json!({"verdicts": {"namespaceControllers": []}}), vec!["/verdicts/namespaceControllers"]),
        (json!({"verdicts": {"pluginWriters": []}}), vec!["/verdicts/pluginWriters"]),
        (json!({"verdicts": {"foreignKinds": ["subnets"]}}), vec!["/verdicts/foreignKinds/0"]),
        (json!({"verdicts": {"networkAnnotationKeys": ["two words"]}}), vec!["/verdicts/networkAnnotationKeys/0"]),
        (json!({"verdicts": {"breakGlassGroups": [" "]}}), vec!["/verdicts/breakGlassGroups/0"]),
        (json!({"verdicts": {"breakGlassGroups": ["two\nlines"]}}), vec!["/verdicts/breakGlassGroups/0"]),
        (json!({"webhooks": {"podCondition": "true"}}), vec!["/webhooks/podCondition"]),
        (json!({"webhooks": {"send": "some"}}), vec!["/webhooks/send", "'needed', 'all'"]),
        (json!({"canon": {"builtIn": "abcdesktop-3"}}), vec!["/canon/builtIn"]),
        (json!({"canon": {"builtIn": ["abcdesktop", "abcdesktop"]}}), vec!["/canon/builtIn"]),
        (json!({"canon": {"documents": {"canon.txt": "x"}}}), vec!["invalid propertyName 'canon.txt'"]),
        (json!({"certificates": {"mode": "self-managed"}}), vec!["/certificates/mode"]),
        (json!({"certificates": {"secret": {"caBundle": "-----BEGIN PRIVATE KEY-----"}}}), vec!["/certificates/secret/caBundle"]),
        (
            json!({"certificates": {"secret": {"caBundle": "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n-----END CERTIFICATE-----"}}}),
            vec!["/certificates/secret/caBundle"],
        ),
        (json!({"certificates": {"certManager": {"issuerRef": {"kind": "Issuer"}}}}), vec!["/certificates/certManager/issuerRef"]),
        (json!({"certificates": {"selfManaged": {"leafLifetime": "a month"}}}), vec!["/certificates/selfManaged/leafLifetime"]),
        (json!({"tls": {"minVersion": 1.3}}), vec!["/tls/minVersion"]),
        (json!({"replicas": 0}), vec!["/replicas"]),
        (json!({"replicas": "2"}), vec!["/replicas"]),
        (json!({"image": {"digest": "sha256:abc"}}), vec!["/image/digest"]),
        (json!({"ports": {"webhook": 65536}}), vec!["/ports/webhook"]),
        (json!({"limits": {"drainDelay": 10}}), vec!["/limits/drainDelay"]),
        (json!({"audit": {"log": "/tmp/audit.log"}}), vec!["/audit/log"]),
        (json!({"audit": {"volume": {"emptyDir": {}, "nfs": {}}}}), vec!["/audit/volume"]),
        (json!({"podLabels": {"a b": "c"}}), vec!["invalid propertyName 'a b'"]),
        (json!({"tolerations": [{"kee": "x"}]}), vec!["/tolerations/0"]),
        (json!({"networkPolicy": {"apiServer": {"cidrs": ["10.0.0.1"]}}}), vec!["/networkPolicy/apiServer/cidrs/0"]),
        (json!({"networkPolicy": {"metricsFrom": [{}]}}), vec!["/networkPolicy/metricsFrom/0"]),
        (json!({"podDisruptionBudget": {"maxUnavailable": "half"}}), vec!["/podDisruptionBudget/maxUnavailable"]),
    ] {
        assert_rejected(&values, &messages);
    }
}

/// The templates reject combinations of values that are valid one by one.
#[test]
fn an_invalid_combination_of_values_is_rejected_with_a_sentence() {
    for (values, messages) in [
        (
            json!({"namespaces": ["abcdesktop", "netpol-system"]}),
            vec!["the namespace of the release, \"netpol-system\", cannot be guarded"],
        ),
        (json!({"namespaces": ["kube-system"]}), vec!["kube-system cannot be guarded"]),
        (
            json!({"canon": {"documents": {"c.yaml": "x"}, "configMap": {"name": "own", "identityKeys": ["run"]}}}),
            vec!["canon.documents and canon.configMap.name are set"],
        ),
        (json!({"canon": {"configMap": {"name": "own"}}}), vec!["canon.configMap.identityKeys"]),
        (json!({"canon": {"configMap": {"identityKeys": ["run"]}}}), vec!["keys, selectors or policies are set without a name"]),
        (json!({"canon": {"documents": {"c.yaml": "{"}}}), vec!["a document in c.yaml is not valid YAML"]),
        (json!({"certificates": {"mode": "secret"}}), vec!["certificates.secret.name", "certificates.secret.caBundle"]),
        (
            json!({"certificates": {"mode": "certManager", "secret": {"name": "own-tls"}}}),
            vec!["mode certManager creates a Secret, but certificates.secret is set"],
        ),
        (json!({"certificates": {"secret": {"name": "own-tls"}}}), vec!["mode selfManaged creates a Secret"]),
        (json!({"certificates": {"certManager": {"issuerRef": {"name": "x"}}}}), vec!["mode selfManaged does not use an issuer"]),
        (json!({"certificates": {"mode": "certManager", "selfManaged": {"secretName": "x"}}}), vec!["mode certManager does not use it"]),
        (json!({"certificates": {"selfManaged": {"caLifetime": "20d"}}}), vec!["a CA must not expire before"]),
        (
            json!({"certificates": {"certManager": {"duration": "1h", "renewBefore": "60m"}}}),
            vec!["must be less than certificates.certManager.duration"],
        ),
        (
            json!({"certificates": {"selfManaged": {"leafLifetime": "24h"}}, "metrics": {"prometheusRule": {"enabled": true}}}),
            vec!["must be less than 8: certificates are renewed 8 hours before they expire"],
        ),
        (json!({"tls": {"clientCA": {"names": ["kube-apiserver"]}}}), vec!["client certificates are not verified without a CA"]),
        (json!({"metrics": {"serviceMonitor": {"enabled": true}}}), vec!["networkPolicy.metricsFrom: metrics.serviceMonitor is enabled"]),
        (json!({"ports": {"admin": 8443}}), vec!["must be different ports"]),
        (json!({"limits": {"bodyBudget": 8_388_608}}), vec!["limits.bodyBudget"]),
        (json!({"limits": {"bodyBudget": 20_971_520}}), vec!["limits.bodyBudget: must be at least 29360128 bytes"]),
        (json!({"limits": {"bodyBudget": 134_217_728}}), vec!["resources.limits.memory"]),
        (json!({"limits": {"drainDelay": "15500ms"}}), vec!["must be at least 41"]),
        (json!({"podDisruptionBudget": {"minAvailable": 2}}), vec!["with 2 replicas no node could be drained"]),
        (json!({"podDisruptionBudget": {"minAvailable": "100%"}}), vec!["no node could be drained"]),
        (json!({"podDisruptionBudget": {"maxUnavailable": 0}}), vec!["no node could be drained"]),
        (json!({"audit": {"log": "/var/log/netpol/a"}}), vec!["a log file requires a volume"]),
        (json!({"audit": {"volume": {"emptyDir": {}}}}), vec!["audit.volume is set, but the log is written to standard output"]),
        (
            json!({"audit": {"log": "/var/log/netpol/a", "volume": {"persistentVolumeClaim": {"claimName": "a"}}}}),
            vec!["several servers cannot write to the same file"],
        ),
        (json!({"webhooks": {"podCondition": "!(x)\n"}}), vec!["webhooks.podCondition: is only for a canon of your own"]),
        (
            json!({"webhooks": {"podCondition": "!(x)"}, "canon": {"documents": {"canon.yaml": "kind: x"}},
                "verdicts": {"networkAnnotationKeys": ["example.org/pool"]}}),
            vec!["does not have the key \"example.org/pool\" of verdicts.networkAnnotationKeys"],
        ),
        (
            json!({"webhooks": {"podCondition": "request.operation != 'CREATE' || !(x)"}, "canon": {"documents": {"canon.yaml": "kind: x"}}}),
            vec!["webhooks.podCondition: an earlier version printed it"],
        ),
        (json!({"serviceAccount": {"create": false}}), vec!["serviceAccount.name"]),
    ] {
        assert_rejected(&values, &messages);
    }
    // All faults are reported at once.
    assert_rejected(
        &json!({"namespaces": ["netpol-system"], "ports": {"admin": 8443}}),
        &["namespace of the release", "must be different ports"],
    );
}
