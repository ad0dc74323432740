//! The built-in canons, which are YAML documents like those of any other canon.

/// The names of the built-in canons, the accepted ones of [`DEFAULT`] first. `abcdesktop-3.3` is also that of release 3.4.
pub const BUILT_IN: [&str; 4] = ["abcdesktop", "abcdesktop-4.4", "abcdesktop-4.0", "abcdesktop-3.3"];

/// The canons that are accepted if none is named: the documented policies, and those of the current release.
pub const DEFAULT: [&str; 2] = ["abcdesktop", "abcdesktop-4.4"];

/// The name and text of a file.
type File = (&'static str, &'static str);

/// The policies that every canon has.
const COMMON: File = ("common.yaml", include_str!("builtin/common.yaml"));
/// The policies of the speed test as in release 4.4.
const SPEEDTEST: File = ("speedtest.yaml", include_str!("builtin/speedtest.yaml"));
/// The policies of the speed test as in release 4.0 and earlier.
const SPEEDTEST_4_0: File = ("speedtest-4.0.yaml", include_str!("builtin/speedtest-4.0.yaml"));
/// The policy of applications in their own pods.
const APPLICATIONS: File = ("applications.yaml", include_str!("builtin/applications.yaml"));
/// The policies of the user desktops as documented on the architecture page.
const DOCUMENTED: File = ("documented.yaml", include_str!("builtin/documented.yaml"));
/// The policies of the user desktops as in releases 4.0 and 4.4.
const RELEASE_4_4: File = ("release-4.4.yaml", include_str!("builtin/release-4.4.yaml"));
/// The policies of the user desktops as in releases 3.3 and 3.4.
const RELEASE_3_3: File = ("release-3.3.yaml", include_str!("builtin/release-3.3.yaml"));
/// The grants that every canon has.
const GRANTS: File = ("grants.yaml", include_str!("builtin/grants.yaml"));
/// The grant of applications in their own pods.
const APPLICATIONS_GRANTS: File = ("applications-grants.yaml", include_str!("builtin/applications-grants.yaml"));

/// Returns the names and texts of the files of a built-in canon, or `None` if there is no such canon.
pub(super) fn files(name: &str) -> Option<&'static [File]> {
    match name {
        "abcdesktop" => Some(&[COMMON, SPEEDTEST, APPLICATIONS, DOCUMENTED, GRANTS, APPLICATIONS_GRANTS]),
        "abcdesktop-4.4" => Some(&[COMMON, SPEEDTEST, APPLICATIONS, RELEASE_4_4, GRANTS, APPLICATIONS_GRANTS]),
        "abcdesktop-4.0" => Some(&[COMMON, SPEEDTEST_4_0, APPLICATIONS, RELEASE_4_4, GRANTS, APPLICATIONS_GRANTS]),
        "abcdesktop-3.3" => Some(&[COMMON, SPEEDTEST_4_0, RELEASE_3_3, GRANTS]),
        _ => None,
    }
}
