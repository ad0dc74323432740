//! The flags that a verdict depends on, the same for every command that judges.
//!
//! Where an environment variable states several values they are separated by commas; users and
//! groups, which may have commas in them (`cn=admins,ou=groups`), by newlines.

use std::sync::Arc;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum as _};

use super::exit::Failure;
use crate::canon::Canon;
use crate::documents::names::is_dns_label;
use crate::verdict::settings::{Enforcement, ExtraPolicies, Response, UngrantedLabels, Workloads};
use crate::verdict::{Guard, Settings};

/// Which canon, for which namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct CanonArgs {
    /// A guarded namespace (repeatable); anything else is admitted untouched.
    #[arg(long = "namespace", short = 'n', value_name = "NS", env = "NETPOL_NAMESPACE", value_delimiter = ',')]
    #[arg(default_values_t = Settings::default().namespaces, value_parser = namespace)]
    pub namespaces: Vec<String>,

    /// The canonical spec: a built-in (abcdesktop, abcdesktop-4.4), or a file or folder.
    #[arg(long, value_name = "NAME or PATH", env = "NETPOL_CANON", default_value = "abcdesktop")]
    pub canon: String,
}

/// The flags that a verdict depends on.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Verdicts")]
pub struct JudgeArgs {
    /// Which canon, for which namespaces.
    #[command(flatten)]
    pub canon: CanonArgs,

    /// Whether refusals refuse.
    #[arg(long, value_name = "HOW", env = "NETPOL_ENFORCEMENT", value_enum, default_value_t = Settings::default().enforcement)]
    pub enforcement: Enforcement,

    /// What becomes of a netpol/ label that no grant gives.
    #[arg(long, value_name = "HOW", env = "NETPOL_UNGRANTED_LABELS", value_enum, default_value_t = Settings::default().ungranted_labels)]
    pub ungranted_labels: UngrantedLabels,

    /// What becomes of a NetworkPolicy whose name is not canonical.
    #[arg(long, value_name = "HOW", env = "NETPOL_EXTRA_POLICIES", value_enum, default_value_t = Settings::default().extra_policies)]
    pub extra_policies: ExtraPolicies,

    /// What becomes of policy kinds that cannot be judged (Cilium, Calico, AdminNetworkPolicy …).
    #[arg(long, value_name = "HOW", env = "NETPOL_FOREIGN_POLICIES", value_enum, default_value_t = Settings::default().foreign_policies)]
    pub foreign_policies: Response,

    /// What becomes of labels of namespaces that canonical peers name.
    #[arg(long, value_name = "HOW", env = "NETPOL_NEIGHBORS", value_enum, default_value_t = Settings::default().neighbors)]
    pub neighbors: Response,

    /// What becomes of annotations that open a second network.
    #[arg(long, value_name = "HOW", env = "NETPOL_NETWORK_ANNOTATIONS", value_enum)]
    #[arg(default_value_t = Settings::default().network_annotations)]
    pub network_annotations: Response,

    /// What becomes of pods on the host's network that a canonical policy selects.
    #[arg(long, value_name = "HOW", env = "NETPOL_HOST_NETWORK", value_enum, default_value_t = Settings::default().host_network)]
    pub host_network: Response,

    /// What becomes of workloads whose pod template could not pass.
    #[arg(long, value_name = "HOW", env = "NETPOL_WORKLOADS", value_enum, default_value_t = Settings::default().workloads)]
    pub workloads: Workloads,

    /// A user name under which the namespace controller deletes (repeatable).
    #[arg(long = "namespace-controller", value_name = "USER", env = "NETPOL_NAMESPACE_CONTROLLER", value_delimiter = '\n')]
    #[arg(default_values_t = Settings::default().namespace_controllers, value_parser = name)]
    pub namespace_controllers: Vec<String>,

    /// A group whose members may break the glass (repeatable); none: no way through.
    #[arg(long = "break-glass-group", value_name = "GROUP", env = "NETPOL_BREAK_GLASS_GROUP", value_delimiter = '\n', value_parser = name)]
    pub break_glass_groups: Vec<String>,
}

