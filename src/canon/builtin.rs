//! The canons that are built in, as YAML like any other canon.

/// What the two have in common: every service but the user desktops, as release 4.4 ships it.
const COMMON: (&str, &str) = ("common.yaml", include_str!("builtin/common.yaml"));
/// The user desktops as the architecture page documents them.
const DOCUMENTED: (&str, &str) = ("documented.yaml", include_str!("builtin/documented.yaml"));
/// The user desktops as release 4.4 ships them.
const RELEASE_4_4: (&str, &str) = ("release-4.4.yaml", include_str!("builtin/release-4.4.yaml"));
/// Which pods wear which labels.
const GRANTS: (&str, &str) = ("grants.yaml", include_str!("builtin/grants.yaml"));

/// Answers name and text of the documents of a built-in canon.
pub(super) fn parts(name: &str) -> Option<[(&'static str, &'static str); 3]> {
    match name {
        "abcdesktop" => Some([COMMON, DOCUMENTED, GRANTS]),
        "abcdesktop-4.4" => Some([COMMON, RELEASE_4_4, GRANTS]),
        _ => None,
    }
}
