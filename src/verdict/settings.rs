//! The flags that a verdict depends on.

/// What `serve`, `review` and `check` are told; [`Settings::default`] is what their flags default to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The guarded namespaces; anything else is admitted untouched.
    pub namespaces: Vec<String>,
    /// Whether refusals refuse.
    pub enforcement: Enforcement,
    /// What becomes of a `netpol/` label that no grant gives.
    pub ungranted_labels: UngrantedLabels,
    /// What becomes of a policy whose name is not canonical.
    pub extra_policies: ExtraPolicies,
    /// What becomes of policy kinds that cannot be judged.
    pub foreign_policies: Response,
    /// What becomes of namespace labels that the canon's peers name.
    pub neighbors: Response,
    /// What becomes of annotations that open a second network.
    pub network_annotations: Response,
    /// What becomes of pods on the host's network.
    pub host_network: Response,
    /// What becomes of workloads whose template could not pass.
    pub workloads: Workloads,
    /// The user names under which the namespace controller deletes.
    pub namespace_controllers: Vec<String>,
    /// The groups whose members may break the glass; none: no way through.
    pub break_glass_groups: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            namespaces: vec!["abcdesktop".to_owned()],
            enforcement: Enforcement::Deny,
            ungranted_labels: UngrantedLabels::Deny,
            extra_policies: ExtraPolicies::NoWider,
            foreign_policies: Response::Warn,
            neighbors: Response::Warn,
            network_annotations: Response::Warn,
            host_network: Response::Deny,
            workloads: Workloads::Warn,
            namespace_controllers: vec!["system:serviceaccount:kube-system:namespace-controller".to_owned()],
            break_glass_groups: Vec::new(),
        }
    }
}

/// `--enforcement`
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Enforcement {
    /// Refuse.
    Deny,
    /// Admit; the refusal arrives as a warning.
    Warn,
    /// Admit; only the audit line says what would have been refused.
    Audit,
}

/// `--ungranted-labels`
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum UngrantedLabels {
    /// Refuse the pod.
    Deny,
    /// Take the label off; refuse what is still there.
    Strip,
    /// Admit with a warning.
    Warn,
}

/// `--extra-policies`
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ExtraPolicies {
    /// Admit what grants nothing beyond the canon.
    NoWider,
    /// Refuse every one.
    Deny,
    /// Admit every one.
    Allow,
}

/// What a flag with three answers says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Response {
    /// Admit with a warning.
    Warn,
    /// Refuse.
    Deny,
    /// Admit.
    Allow,
}

/// `--workloads`
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Workloads {
    /// Admit with a warning.
    Warn,
    /// Refuse.
    Deny,
    /// Say nothing.
    Ignore,
}
