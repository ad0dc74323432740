//! Desktop pods as an API server serializes them: fields in the order of the API types, `<`, `>` and `&` escaped as Go does it, and
//! managed fields for all containers.

use std::fmt::Write as _;

/// The size of a pod.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The number of containers besides the init container.
    pub containers: usize,
    /// The number of environment variables of each.
    pub variables: usize,
}

/// A review of about 14 kB.
pub const SMALL: Shape = Shape { containers: 4, variables: 11 };
/// A review of about 107 kB.
pub const LARGE: Shape = Shape { containers: 17, variables: 38 };

/// The properties of a pod that differ between cases.
#[derive(Debug, Clone, Copy)]
pub struct Pod<'a> {
    /// Its size.
    pub shape: Shape,
    /// Labels in addition to those of every desktop; they replace labels with the same key.
    pub labels: &'a [(&'a str, &'a str)],
    /// Its phase.
    pub phase: &'a str,
}

/// The labels that pyos sets on a desktop, without `netpol/ocuser`.
const LABELS: [(&str, &str); 19] = [
    ("abcdesktop/role", "desktop"),
    ("access_provider", "planet"),
    ("access_providertype", "ldap"),
    ("access_userid", "fry"),
    ("access_username", "philip.j.fry"),
    ("broadcast_cookie", "7e1b6c04a2f94d0f8d5c3b1a"),
    ("domain", "desktop"),
    ("employeetype", "delivery-boy"),
    ("fqdn", "desktop.example.net"),
    ("gidnumber", "1042"),
    ("group", "ship-crew"),
    ("loginname", "fry"),
    ("nodeselector", "worker"),
    ("pulseaudio_cookie", "c0f3a9d2b17e4856"),
    ("role", "user"),
    ("type", "x11server"),
    ("uidnumber", "1051"),
    ("wm", "openbox"),
    ("xauthkey", "0f3a5d7c9b1e24680f3a5d7c"),
];

