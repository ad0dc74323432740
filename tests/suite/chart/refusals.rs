//! What the chart does not render, and what it says then.

use serde_json::{Value, json};

use crate::support::helm::template;

#[track_caller]
fn refused(values: &Value, said: &[&str]) {
    let ran = template(values, &[]);
    assert!(!ran.ok, "{values} is rendered");
    for word in said {
        assert!(ran.err.contains(word), "{values}: {word:?} is not in {}", ran.err);
    }
}

/// By the schema: wrong words, wrong types, names that do not exist. (Of a wrong key helm names another path.)
#[test]
fn a_value_that_is_none_is_refused_by_its_path() {
    for (values, said) in [
        (json!({"namespace": "abcdesktop"}), vec!["namespace"]),
        (json!({"namespaces": []}), vec!["/namespaces"]),
        (json!({"namespaces": ["UPPER"]}), vec!["/namespaces/0"]),
        (json!({"namespaces": ["a", "a"]}), vec!["/namespaces"]),
        (json!({"verdicts": {"enforcement": "refuse"}}), vec!["/verdicts/enforcement", "'deny', 'warn', 'audit'"]),
        (json!({"verdicts": {"enforcment": "deny"}}), vec!["/verdicts", "enforcment"]),
        (json!({"verdicts": {"namespaceControllers": []}}), vec!["/verdicts/namespaceControllers"]),
        (json!({"verdicts": {"breakGlassGroups": [" "]}}), vec!["/verdicts/breakGlassGroups/0"]),
        (json!({"verdicts": {"breakGlassGroups": ["two\nlines"]}}), vec!["/verdicts/breakGlassGroups/0"]),
        (json!({"canon": {"builtIn": "abcdesktop-3"}}), vec!["/canon/builtIn"]),
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
        refused(&values, &said);
    }
}

/// By the templates: values that are right one by one.
#[test]
fn values_that_cannot_be_meant_together_are_refused_with_a_sentence() {
    for (values, said) in [
        (json!({"namespaces": ["abcdesktop", "netpol-system"]}), vec!["own namespace \"netpol-system\" cannot be guarded"]),
        (json!({"namespaces": ["kube-system"]}), vec!["kube-system cannot be guarded"]),
        (json!({"canon": {"builtIn": "abcdesktop", "documents": {"c.yaml": "x"}}}), vec!["canon.builtIn and canon.documents are given"]),
        (json!({"canon": {"configMap": {"name": "own"}}}), vec!["canon.configMap.identityKeys"]),
        (json!({"canon": {"configMap": {"identityKeys": ["run"]}}}), vec!["keys are given without a name"]),
        (json!({"canon": {"documents": {"c.yaml": "{"}}}), vec!["a document of c.yaml is no YAML"]),
        (json!({"certificates": {"mode": "secret"}}), vec!["certificates.secret.name", "certificates.secret.caBundle"]),
        (
            json!({"certificates": {"mode": "certManager", "secret": {"name": "own-tls"}}}),
            vec!["mode certManager makes its own Secret, and certificates.secret names yours"],
        ),
        (json!({"certificates": {"secret": {"name": "own-tls"}}}), vec!["mode selfManaged makes its own Secret"]),
        (json!({"certificates": {"certManager": {"issuerRef": {"name": "x"}}}}), vec!["mode selfManaged asks no issuer"]),
        (json!({"certificates": {"mode": "certManager", "selfManaged": {"secretName": "x"}}}), vec!["mode certManager does not use it"]),
        (json!({"certificates": {"selfManaged": {"caLifetime": "20d"}}}), vec!["a CA cannot end before"]),
        (json!({"certificates": {"certManager": {"duration": "1h", "renewBefore": "60m"}}}), vec!["must be less than the duration"]),
        (
            json!({"certificates": {"selfManaged": {"leafLifetime": "24h"}}, "metrics": {"prometheusRule": {"enabled": true}}}),
            vec!["renewed 8 hours before its end"],
        ),
        (json!({"tls": {"clientCA": {"names": ["kube-apiserver"]}}}), vec!["no CA of clients is given"]),
        (json!({"ports": {"admin": 8443}}), vec!["cannot be one port"]),
        (json!({"limits": {"bodyBudget": 8_388_608}}), vec!["limits.bodyBudget"]),
        (json!({"limits": {"bodyBudget": 134_217_728}}), vec!["resources.limits.memory"]),
        (json!({"limits": {"drainDelay": "15500ms"}}), vec!["must be at least 41"]),
        (json!({"podDisruptionBudget": {"minAvailable": 2}}), vec!["with 2 replicas no node could ever be drained"]),
        (json!({"podDisruptionBudget": {"minAvailable": "100%"}}), vec!["no node could ever be drained"]),
        (json!({"podDisruptionBudget": {"maxUnavailable": 0}}), vec!["no node could ever be drained"]),
        (json!({"audit": {"log": "/var/log/netpol/a"}}), vec!["a file needs a volume"]),
        (json!({"audit": {"volume": {"emptyDir": {}}}}), vec!["audit.volume would stay empty"]),
        (
            json!({"audit": {"log": "/var/log/netpol/a", "volume": {"persistentVolumeClaim": {"claimName": "a"}}}}),
            vec!["several servers cannot write one file"],
        ),
        (json!({"serviceAccount": {"create": false}}), vec!["serviceAccount.name"]),
    ] {
        refused(&values, &said);
    }
    // Whatever is wrong is said at once.
    refused(&json!({"namespaces": ["netpol-system"], "ports": {"admin": 8443}}), &["own namespace", "cannot be one port"]);
}
