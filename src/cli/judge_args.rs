//! The flags that verdicts depend on. They are the same for every command that evaluates requests.
//!
//! An environment variable with several values separates them by commas. Users and groups are separated by
//! newlines, because they may contain commas (`cn=admins,ou=groups`).

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use clap::Args;

use super::choices::word;
use super::exit::Failure;
use super::parse::{namespace, network_annotation, user_or_group};
use crate::canon::{Canons, DEFAULT};
use crate::verdict::controllers::WorkloadController;
use crate::verdict::foreign::GivenKind;
use crate::verdict::settings::{Action, Enforcement, ExtraPolicies, UngrantedLabels, Workloads};
use crate::verdict::{Guard, Settings};

/// The flags for the canon and the guarded namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct CanonArgs {
    /// Namespace to guard (repeatable); requests in other namespaces are admitted unchanged.
    #[arg(long = "namespace", short = 'n', value_name = "NS", env = "NETPOL_NAMESPACE", value_delimiter = ',')]
    #[arg(default_values_t = Settings::default().namespaces, value_parser = namespace)]
    pub namespaces: Vec<String>,

    /// Canon to accept: a built-in canon (abcdesktop, abcdesktop-4.4, abcdesktop-4.0, abcdesktop-3.3), a file or a folder (repeatable).
    ///
    /// A canon consists of NetworkPolicies and Grants, as YAML or JSON. In a folder, the *.yaml, *.yml and *.json files
    /// are read; subfolders are ignored. The first canon is the target, which `netpol render policies` prints. A policy may
    /// also mean what another canon says, so that a new release can be accepted before the old one is replaced. In one value
    /// and in the environment variable, canons are separated by commas: abcdesktop,abcdesktop-4.4.
    #[arg(long = "canon", value_name = "NAME or PATH", env = "NETPOL_CANON", value_delimiter = ',')]
    #[arg(default_values_t = DEFAULT.map(str::to_owned))]
    pub canons: Vec<String>,

    /// The flag for kinds of policies of other APIs.
    #[command(flatten)]
    pub kinds: KindArgs,
}

/// The flag for kinds of policies of other APIs.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct KindArgs {
    /// Kind of policy of another API that netpol does not know, as GROUP/PLURAL (repeatable): example.org/flowpolicies.
    ///
    /// A canon may hold policies of this kind, if it belongs to a namespace.
    #[arg(long = "foreign-kind", value_name = "KIND", env = "NETPOL_FOREIGN_KIND", value_delimiter = ',')]
    pub foreign_kinds: Vec<GivenKind>,
}

