//! The context of a verdict.

use super::guard::Guard;
use super::request::{Operation, Request};
use super::settings::Settings;
use super::words::{Named, Plain};
use crate::canon::{Accepted, Canons};

/// The guard and the request.
#[derive(Clone, Copy)]
pub(super) struct Ctx<'r> {
    pub(super) guard: &'r Guard,
    pub(super) request: &'r Request<'r>,
}

impl<'r> Ctx<'r> {
    pub(super) fn canons(self) -> &'r Canons {
        &self.guard.canons
    }

    pub(super) fn settings(self) -> &'r Settings {
        &self.guard.settings
    }

    /// Returns whether the network plugin sent the request.
    pub(super) fn is_by_plugin(self) -> bool {
        self.settings().plugin_writers.iter().any(|writer| self.request.user == **writer)
    }

    /// Returns whether the user is a member of a break-glass group.
    pub(super) fn is_by_break_glass_member(self) -> bool {
        self.settings().break_glass_groups.iter().any(|group| self.request.is_member(group))
    }

    /// Returns the accepted policies of the request's namespace.
    pub(super) fn policies(self) -> Option<Accepted<'r>> {
        self.canons().policies(&self.request.namespace)
    }

    /// Returns the name by which kubectl finds the resource of a policy.
    pub(super) fn kubectl_resource(self) -> String {
        let Request { group, resource, .. } = self.request;
        if &**group == "networking.k8s.io" { "networkpolicy".to_owned() } else { format!("{}.{}", Plain(resource), Plain(group)) }
    }

    /// Returns the kind and name of the object of the request. The metadata give its name where the request has none.
    pub(super) fn named<'n>(self, kind: &'n str, name: &'n str, generate_name: &'n str) -> Named<'n>
    where
        'r: 'n,
    {
        let name = if self.request.name.is_empty() { name } else { &self.request.name };
        Named { kind, name, generate_name, is_new: self.request.operation == Operation::Create }
    }
}
