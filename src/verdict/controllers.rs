//! The controllers that create the pods of workloads. Their pods need no claim of their own: the workload was judged when its
//! author sent it.

use std::fmt;
use std::str::FromStr;

/// A controller: `USER=KIND[,KIND]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadController {
    /// Its user name.
    pub user: String,
    /// The kinds of the workloads for which it creates pods or other workloads.
    pub kinds: Vec<String>,
}

/// The controllers of Kubernetes, by the names of their accounts in `kube-system`, and the kind that each controls.
const CONTROLLERS: [(&str, &str); 7] = [
    ("deployment", "Deployment"),
    ("replicaset", "ReplicaSet"),
    ("replication", "ReplicationController"),
    ("statefulset", "StatefulSet"),
    ("daemon-set", "DaemonSet"),
    ("job", "Job"),
    ("cronjob", "CronJob"),
];

/// The user of all of them if the controller manager runs without `--use-service-account-credentials`.
const MANAGER: &str = "system:kube-controller-manager";

/// Returns the controllers of Kubernetes.
pub fn workload_controllers() -> Vec<WorkloadController> {
    let own = CONTROLLERS.iter().map(|(name, kind)| WorkloadController {
        user: format!("system:serviceaccount:kube-system:{name}-controller"),
        kinds: vec![(*kind).to_owned()],
    });
    let all = CONTROLLERS.iter().map(|(_, kind)| (*kind).to_owned()).collect();
    own.chain([WorkloadController { user: MANAGER.to_owned(), kinds: all }]).collect()
}

impl FromStr for WorkloadController {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            || "write USER=KIND or USER=KIND,KIND, for example system:serviceaccount:argo-rollouts:argo-rollouts=Rollout".to_owned();
        // A user name may contain an equals sign, and a kind may not.
        let (user, kinds) = text.rsplit_once('=').ok_or_else(wrong)?;
        let kinds: Vec<String> = kinds.split(',').map(str::to_owned).collect();
        let is_kind = |kind: &String| {
            kind.bytes().all(|byte| byte.is_ascii_alphanumeric()) && kind.starts_with(|first: char| first.is_ascii_uppercase())
        };
        if user.trim().is_empty() || !kinds.iter().all(is_kind) {
            return Err(wrong());
        }
        Ok(WorkloadController { user: user.to_owned(), kinds })
    }
}

impl fmt::Display for WorkloadController {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}", self.user, self.kinds.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_has_a_user_and_kinds() {
        let controller: WorkloadController = "cn=ops,ou=x=Rollout,CloneSet".parse().unwrap();
        assert_eq!(
            (controller.user.as_str(), controller.kinds.as_slice()),
            ("cn=ops,ou=x", ["Rollout".to_owned(), "CloneSet".to_owned()].as_slice())
        );
        assert_eq!(controller.to_string(), "cn=ops,ou=x=Rollout,CloneSet");
        for wrong in ["", "user", "=Job", "user=", "user=Job,", "user=job", "user=Job Set", " =Job"] {
            assert!(wrong.parse::<WorkloadController>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_default_parses_back() {
        for controller in workload_controllers() {
            assert_eq!(controller.to_string().parse(), Ok(controller));
        }
    }
}