impl JudgeArgs {
    /// The settings that they state.
    pub fn settings(&self) -> Settings {
        Settings {
            namespaces: self.canon.namespaces.clone(),
            enforcement: self.enforcement,
            ungranted_labels: self.ungranted_labels,
            extra_policies: self.extra_policies,
            foreign_policies: self.foreign_policies,
            neighbors: self.neighbors,
            network_annotations: self.network_annotations,
            host_network: self.host_network,
            workloads: self.workloads,
            namespace_controllers: self.namespace_controllers.clone(),
            break_glass_groups: self.break_glass_groups.clone(),
        }
    }

    /// The flags that state this, each as one word.
    pub fn flags(&self) -> Vec<String> {
        let word = |value: &dyn Fn() -> Option<PossibleValue>| value().map_or_else(String::new, |value| value.get_name().to_owned());
        let mut flags: Vec<String> = self.canon.namespaces.iter().map(|namespace| format!("--namespace={namespace}")).collect();
        flags.push(format!("--canon={}", self.canon.canon));
        for (flag, value) in [
            ("enforcement", word(&|| self.enforcement.to_possible_value())),
            ("ungranted-labels", word(&|| self.ungranted_labels.to_possible_value())),
            ("extra-policies", word(&|| self.extra_policies.to_possible_value())),
            ("foreign-policies", word(&|| self.foreign_policies.to_possible_value())),
            ("neighbors", word(&|| self.neighbors.to_possible_value())),
            ("network-annotations", word(&|| self.network_annotations.to_possible_value())),
            ("host-network", word(&|| self.host_network.to_possible_value())),
            ("workloads", word(&|| self.workloads.to_possible_value())),
        ] {
            flags.push(format!("--{flag}={value}"));
        }
        flags.extend(self.namespace_controllers.iter().map(|user| format!("--namespace-controller={user}")));
        flags.extend(self.break_glass_groups.iter().map(|group| format!("--break-glass-group={group}")));
        flags
    }

    /// The settings with the canon that they name, read and compiled.
    ///
    /// # Errors
    /// What is wrong with the canon.
    pub fn guard(&self) -> Result<Guard, Failure> {
        let canon = Canon::load(&self.canon.canon, &self.canon.namespaces).map_err(Failure::input)?;
        Ok(Guard { canon: Arc::new(canon), settings: Arc::new(self.settings()) })
    }
}

/// Reads a namespace's name: a DNS label, as the API has it.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    is_dns_label(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "a namespace is 1 to 63 lower-case letters, digits and dashes, with no dash at either end".to_owned())
}

/// Reads a user's or group's name: an empty one would stand for whoever has none.
pub(super) fn name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("a name must not be empty".to_owned()) } else { Ok(text.to_owned()) }
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
    fn no_flags_are_the_default_settings() {
        assert_eq!(parse(&[]).unwrap().settings(), Settings::default());
    }

    #[test]
    fn repeated_flags_replace_the_default() {
        let args = parse(&["--namespace", "a", "-n", "b,c", "--break-glass-group", "cn=admins,ou=groups"]).unwrap();
        assert_eq!(args.canon.namespaces, ["a", "b", "c"]);
        assert_eq!(args.break_glass_groups, ["cn=admins,ou=groups"]);
    }

    #[test]
    fn a_namespace_that_cannot_exist_is_wrong_usage() {
        for name in ["", "A", "-a", "a-", "a.b", "a b", &"a".repeat(64)] {
            assert!(parse(&["--namespace", name]).is_err(), "{name:?}");
        }
    }

    #[test]
    fn what_is_written_as_flags_is_read_as_the_same() {
        let others = [
            "--namespace=a",
            "--namespace=b",
            "--canon=./canon",
            "--enforcement=warn",
            "--ungranted-labels=strip",
            "--extra-policies=allow",
            "--foreign-policies=deny",
            "--neighbors=allow",
            "--network-annotations=deny",
            "--host-network=allow",
            "--workloads=ignore",
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
        // One that is forgotten in the list would be one that is not compared above.
        let known = <Judge as clap::CommandFactory>::command()
            .get_arguments()
            .filter(|argument| argument.get_long().is_some_and(|long| long != "help"))
            .count();
        let written: std::collections::BTreeSet<&str> = others.iter().map(|flag| flag.split('=').next().unwrap()).collect();
        assert_eq!(written.len(), known);
    }

    #[test]
    fn an_empty_group_is_wrong_usage() {
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
