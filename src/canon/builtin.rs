//! The built-in canons, which are YAML documents like those of any other canon.

/// The names of the built-in canons, the default first.
pub const BUILT_IN: [&str; 2] = ["abcdesktop", "abcdesktop-4.4"];

/// The policies that both canons have: every service except the user desktops, as in release 4.4.
const COMMON: (&str, &str) = ("common.yaml", include_str!("builtin/common.yaml"));
/// The policies of the user desktops as documented on the architecture page.
const DOCUMENTED: (&str, &str) = ("documented.yaml", include_str!("builtin/documented.yaml"));
/// The policies of the user desktops as in release 4.4.
const RELEASE_4_4: (&str, &str) = ("release-4.4.yaml", include_str!("builtin/release-4.4.yaml"));
/// The grants.
const GRANTS: (&str, &str) = ("grants.yaml", include_str!("builtin/grants.yaml"));

/// Returns the names and texts of the files of a built-in canon, or `None` if there is no such canon.
pub(super) fn files(name: &str) -> Option<[(&'static str, &'static str); 3]> {
    match name {
        "abcdesktop" => Some([COMMON, DOCUMENTED, GRANTS]),
        "abcdesktop-4.4" => Some([COMMON, RELEASE_4_4, GRANTS]),
        _ => None,
    }
}
