//! The version of the protocol that is supported.

/// The API version of a review.
pub(super) const API_VERSION: &str = "admission.k8s.io/v1";

/// The kind of a review.
pub(super) const KIND: &str = "AdmissionReview";

/// The maximum length of a uid in bytes. An API server sends 36. An answer repeats the uid and stays in memory until the
/// client has read it.
const MAX_UID: usize = 1024;

/// Checks that an envelope can be answered. `uid` is `None` if there is no request.
///
/// # Errors
/// A sentence for the client.
pub(super) fn check(kind: &str, api_version: &str, uid: Option<&str>) -> Result<(), String> {
    let Some(uid) = uid.filter(|_| kind == KIND && api_version == API_VERSION) else {
        return Err(if kind != KIND {
            format!("the kind of the request body must be {KIND}")
        } else if api_version != API_VERSION {
            format!("the apiVersion of the AdmissionReview must be {API_VERSION}, the only supported version")
        } else {
            "the AdmissionReview has no request".to_owned()
        });
    };
    if uid.is_empty() {
        return Err("the request has no uid".to_owned());
    }
    if uid.len() > MAX_UID {
        return Err(format!("the uid of the request is longer than {MAX_UID} bytes"));
    }
    Ok(())
}