/// The flags that the registration depends on, besides the canon: which requests it sends, and which are rejected while no
/// server responds.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct RegisteredArgs {
    /// Action for policies of other APIs, which netpol cannot evaluate (Cilium, Calico, AdminNetworkPolicy …).
    ///
    /// With `deny`, the API server also rejects namespaced ones while no server responds.
    #[arg(long, value_name = "HOW", env = "NETPOL_FOREIGN_POLICIES", value_enum, default_value_t = Settings::default().foreign_policies)]
    pub foreign_policies: Action,

    /// User name of the network plugin, whose own objects and annotations are not evaluated (repeatable).
    ///
    /// A network plugin writes some objects itself (endpoints, identities), and the addresses of pods into their
    /// annotations. Other users that write these objects can allow traffic.
    #[arg(long = "plugin-writer", value_name = "USER", env = "NETPOL_PLUGIN_WRITER", value_delimiter = '\n')]
    #[arg(default_values_t = Settings::default().plugin_writers, value_parser = user_or_group)]
    pub plugin_writers: Vec<String>,

    /// Action for pods with a netpol/ label that no grant allows.
    ///
    /// With `strip`, the API server also sends new pods to `/mutate` that have all their labels.
    #[arg(long, value_name = "HOW", env = "NETPOL_UNGRANTED_LABELS", value_enum, default_value_t = Settings::default().ungranted_labels)]
    pub ungranted_labels: UngrantedLabels,

    /// Action when the labels of a namespace start or stop matching a namespaceSelector of the canon.
    ///
    /// With `deny`, the API server also rejects such changes while no server responds, except in kube-system and the
    /// namespace of the servers.
    #[arg(long, value_name = "HOW", env = "NETPOL_NEIGHBORS", value_enum, default_value_t = Settings::default().neighbors)]
    pub neighbors: Action,

    /// Action for annotations that attach a pod, or all pods of a guarded namespace, to another network.
    ///
    /// With `deny`, the API server also rejects those of a namespace while no server responds.
    #[arg(long, value_name = "HOW", env = "NETPOL_NETWORK_ANNOTATIONS", value_enum)]
    #[arg(default_value_t = Settings::default().network_annotations)]
    pub network_annotations: Action,

    /// Key of such an annotation that netpol does not know (repeatable): example.org/pool.
    #[arg(long = "network-annotation", value_name = "KEY", env = "NETPOL_NETWORK_ANNOTATION", value_delimiter = ',')]
    #[arg(value_parser = network_annotation)]
    pub network_annotation_keys: Vec<String>,

    /// Action for a user who claims an identity, a service account or an image that the grant of a pod does not list.
    ///
    /// With `deny`, the API server also rejects workloads, changes of their templates, changes of images and ephemeral
    /// containers while no server responds.
    #[arg(long, value_name = "HOW", env = "NETPOL_CLAIMS", value_enum, default_value_t = Settings::default().claims)]
    pub claims: Action,

    /// Controller that creates pods or workloads for workloads of these kinds, as USER=KIND or USER=KIND,KIND (repeatable).
    ///
    /// Its pods need no claim: the workload was judged when its author sent it.
    #[arg(long = "workload-controller", value_name = "CONTROLLER", env = "NETPOL_WORKLOAD_CONTROLLER", value_delimiter = '\n')]
    #[arg(default_values_t = Settings::default().workload_controllers)]
    pub workload_controllers: Vec<WorkloadController>,

    /// User name of the namespace controller, whose deletions are always allowed (repeatable).
    ///
    /// The namespace controller deletes the objects in a namespace that is being deleted.
    #[arg(long = "namespace-controller", value_name = "USER", env = "NETPOL_NAMESPACE_CONTROLLER", value_delimiter = '\n')]
    #[arg(default_values_t = Settings::default().namespace_controllers, value_parser = user_or_group)]
    pub namespace_controllers: Vec<String>,
}

/// The flags that a verdict depends on.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Verdicts")]
pub struct JudgeArgs {
    /// The canon and the guarded namespaces.
    #[command(flatten)]
    pub canon: CanonArgs,

    /// What to do when a rule is violated.
    ///
    /// Use `warn` or `audit` to see the effect of the rules before they deny requests. A request that cannot be parsed
    /// is always denied.
    #[arg(long, value_name = "HOW", env = "NETPOL_ENFORCEMENT", value_enum, default_value_t = Settings::default().enforcement)]
    pub enforcement: Enforcement,

    /// Action for NetworkPolicies whose names are not in the canon.
    #[arg(long, value_name = "HOW", env = "NETPOL_EXTRA_POLICIES", value_enum, default_value_t = Settings::default().extra_policies)]
    pub extra_policies: ExtraPolicies,

    /// The flags that the registration depends on too.
    #[command(flatten)]
    pub registered: RegisteredArgs,

    /// Action for pods with hostNetwork that a canonical policy selects; NetworkPolicies do not apply to them.
    #[arg(long, value_name = "HOW", env = "NETPOL_HOST_NETWORK", value_enum, default_value_t = Settings::default().host_network)]
    pub host_network: Action,

