//! The built-in canons against the tables of what release 4.4 ships and what is documented.

use crate::canon::{BUILT_IN, Canon, Documents};

/// The 27 policies of release 4.4.
const NAMES: [&str; 27] = [
    "abcdesktop-rights",
    "apiserver-permits",
    "authentication-permits",
    "console-permits",
    "console-rights",
    "coredns-permits",
    "graylog-permits",
    "https-permits",
    "ldap-permits",
    "ldap-rights",
    "memcached-permits",
    "memcached-rights",
    "mongodb-permits",
    "mongodb-rights",
    "nginx-permits",
    "nginx-rights",
    "ocapplications-permits",
    "ocuser-permits",
    "ocuser-rights",
    "pyos-permits",
    "pyos-rights",
    "router-permits",
    "router-rights",
    "smtp-permits",
    "speedtest-permits",
    "speedtest-rights",
    "storage-permits",
];

fn built_in(name: &str) -> Canon {
    Canon::load(name, &["abcdesktop".to_owned()]).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn each_has_the_27_policies_by_name() {
    for name in BUILT_IN {
        let names: Vec<String> = built_in(name).policies("abcdesktop").unwrap().by_name.keys().cloned().collect();
        assert_eq!(names, NAMES, "{name}");
    }
}

#[test]
fn they_differ_and_say_where_they_come_from() {
    let [documented, release] = BUILT_IN.map(built_in);
    assert_ne!(documented.hash, release.hash);
    assert_eq!((documented.source.as_str(), release.source.as_str()), ("abcdesktop", "abcdesktop-4.4"));
    assert!(BUILT_IN.iter().all(|name| Documents::read(name).unwrap().is_built_in()));
}
