//! Follows where the messages of an HTTP/1.1 connection begin and end, beside the parser that reads them.
//!
//! Two things are not to be had from hyper. It drops `Content-Length` where there is `Transfer-Encoding`,
//! in whichever order they come, so that a message framed two ways (the stuff of request smuggling) looks
//! like a proper one. And its deadline for headers also runs while a connection is idle: closing idle
//! connections after ten seconds would make an API server's next review fail now and then.
//!
//! A follower needs no more than the bytes that pass: it never changes or holds any. Behind a chunked body,
//! whose end it does not look for, it is lost; the connection is then closed after that message.

/// The longest start of a line that is looked at: a name, a colon, and a number of any sensible length.
const LINE: usize = 64;

/// Where a connection is.
#[derive(Debug)]
pub(crate) struct Follower {
    state: State,
    line: [u8; LINE],
    /// How much of the current line there is, which may be more than `LINE`.
    length: usize,
}

#[derive(Debug)]
enum State {
    Head(Head),
    /// So many bytes of the body are to come.
    Body(u64),
    /// What comes is not followed.
    Lost,
}

#[derive(Debug, Default)]
struct Head {
    /// Whether its request line has been read.
    begun: bool,
    content_length: Option<Length>,
    transfer_encoding: bool,
}

#[derive(Debug, Clone, Copy)]
enum Length {
    Bytes(u64),
    Unclear,
}

/// What the bytes have shown so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nothing of a next message yet.
    Between,
    /// A part of a head.
    PartOfHead,
    /// A body is under way.
    PartOfBody,
    /// A message without a followed end: this must be the last one.
    Last,
    /// A message that states its length in two ways.
    TwoLengths,
}

impl Follower {
    pub(crate) fn new() -> Follower {
        Follower { state: State::Head(Head::default()), line: [0; LINE], length: 0 }
    }

    /// Takes the bytes that came next and answers where the connection is now. After [`Seen::Last`] and
    /// [`Seen::TwoLengths`], that stays the answer.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], before: Seen) -> Seen {
        loop {
            match &mut self.state {
                State::Lost => return if before == Seen::TwoLengths { before } else { Seen::Last },
                State::Body(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= here as u64;
                    bytes = bytes.get(here..).unwrap_or_default();
                    if *left > 0 {
                        return Seen::PartOfBody;
                    }
                    self.state = State::Head(Head::default());
                }
                State::Head(head) => {
                    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                        append(&mut self.line, &mut self.length, bytes);
                        let nothing = !head.begun && self.length == 0;
                        return if nothing { Seen::Between } else { Seen::PartOfHead };
                    };
                    let (line, rest) = bytes.split_at(end);
                    if self.length == 0 && head.passes(line) {
                        bytes = rest.get(1..).unwrap_or_default();
                        continue;
                    }
                    append(&mut self.line, &mut self.length, line);
                    bytes = rest.get(1..).unwrap_or_default();
                    let whole = self.length <= LINE;
                    let mut line = self.line.get(..self.length.min(LINE)).unwrap_or_default();
                    if whole {
                        line = line.strip_suffix(b"\r").unwrap_or(line);
                    }
                    self.length = 0;
                    if !line.is_empty() {
                        head.read(line, whole);
                    } else if head.begun {
                        let (state, verdict) = head.end();
                        self.state = state;
                        if let Some(verdict) = verdict {
                            return verdict;
                        }
                    }
                }
            }
        }
    }
}

/// Keeps the start of a line. Of the space behind a colon one is enough: an attacker could hide a number behind more.
fn append(line: &mut [u8; LINE], length: &mut usize, bytes: &[u8]) {
    for byte in bytes {
        let blank = |byte: u8| byte == b' ' || byte == b'\t';
        let after_blank = length.checked_sub(1).and_then(|last| line.get(last)).is_some_and(|last| blank(*last));
        if blank(*byte) && after_blank {
            continue;
        }
        if let Some(slot) = line.get_mut(*length) {
            *slot = *byte;
        }
        *length = length.saturating_add(1);
        if *length > LINE {
            return;
        }
    }
}

impl Head {
    /// Answers whether a whole line says nothing of the message's length, and takes it if so: most lines
    /// show that in their first byte, and need not be kept.
    fn passes(&mut self, line: &[u8]) -> bool {
        match line.first() {
            // The end of the head, or nearly so.
            None | Some(b'\r') => return false,
            Some(b'c' | b'C' | b't' | b'T') if self.begun => return false,
            Some(_) => {}
        }
        self.begun = true;
        true
    }

