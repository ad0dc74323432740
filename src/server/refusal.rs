//! Requests that are refused before a review is read, each with its status, its message and its name in the metrics.

use std::fmt;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};

/// Why a request gets no review in response. No message repeats any part of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Refusal {
    /// The path is unknown.
    Path,
    /// The method is not POST.
    Method,
    /// The content type is not JSON.
    ContentType,
    /// The body is compressed.
    Encoding,
    /// The body is larger than this many bytes.
    TooLarge(usize),
    /// The body was too slow while others waited.
    Stalled,
    /// The connection or stream ended before the body did.
    Truncated,
    /// The system has no memory for the body.
    Memory,
    /// The response was not ready at the deadline.
    Deadline,
    /// The review panicked.
    Panic,
    /// The body is not a review.
    Review,
}

impl Refusal {
    /// Each refusal once; the size does not matter.
    pub(crate) const ALL: [Refusal; 11] = [
        Refusal::Path,
        Refusal::Method,
        Refusal::ContentType,
        Refusal::Encoding,
        Refusal::TooLarge(0),
        Refusal::Stalled,
        Refusal::Truncated,
        Refusal::Memory,
        Refusal::Deadline,
        Refusal::Panic,
        Refusal::Review,
    ];

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Refusal::Path => StatusCode::NOT_FOUND,
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::ContentType | Refusal::Truncated | Refusal::Review => StatusCode::BAD_REQUEST,
            Refusal::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Stalled => StatusCode::REQUEST_TIMEOUT,
            Refusal::Memory | Refusal::Deadline => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Panic => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns its name in the metrics.
    pub(crate) fn cause(self) -> &'static str {
        match self {
            Refusal::Path => "path",
            Refusal::Method => "method",
            Refusal::ContentType => "content_type",
            Refusal::Encoding => "content_encoding",
            Refusal::TooLarge(_) => "too_large",
            Refusal::Stalled => "stalled",
            Refusal::Truncated => "broken_body",
            Refusal::Memory => "memory",
            Refusal::Deadline => "deadline",
            Refusal::Panic => "fault",
            Refusal::Review => "not_a_review",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Refusal::TooLarge(limit) => {
                return write!(formatter, "the request body is larger than the limit of {limit} bytes (--max-body)");
            }
            Refusal::Path => "unknown path: send reviews to /mutate or /validate",
            Refusal::Method => "use POST to send a review",
            Refusal::ContentType => "the request body must be an AdmissionReview with the content type application/json",
            Refusal::Encoding => "the request body must not be compressed",
            Refusal::Stalled => {
                "the request body arrived too slowly while others waited for memory (--body-budget) or a connection (--max-connections)"
            }
            Refusal::Truncated => "the request body was truncated",
            Refusal::Memory => "the server does not have enough memory for the request body",
            Refusal::Deadline => "the review was not completed before its deadline",
            Refusal::Panic => "internal error during the review; the server has logged it",
            Refusal::Review => "the request body is not an AdmissionReview that can be answered",
        })
    }
}

impl Refusal {
    /// Returns the response: a line of text. `close` must be set if the rest of the request is not read.
    pub(crate) fn response(self, close: bool) -> Response<Body> {
        let mut response = text(self.status(), self.to_string());
        if matches!(self, Refusal::Method) {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        if close {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Returns a response with a line of text.
pub(crate) fn text(status: StatusCode, sentence: impl Into<String>) -> Response<Body> {
    let mut sentence = sentence.into();
    sentence.push('\n');
    let mut response = Response::new(Body::from(sentence));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
