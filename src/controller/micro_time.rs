//! Times as Kubernetes writes them with microseconds.

use std::time::SystemTime;

use jiff::Timestamp;

/// Returns a time as a Kubernetes `MicroTime`; empty if it is beyond what can be written.
pub(super) fn micro_time(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::new(), |time| format!("{time:.6}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_has_six_digits_of_a_second() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
        assert_eq!(micro_time(time), "1970-01-01T00:00:01.500000Z");
        assert_eq!(micro_time(SystemTime::UNIX_EPOCH), "1970-01-01T00:00:00.000000Z");
    }
}
