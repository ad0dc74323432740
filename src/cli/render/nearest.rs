//! What somebody may have meant.

/// Answers the known names that are nearest to one that is not known: those that it takes the fewest
/// changes of single characters to reach, at most a third of its length of them.
pub(super) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>, most: usize) -> Vec<&'n str> {
    let limit = name.chars().count().div_ceil(3);
    let mut near: Vec<(usize, &str)> = known.map(|other| (distance(name, other), other)).filter(|(far, _)| *far <= limit).collect();
    near.sort_unstable();
    near.into_iter().take(most).map(|(_, other)| other).collect()
}

/// Levenshtein's distance, a row at a time.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        for (to, cell) in right.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = *cell;
            before = replaced.min(before + 1).min(*cell + 1);
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_changes() {
        for (left, right, far) in [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("a", "a", 0), ("ab", "ba", 2)] {
            assert_eq!(distance(left, right), far, "{left} {right}");
        }
    }

    #[test]
    fn the_nearest_come_first_and_the_far_not_at_all() {
        let known = ["memcached-permits", "memcached-rights", "pyos-permits", "ocuser-rights"];
        assert_eq!(nearest("memcached-permit", known.into_iter(), 2), ["memcached-permits", "memcached-rights"]);
        assert_eq!(nearest("zzzz", known.into_iter(), 3), [] as [&str; 0]);
    }
}