    /// Action for workloads whose pods would be rejected.
    #[arg(long, value_name = "HOW", env = "NETPOL_WORKLOADS", value_enum, default_value_t = Settings::default().workloads)]
    pub workloads: Workloads,

    /// Group whose members may bypass the checks of NetworkPolicies with the break-glass annotation (repeatable);
    /// default: none.
    ///
    /// A member creates or changes a NetworkPolicy and, in the same request, sets the annotation
    /// `netpol.abcdesktop.io/break-glass` to a reason. The request is admitted with a warning and recorded in the audit log. The
    /// annotation has no effect on later changes. If another user sets the annotation, the request is denied. A member can
    /// delete a policy whose annotation begins with `delete:`. Other kinds cannot be changed this way; use `--enforcement warn`.
    ///
    /// To end it, restore the policy (`netpol render policies --only NAME | kubectl apply -f -`) and remove the annotation
    /// (`kubectl annotate networkpolicy NAME netpol.abcdesktop.io/break-glass-`).
    ///
    /// A member can also pause the repairs of `netpol controller` in a guarded namespace, for at most 24 hours: the annotation
    /// `netpol.abcdesktop.io/repair-paused-until` of the namespace is the end of the pause.
    #[arg(long = "break-glass-group", value_name = "GROUP", env = "NETPOL_BREAK_GLASS_GROUP", value_delimiter = '\n')]
    #[arg(value_parser = user_or_group)]
    pub break_glass_groups: Vec<String>,
}

impl CanonArgs {
    /// Reads and compiles the canons. `warn` gets what a user must know about canons that can be used.
    ///
    /// # Errors
    /// Returns an error if a canon cannot be read or is not valid, or if the canons cannot be accepted together.
    pub fn load(&self, warn: impl FnOnce(&str)) -> Result<Canons, Failure> {
        let canons = Canons::load_with_kinds(&self.canons, &self.kinds.foreign_kinds, &self.namespaces).map_err(|error| {
            match self.separated_by_blanks() {
                Some(value) => Failure::input(anyhow!("{error}; several canons are separated by commas: --canon {value}")),
                None => Failure::input(error),
            }
        })?;
        if let Some(warning) = canons.warning() {
            warn(&warning);
        }
        Ok(canons)
    }

    /// Returns a value that contains blanks and is no file, with commas instead.
    fn separated_by_blanks(&self) -> Option<String> {
        let value = self.canons.iter().find(|canon| canon.contains(char::is_whitespace) && !Path::new(canon).exists())?;
        Some(value.split_whitespace().collect::<Vec<_>>().join(","))
    }
}

impl RegisteredArgs {
    /// Returns these settings, with the defaults of all others.
    pub fn settings(&self, canon: &CanonArgs) -> Settings {
        Settings {
            namespaces: canon.namespaces.clone(),
            foreign_policies: self.foreign_policies,
            foreign_kinds: canon.kinds.foreign_kinds.clone(),
            plugin_writers: self.plugin_writers.clone(),
            ungranted_labels: self.ungranted_labels,
            neighbors: self.neighbors,
            network_annotations: self.network_annotations,
            network_annotation_keys: self.network_annotation_keys.clone(),
            claims: self.claims,
            workload_controllers: self.workload_controllers.clone(),
            namespace_controllers: self.namespace_controllers.clone(),
            ..Settings::default()
        }
    }
}

impl JudgeArgs {
    /// Returns the settings.
    pub fn settings(&self) -> Settings {
        Settings {
            enforcement: self.enforcement,
            extra_policies: self.extra_policies,
            host_network: self.host_network,
            workloads: self.workloads,
            break_glass_groups: self.break_glass_groups.clone(),
            ..self.registered.settings(&self.canon)
        }
    }

