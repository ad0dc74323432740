//! Errors of libraries as one sentence.

/// The words of libraries before the cause of an error. They name parts of the libraries.
const WORDS: [&str; 10] = [
    "ServiceError",
    "HyperError",
    "client error (Connect)",
    "client error (SendRequest)",
    "client error (Canceled)",
    "connection error",
    "tunnel error",
    "failed to create underlying connection",
    "tcp connect error",
    "failed to read an incluster environment variable",
];

/// Returns an error with its sources in one line, without repetitions and without the words of libraries before it.
pub(super) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let message = inner.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        source = inner.source();
    }
    let mut rest = text.as_str();
    while let Some((_, after)) = rest.split_once(": ").filter(|(first, _)| WORDS.contains(first)) {
        rest = after;
    }
    rest.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_cause_is_left_of_the_words_of_libraries() {
        let of = |texts: &[&str]| {
            let innermost = anyhow::anyhow!(texts.last().unwrap().to_string());
            let error = texts.iter().rev().skip(1).fold(innermost, |error, text| error.context(text.to_string()));
            with_sources(error.as_ref())
        };
        let refused = "Connection refused (os error 111)";
        let through =
            ["ServiceError: client error (Connect)", "client error (Connect)", "tunnel error: failed to create underlying connection"];
        assert_eq!(of(&[&through[..], &["tcp connect error", refused]].concat()), refused);
        assert_eq!(of(&["failed to read an incluster environment variable", "not found"]), "not found");
        // What is not known to say nothing stays.
        assert_eq!(of(&["ServiceError: unable to run auth exec", "no such file"]), "unable to run auth exec: no such file");
        assert_eq!(of(&["tcp connect error"]), "tcp connect error");
    }
}
