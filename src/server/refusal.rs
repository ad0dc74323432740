//! What is refused before a review is read, each with its status, its sentence and its name in the metrics.

use std::fmt;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};

/// Why a request gets no review back. Every sentence is ours: nothing of the request is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Refusal {
    /// No such path.
    Path,
    /// Another method than POST.
    Method,
    /// A message that is framed two ways.
    Framing,
    /// Another content type than JSON.
    ContentType,
    /// A compressed body.
    Encoding,
    /// A body past the cap, in bytes.
    TooLarge(usize),
    /// A body that stood still while others waited.
    Stalled,
    /// A body that ended before its end.
    Broken,
    /// The machine has no memory for the body.
    Memory,
    /// The deadline came before the answer.
    Deadline,
    /// A panic.
    Fault,
    /// A body that is no review.
    Review,
}

impl Refusal {
    /// Each of them once, whatever its number.
    pub(crate) const ALL: [Refusal; 12] = [
        Refusal::Path,
        Refusal::Method,
        Refusal::Framing,
        Refusal::ContentType,
        Refusal::Encoding,
        Refusal::TooLarge(0),
        Refusal::Stalled,
        Refusal::Broken,
        Refusal::Memory,
        Refusal::Deadline,
        Refusal::Fault,
        Refusal::Review,
    ];

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Refusal::Path => StatusCode::NOT_FOUND,
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Framing | Refusal::ContentType | Refusal::Broken | Refusal::Review => StatusCode::BAD_REQUEST,
            Refusal::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Stalled => StatusCode::REQUEST_TIMEOUT,
            Refusal::Memory | Refusal::Deadline => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Its name in the metrics.
    pub(crate) fn cause(self) -> &'static str {
        match self {
            Refusal::Path => "path",
            Refusal::Method => "method",
            Refusal::Framing => "framing",
            Refusal::ContentType => "content_type",
            Refusal::Encoding => "content_encoding",
            Refusal::TooLarge(_) => "too_large",
            Refusal::Stalled => "stalled",
            Refusal::Broken => "broken_body",
            Refusal::Memory => "memory",
            Refusal::Deadline => "deadline",
            Refusal::Fault => "fault",
            Refusal::Review => "not_a_review",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Path => formatter.write_str("there is nothing at this path: reviews go to /mutate and /validate"),
            Refusal::Method => formatter.write_str("reviews are sent with POST"),
            Refusal::Framing => {
                formatter.write_str("the message states its length in two ways: it is not read, and the connection is closed")
            }
            Refusal::ContentType => formatter.write_str("the body must be an AdmissionReview with the content type application/json"),
            Refusal::Encoding => formatter.write_str("the body must not be compressed"),
            Refusal::TooLarge(limit) => {
                write!(formatter, "the body is larger than {limit} bytes, the most that this server reads (--max-body)")
            }
            Refusal::Stalled => formatter
                .write_str("the body stood still while others waited for its memory (--body-budget) or its connection (--max-connections)"),
            Refusal::Broken => formatter.write_str("the body ended before its end"),
            Refusal::Memory => formatter.write_str("there is no memory for the body"),
            Refusal::Deadline => formatter.write_str("the review could not be answered before its deadline"),
            Refusal::Fault => formatter.write_str("the review met a fault of this server, which has been logged"),
            Refusal::Review => formatter.write_str("the body is not a review that can be answered"),
        }
    }
}

impl Refusal {
    /// The answer, as a line of text. `close` where the rest of the message is not going to be read.
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

/// Answers with a line of text.
pub(crate) fn text(status: StatusCode, sentence: impl Into<String>) -> Response<Body> {
    let mut sentence = sentence.into();
    sentence.push('\n');
    let mut response = Response::new(Body::from(sentence));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