    /// Returns the flags that state these values, in the form `--flag=value`.
    pub fn flags(&self) -> Vec<String> {
        let mut flags: Vec<String> = self.canon.namespaces.iter().map(|namespace| format!("--namespace={namespace}")).collect();
        flags.extend(self.canon.canons.iter().map(|canon| format!("--canon={canon}")));
        for (flag, value) in [
            ("enforcement", word(&self.enforcement)),
            ("ungranted-labels", word(&self.registered.ungranted_labels)),
            ("extra-policies", word(&self.extra_policies)),
            ("foreign-policies", word(&self.registered.foreign_policies)),
            ("neighbors", word(&self.registered.neighbors)),
            ("network-annotations", word(&self.registered.network_annotations)),
            ("host-network", word(&self.host_network)),
            ("workloads", word(&self.workloads)),
            ("claims", word(&self.registered.claims)),
        ] {
            flags.push(format!("--{flag}={value}"));
        }
        flags.extend(self.canon.kinds.foreign_kinds.iter().map(|kind| format!("--foreign-kind={kind}")));
        flags.extend(self.registered.plugin_writers.iter().map(|user| format!("--plugin-writer={user}")));
        flags.extend(self.registered.network_annotation_keys.iter().map(|key| format!("--network-annotation={key}")));
        flags.extend(self.registered.workload_controllers.iter().map(|controller| format!("--workload-controller={controller}")));
        flags.extend(self.registered.namespace_controllers.iter().map(|user| format!("--namespace-controller={user}")));
        flags.extend(self.break_glass_groups.iter().map(|group| format!("--break-glass-group={group}")));
        flags
    }

    /// Returns the flags that the registration depends on too, if they are not the defaults, in the form `--flag=value`.
    pub fn registered_flags(&self) -> Vec<String> {
        let defaults = Settings::default();
        let flags = |canons: Vec<String>, settings: &Settings| {
            let mut all: Vec<(&str, Vec<String>)> = vec![("namespace", settings.namespaces.clone()), ("canon", canons)];
            all.push(("ungranted-labels", vec![word(&settings.ungranted_labels)]));
            for (flag, action) in [
                ("foreign-policies", &settings.foreign_policies),
                ("neighbors", &settings.neighbors),
                ("network-annotations", &settings.network_annotations),
                ("claims", &settings.claims),
            ] {
                all.push((flag, vec![word(action)]));
            }
            all.push(("foreign-kind", settings.foreign_kinds.iter().map(ToString::to_string).collect()));
            all.push(("plugin-writer", settings.plugin_writers.clone()));
            all.push(("network-annotation", settings.network_annotation_keys.clone()));
            all.push(("workload-controller", settings.workload_controllers.iter().map(ToString::to_string).collect()));
            all.push(("namespace-controller", settings.namespace_controllers.clone()));
            all
        };
        let own = flags(self.canon.canons.clone(), &self.registered.settings(&self.canon));
        let default = flags(DEFAULT.map(str::to_owned).to_vec(), &defaults);
        let others = own.into_iter().zip(default).filter(|(own, default)| own != default);
        others.flat_map(|((flag, values), _)| values.into_iter().map(move |value| format!("--{flag}={value}"))).collect()
    }

