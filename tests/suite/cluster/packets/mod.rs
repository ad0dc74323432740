//! The whole mission in packets: with a guard in front of a real API server and a real network plugin, connections are open exactly
//! where the canon says, and `netpol reach` says which.
//!
//! Pods are network namespaces, so packets of a test never leave them. The tests need root or a user namespace, and iproute2.
//!
//! | file | content |
//! |---|---|
//! | `mission` | the mission as one example |
//! | `canonical`, `page` | the whole canon; its matrix in `docs/analysis.md` |
//! | `split` | the same with one policy for each direction |
//! | `capabilities` | each capability label, with and without a guard |
//! | `refusals` | what the guard refuses opens nothing |
//! | `newcomer` | pods that start while the plugin runs |
//! | `missing` | controls: a missing policy changes exactly its connections |
//! | `random` | random sets of policies |
//! | `truth_tables` | the cases of the network policy tests of Kubernetes |
//! | `place` | root, or a user namespace |
//! | `namespace`, `node`, `host` | network namespaces, the network of a node, the pods and what is outside |
//! | `plugin` | the network plugins. `NETPOL_PACKETS_PLUGIN=kube-router` chooses the other one for the tests of the canon |
//! | `site` | a node with a plugin and its pods, in the network and in the API server |
//! | `world` | three namespaces with three pods each, for tests of any policies |
//! | `prediction`, `matrix` | what `netpol` says; what packets do, and the comparison |

mod canonical;
mod capabilities;
mod host;
mod matrix;
mod missing;
mod mission;
mod namespace;
mod newcomer;
mod node;
mod page;
mod place;
mod plugin;
mod prediction;
mod random;
mod refusals;
mod site;
mod split;
mod truth_tables;
mod world;
