//! Pods that start while a network plugin runs are isolated as soon as they have an address.

use super::host::tcp;
use super::place::on_a_network;
use super::site::Site;
use crate::cluster::harness::guard::scene;
use crate::cluster::harness::scene::pod;

#[test]
fn a_newcomer_is_isolated_at_once() {
    on_a_network(|| {
        let scene = scene();
        scene.given_policies("abcdesktop", &[]);
        let namespace = scene.guarded.as_str();
        let mut site = Site::new(&[tcp(22), tcp(443), tcp(6081), tcp(27017)]);
        site.create(namespace, &pod("router", &[("run", "router-od")]));
        site.create(namespace, &pod("mongodb", &[("run", "mongodb-od")]));
        site.settle();
        for index in 1..=3 {
            let name = format!("desktop-{index}");
            site.create(namespace, &pod(&name, &[("type", "x11server")]));
            site.settle();
            // The first connections that anybody opens to it or from it.
            assert!(site.is_closed((namespace, &name), (namespace, "mongodb"), tcp(27017)), "{name} reaches the database");
            assert!(site.is_closed((namespace, &name), (namespace, "router"), tcp(22)), "{name} is not isolated");
            assert!(site.is_closed((namespace, "mongodb"), (namespace, &name), tcp(6081)), "{name} can be reached by anybody");
            assert!(site.is_open((namespace, "router"), (namespace, &name), tcp(6081)), "the router does not reach {name}");
        }
        site.agrees("newcomers");
    });
}
