//! Suggestions for a name that is not known.

use strsim::levenshtein;

/// Returns at most `max` known names that are similar to `name`, the most similar first. Names that differ in
/// more than a third of the characters of `name` are left out.
pub(super) fn similar<'n>(name: &str, known: impl Iterator<Item = &'n str>, max: usize) -> Vec<&'n str> {
    let limit = name.chars().count().div_ceil(3);
    let mut similar: Vec<(usize, &str)> =
        known.map(|other| (levenshtein(name, other), other)).filter(|(distance, _)| *distance <= limit).collect();
    similar.sort_unstable();
    similar.into_iter().take(max).map(|(_, other)| other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_name_is_first_and_different_names_are_left_out() {
        let known = ["memcached-permits", "memcached-rights", "pyos-permits", "ocuser-rights"];
        assert_eq!(similar("memcached-permit", known.into_iter(), 2), ["memcached-permits", "memcached-rights"]);
        assert_eq!(similar("zzzz", known.into_iter(), 3), [] as [&str; 0]);
    }
}