    /// Reads and compiles the canons, and returns them with the settings. `warn` is as in [`CanonArgs::load`].
    ///
    /// # Errors
    /// Returns an error if the canon cannot be read or is not valid.
    pub fn guard(&self, warn: impl FnOnce(&str)) -> Result<Guard, Failure> {
        Ok(Guard::new(Arc::new(self.canon.load(warn)?), Arc::new(self.settings())))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Judge {
        #[command(flatten)]
        judge: JudgeArgs,
    }

    fn parse(args: &[&str]) -> Result<JudgeArgs, clap::Error> {
        Judge::try_parse_from([&["judge"], args].concat()).map(|parsed| parsed.judge)
    }

    #[test]
    fn without_flags_the_defaults_apply() {
        assert_eq!(parse(&[]).unwrap().settings(), Settings::default());
    }

    #[test]
    fn repeated_flags_replace_the_default() {
        let args = parse(&["--namespace", "a", "-n", "b,c", "--break-glass-group", "cn=admins,ou=groups"]).unwrap();
        assert_eq!(args.canon.namespaces, ["a", "b", "c"]);
        assert_eq!(args.break_glass_groups, ["cn=admins,ou=groups"]);
    }

    #[test]
    fn canons_that_are_separated_by_blanks_are_named_with_commas() {
        let load = |value: &str| parse(&["--canon", value]).unwrap().canon.load(|_| ()).unwrap_err().to_string();
        let error = load("abcdesktop abcdesktop-4.4");
        assert!(error.contains("no such file or folder") && error.ends_with("commas: --canon abcdesktop,abcdesktop-4.4"), "{error}");
        assert!(!load("/no/such/canon").contains("commas"));
    }

    #[test]
    fn an_invalid_namespace_is_a_usage_error() {
        for name in ["", "A", "-a", "a-", "a.b", "a b", &"a".repeat(64)] {
            assert!(parse(&["--namespace", name]).is_err(), "{name:?}");
        }
    }

    #[test]
    fn flags_parse_back_to_the_same_values() {
        let others = [
            "--namespace=a",
            "--namespace=b",
            "--canon=./canon",
            "--canon=abcdesktop-4.4",
            "--enforcement=warn",
            "--ungranted-labels=strip",
            "--extra-policies=allow",
            "--foreign-policies=deny",
            "--neighbors=allow",
            "--network-annotations=deny",
            "--host-network=allow",
            "--workloads=ignore",
            "--claims=deny",
            "--foreign-kind=example.org/flowpolicies",
            "--foreign-kind=kubeovn.io/vpcs",
            "--plugin-writer=eks:network-policy-controller",
            "--network-annotation=example.org/pool",
            "--workload-controller=system:serviceaccount:argo-rollouts:argo-rollouts=Rollout",
            "--workload-controller=cn=x,ou=y=Job,CronJob",
            "--namespace-controller=o\"brien",
            "--namespace-controller=x y",
            "--break-glass-group=cn=admins,ou=groups",
        ];
        for flags in [&[][..], &others[..]] {
            let args = parse(flags).unwrap();
            let written = args.flags();
            assert_eq!(parse(&written.iter().map(String::as_str).collect::<Vec<_>>()).unwrap(), args);
            if !flags.is_empty() {
                assert_eq!(written, flags);
            }
        }
        // The list above must contain every flag.
        let known = <Judge as clap::CommandFactory>::command()
            .get_arguments()
            .filter(|argument| argument.get_long().is_some_and(|long| long != "help"))
            .count();
        let written: std::collections::BTreeSet<&str> = others.iter().map(|flag| flag.split('=').next().unwrap()).collect();
        assert_eq!(written.len(), known);
    }

    #[test]
    fn flags_of_the_registration_are_those_that_are_not_defaults() {
        let flags = |args: &[&str]| parse(args).unwrap().registered_flags();
        assert_eq!(flags(&["--enforcement=warn", "--break-glass-group=admins"]), [""; 0]);
        let all = [
            "--namespace=a",
            "--namespace=b",
            "--canon=abcdesktop-4.4",
            "--neighbors=deny",
            "--foreign-kind=example.org/flows",
            "--plugin-writer=x y",
        ];
        assert_eq!(flags(&all), all);
    }

    #[test]
    fn an_empty_group_is_a_usage_error() {
        assert!(parse(&["--break-glass-group", ""]).is_err());
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        use clap::CommandFactory;
        for argument in Judge::command().get_arguments() {
            let Some(long) = argument.get_long().filter(|long| *long != "help") else { continue };
            let variable = format!("NETPOL_{}", long.to_uppercase().replace('-', "_"));
            assert_eq!(argument.get_env().and_then(|name| name.to_str()), Some(variable.as_str()), "--{long}");
        }
    }
}
