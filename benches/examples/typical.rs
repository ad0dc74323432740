//! A typical webhook in Rust: the whole review as typed objects, the patch by `with_patch`.
//!
//! It adds the same label to a desktop as the product and checks nothing else. It uses TLS and HTTP of the floor, so the difference
//! is the processing of the body.
//!
//! `cargo run --release -p netpol-benches --example typical -- ADDRESS FOLDER`

use std::path::PathBuf;
use std::process::ExitCode;

use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use axum::{Json, Router};
use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview};
use netpol_benches::floor;

async fn mutate(Json(review): Json<AdmissionReview<Pod>>) -> Json<AdmissionReview<DynamicObject>> {
    let request: AdmissionRequest<Pod> = match review.try_into() {
        Ok(request) => request,
        Err(error) => return Json(AdmissionResponse::invalid(error).into_review()),
    };
    let response = AdmissionResponse::from(&request);
    Json(decide(response, request.object.as_ref()).into_review())
}

fn decide(response: AdmissionResponse, pod: Option<&Pod>) -> AdmissionResponse {
    let Some(labels) = pod.map(ResourceExt::labels) else { return response };
    let is_desktop = labels.get("type").is_some_and(|kind| kind == "x11server");
    if !is_desktop || labels.contains_key("netpol/ocuser") {
        return response;
    }
    let path = PointerBuf::from_tokens(["metadata", "labels", "netpol/ocuser"]);
    let operation = PatchOperation::Add(AddOperation { path, value: "true".into() });
    match response.clone().with_patch(Patch(vec![operation])) {
        Ok(patched) => patched,
        Err(error) => response.deny(error),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, folder] = arguments.as_slice() else {
        eprintln!("usage: typical ADDRESS FOLDER");
        return ExitCode::from(2);
    };
    let Ok(address) = address.parse() else {
        eprintln!("{address} is not an address with a port");
        return ExitCode::from(2);
    };
    let router = Router::new().route("/mutate", post(mutate)).layer(DefaultBodyLimit::max(16 << 20));
    match floor::serve(router, address, &PathBuf::from(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