    fn read(&mut self, line: &[u8], whole: bool) {
        if !self.begun {
            self.begun = true;
            return;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.transfer_encoding = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let number = value.get(1..).and_then(|value| std::str::from_utf8(value).ok()).map(str::trim);
            let number =
                number.filter(|number| whole && number.bytes().all(|byte| byte.is_ascii_digit())).and_then(|number| number.parse().ok());
            self.content_length = Some(number.map_or(Length::Unclear, Length::Bytes));
        }
    }

    fn end(&self) -> (State, Option<Seen>) {
        match (self.transfer_encoding, self.content_length) {
            (true, Some(_)) => (State::Lost, Some(Seen::TwoLengths)),
            (true, None) | (false, Some(Length::Unclear)) => (State::Lost, Some(Seen::Last)),
            (false, Some(Length::Bytes(length))) => (State::Body(length), None),
            (false, None) => (State::Head(Head::default()), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "POST /mutate HTTP/1.1\r\nHost: x\r\n";

    /// What is seen after `text`, fed in pieces of every size.
    fn seen(text: &str) -> Seen {
        let whole = pieces(text, text.len().max(1));
        for size in 1..text.len() {
            assert_eq!(pieces(text, size), whole, "in pieces of {size}: {text:?}");
        }
        whole
    }

    fn pieces(text: &str, size: usize) -> Seen {
        let mut follower = Follower::new();
        text.as_bytes().chunks(size).fold(Seen::Between, |seen, piece| follower.feed(piece, seen))
    }

    #[test]
    fn messages_are_followed_from_one_to_the_next() {
        assert_eq!(seen(""), Seen::Between);
        assert_eq!(seen("P"), Seen::PartOfHead);
        assert_eq!(seen(HEAD), Seen::PartOfHead);
        assert_eq!(seen(&format!("{HEAD}Content-Length: 4\r\n\r\n")), Seen::PartOfBody);
        assert_eq!(seen(&format!("{HEAD}Content-Length: 4\r\n\r\nabc")), Seen::PartOfBody);
        assert_eq!(seen(&format!("{HEAD}Content-Length: 4\r\n\r\nabcd")), Seen::Between);
        assert_eq!(seen(&format!("{HEAD}content-length:4\r\n\r\nabcd{HEAD}")), Seen::PartOfHead);
        assert_eq!(seen(&format!("{HEAD}\r\n{HEAD}\r\n")), Seen::Between);
        assert_eq!(seen(&format!("\r\n\r\n{HEAD}\r\n\r\n")), Seen::Between);
    }

    #[test]
    fn two_lengths_are_seen_in_any_order_and_spelling() {
        for headers in [
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
            "transfer-encoding:chunked\nCONTENT-LENGTH:\t4\n",
            "Content-Length:                                                                                   4\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 000000000000000000000000000000000000000000000000000000000000000000000000000000004\r\nTransfer-Encoding: gzip, chunked\r\n",
            "Content-Length: nonsense\r\nTransfer-Encoding: chunked\r\n",
        ] {
            assert_eq!(seen(&format!("{HEAD}{headers}\r\n")), Seen::TwoLengths, "{headers:?}");
            assert_eq!(seen(&format!("{HEAD}\r\n{HEAD}{headers}\r\nanything")), Seen::TwoLengths, "{headers:?}");
        }
    }

    #[test]
    fn behind_a_chunked_body_nothing_is_followed() {
        assert_eq!(seen(&format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HEAD}")), Seen::Last);
        assert_eq!(seen(&format!("{HEAD}Content-Length: 99999999999999999999\r\n\r\n")), Seen::Last);
    }

    #[test]
    fn a_line_that_only_looks_like_a_length_is_none() {
        for header in
            ["Cookie: 4", "Content-Length-Of: 4", "Connection: close", "TE: trailers", " Content-Length: 4", "Content-Length 4", "4", ":"]
        {
            assert_eq!(seen(&format!("{HEAD}{header}\r\n\r\n")), Seen::Between, "{header:?}");
            assert_eq!(seen(&format!("{HEAD}{header}\r\nContent-Length: 4\r\n\r\n")), Seen::PartOfBody, "{header:?}");
        }
        // The first line is none either, whatever it says.
        assert_eq!(seen("Content-Length: 4\r\n\r\n"), Seen::Between);
    }

    #[test]
    fn a_long_line_hides_nothing() {
        let long = "x".repeat(500);
        assert_eq!(seen(&format!("{HEAD}X: {long}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")), Seen::TwoLengths);
        assert_eq!(seen(&format!("POST /{long} HTTP/1.1\r\nContent-Length: 1\r\n\r\n")), Seen::PartOfBody);
        // A line of exactly as many bytes as are kept, its CR being the last or one too many.
        for length in LINE - 2..LINE + 2 {
            let line = format!("X: {}", "x".repeat(length - 3));
            assert_eq!(seen(&format!("{HEAD}{line}\r\n\r\n")), Seen::Between, "{length}");
        }
    }
}