/// Renders the object.
pub fn render(pod: &Pod<'_>) -> String {
    let is_replaced = |key: &str| pod.labels.iter().any(|(other, _)| *other == key);
    let usual = LABELS.iter().filter(|(key, _)| !is_replaced(key));
    let mut labels: Vec<(&str, &str)> = usual.chain(pod.labels).copied().collect();
    labels.sort_unstable();
    let mut text = String::from(
        r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"fry-74bea","namespace":"abcdesktop","uid":"a323ff0d-3d0d-4042-9f02-b707c28978f3","resourceVersion":"661","generation":1,"creationTimestamp":"2026-11-22T16:16:10Z","labels":{"#,
    );
    join(&mut text, &labels, |text, (key, value)| {
        let _ = write!(text, r#""{key}":"{value}""#);
    });
    text.push_str(
        r#"},"annotations":{"abcdesktop/greeting":"\u003cb\u003eHello \u0026 welcome\u003c/b\u003e, \"Fry\"","abcdesktop/motd":"line one\nline two\tand a tab","kubernetes.io/limit-ranger":"LimitRanger plugin set: cpu, memory request for container graphical"},"managedFields":[{"manager":"OpenAPI-Generator","operation":"Update","apiVersion":"v1","time":"2026-11-22T16:16:09Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:annotations":{".":{},"f:abcdesktop/greeting":{},"f:abcdesktop/motd":{}},"f:labels":{".":{},"#,
    );
    join(&mut text, &labels, |text, (key, _)| {
        let _ = write!(text, r#""f:{key}":{{}}"#);
    });
    text.push_str(r#"}},"f:spec":{"f:automountServiceAccountToken":{},"f:containers":{"#);
    let numbers: Vec<usize> = (0..pod.shape.containers).collect();
    join(&mut text, &numbers, |text, number| managed_container(text, *number, pod.shape.variables));
    text.push_str(
        r#"},"f:dnsPolicy":{},"f:enableServiceLinks":{},"f:initContainers":{".":{},"k:{\"name\":\"init\"}":{".":{},"f:command":{},"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:resources":{},"f:securityContext":{".":{},"f:runAsUser":{}},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{},"f:volumeMounts":{".":{},"k:{\"mountPath\":\"/data\"}":{".":{},"f:mountPath":{},"f:name":{}}}}},"f:restartPolicy":{},"f:schedulerName":{},"f:securityContext":{".":{},"f:fsGroup":{}},"f:terminationGracePeriodSeconds":{},"f:volumes":{".":{},"k:{\"name\":\"home\"}":{".":{},"f:emptyDir":{},"f:name":{}},"k:{\"name\":\"shm\"}":{".":{},"f:emptyDir":{".":{},"f:medium":{},"f:sizeLimit":{}},"f:name":{}}}}}}]},"spec":{"volumes":[{"name":"home","emptyDir":{}},{"name":"shm","emptyDir":{"medium":"Memory","sizeLimit":"512Mi"}}],"initContainers":[{"name":"init","image":"registry.example/busybox:1.36","command":["sh","-c","chown 4096:4096 /data \u0026\u0026 chmod 750 /data"],"resources":{},"volumeMounts":[{"name":"home","mountPath":"/data"}],"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent","securityContext":{"runAsUser":0}}],"containers":["#,
    );
    join(&mut text, &numbers, |text, number| container(text, *number, pod.shape.variables));
    let _ = write!(
        text,
        r#"],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"default","serviceAccount":"default","automountServiceAccountToken":false,"securityContext":{{"fsGroup":4096}},"schedulerName":"default-scheduler","tolerations":[{{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}},{{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}}],"priority":0,"enableServiceLinks":true,"preemptionPolicy":"PreemptLowerPriority"}},"status":{{"phase":"{}","qosClass":"Burstable"}}}}"#,
        pod.phase
    );
    text
}

fn managed_container(text: &mut String, number: usize, variables: usize) {
    let _ = write!(text, r#""k:{{\"name\":\"c{number}\"}}":{{".":{{}},"f:args":{{}},"f:command":{{}},"f:env":{{".":{{}},"#);
    let numbers: Vec<usize> = (0..variables).collect();
    join(text, &numbers, |text, variable| {
        let _ = write!(text, r#""k:{{\"name\":\"VARIABLE_{variable}\"}}":{{".":{{}},"f:name":{{}},"f:value":{{}}}}"#);
    });
    text.push_str(
        r#"},"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:ports":{".":{},"k:{\"containerPort\":6081,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{},"f:protocol":{}}},"f:resources":{".":{},"f:limits":{".":{},"f:cpu":{},"f:memory":{}},"f:requests":{".":{},"f:cpu":{},"f:memory":{}}},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{},"f:volumeMounts":{".":{},"k:{\"mountPath\":\"/composer/home\"}":{".":{},"f:mountPath":{},"f:name":{}}}}"#,
    );
}

fn container(text: &mut String, number: usize, variables: usize) {
    let _ = write!(
        text,
        r#"{{"name":"c{number}","image":"registry.example/abcdesktop/oc.user.{number}:4.4","command":["/composer/docker-entrypoint.sh"],"args":["--log","\u003cstdout\u003e"],"ports":[{{"containerPort":6081,"protocol":"TCP"}}],"env":["#
    );
    let numbers: Vec<usize> = (0..variables).collect();
    join(text, &numbers, |text, variable| {
        let _ = write!(text, r#"{{"name":"VARIABLE_{variable}","value":"value {variable} of \u003ccontainer {number}\u003e"}}"#);
    });
    text.push_str(
        r#"],"resources":{"limits":{"cpu":"1200m","memory":"1Gi"},"requests":{"cpu":"300m","memory":"64Mi"}},"volumeMounts":[{"name":"home","mountPath":"/composer/home"}],"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}"#,
    );
}

fn join<T>(text: &mut String, items: &[T], mut write: impl FnMut(&mut String, &T)) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(text, item);
    }
}
