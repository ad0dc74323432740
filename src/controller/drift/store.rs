//! What a watch has told: the objects, and how recent they are. Pure: the time is an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cluster::{CallError, News};

/// A watch without news for this long is stale. The API server sends a bookmark about once a minute.
const STALE: Duration = Duration::from_secs(90);

/// An object that is kept.
pub(super) trait Keyed {
    /// Returns what no other object of the collection has, such as its name.
    fn key(&self) -> &str;
}

/// The objects of a collection.
#[derive(Debug, Clone)]
pub(super) struct Store<T> {
    objects: BTreeMap<String, T>,
    freshness: Freshness,
}

/// How recent a collection is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Freshness {
    /// Whether it was read as a whole.
    pub(super) is_complete: bool,
    /// When the API server last responded.
    pub(super) contact: Option<Duration>,
    /// Why it cannot be followed, if it cannot.
    pub(super) error: Option<CallError>,
}

impl<T> Default for Store<T> {
    fn default() -> Store<T> {
        Store { objects: BTreeMap::new(), freshness: Freshness::default() }
    }
}

impl<T: Keyed + PartialEq> Store<T> {
    /// Takes news that arrived at `now`. Returns whether something changed that a plan depends on.
    pub(super) fn take(&mut self, news: News<T>, now: Duration) -> bool {
        if let News::Failed(error) = news {
            // What was read is kept, but is not used until the watch continues.
            let is_changed = self.freshness.error.is_none();
            self.freshness.error = Some(error);
            return is_changed;
        }
        let was_usable = self.freshness.is_usable();
        (self.freshness.contact, self.freshness.error) = (Some(now), None);
        let is_changed = match news {
            News::All(all) => {
                self.freshness.is_complete = true;
                let objects = all.into_iter().map(|object| (object.key().to_owned(), object)).collect();
                let is_changed = self.objects != objects;
                self.objects = objects;
                is_changed
            }
            News::Changed(object) => {
                let is_changed = self.objects.get(object.key()) != Some(&object);
                self.objects.insert(object.key().to_owned(), object);
                is_changed
            }
            News::Deleted(object) => self.objects.remove(object.key()).is_some(),
            News::Unchanged | News::Failed(_) => false,
        };
        is_changed || was_usable != self.freshness.is_usable()
    }

    /// Returns the objects, or why they are not known.
    pub(super) fn objects(&self) -> Result<impl Iterator<Item = &T>, String> {
        match &self.freshness.error {
            Some(error) => Err(error.sentence.clone()),
            None if self.freshness.is_complete => Ok(self.objects.values()),
            None => Err("not read yet".to_owned()),
        }
    }

    /// Returns an object as it was last read.
    pub(super) fn get(&self, key: &str) -> Option<&T> {
        self.objects.get(key)
    }

    /// Returns how recent it is.
    pub(super) fn freshness(&self) -> &Freshness {
        &self.freshness
    }
}

impl Freshness {
    fn is_usable(&self) -> bool {
        self.is_complete && self.error.is_none()
    }

    /// Returns what is wrong at `now`, as a sentence; `None` if the collection is recent.
    pub(super) fn problem(&self, now: Duration) -> Option<String> {
        match (&self.error, self.contact) {
            (Some(error), _) => Some(error.sentence.clone()),
            (None, None) => Some("not read yet".to_owned()),
            (None, Some(contact)) => {
                let silent = now.saturating_sub(contact);
                (silent > STALE).then(|| format!("the API server has sent nothing for {} s", silent.as_secs()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::CallCause;

    impl Keyed for (&'static str, u32) {
        fn key(&self) -> &str {
            self.0
        }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn failed() -> News<(&'static str, u32)> {
        News::Failed(CallError { cause: CallCause::Forbidden, sentence: "not allowed".to_owned() })
    }

    #[test]
    fn only_changes_are_told() {
        let mut store = Store::default();
        assert!(store.objects().is_err(), "nothing was read");
        assert!(store.take(News::All(vec![("a", 1), ("b", 1)]), at(1)));
        assert!(!store.take(News::Changed(("a", 1)), at(2)));
        assert!(store.take(News::Changed(("a", 2)), at(3)));
        assert!(store.take(News::Deleted(("b", 1)), at(4)) && !store.take(News::Deleted(("b", 1)), at(4)));
        assert!(!store.take(News::All(vec![("a", 2)]), at(5)) && !store.take(News::Unchanged, at(6)));
        assert_eq!(store.objects().unwrap().copied().collect::<Vec<_>>(), [("a", 2)]);
    }

    #[test]
    fn a_list_that_is_empty_is_known_to_be_empty() {
        let mut store: Store<(&'static str, u32)> = Store::default();
        assert!(store.take(News::All(Vec::new()), at(1)));
        assert_eq!(store.objects().unwrap().count(), 0);
    }

    #[test]
    fn after_a_failure_nothing_is_known_until_the_watch_continues() {
        let mut store = Store::default();
        store.take(News::All(vec![("a", 1)]), at(1));
        assert!(store.take(failed(), at(2)) && !store.take(failed(), at(3)));
        assert_eq!(store.objects().err().as_deref(), Some("not allowed"));
        assert_eq!(store.freshness().problem(at(3)).as_deref(), Some("not allowed"));
        assert!(store.take(News::Unchanged, at(4)), "it is usable again");
        assert_eq!(store.objects().unwrap().count(), 1);
    }

    #[test]
    fn silence_is_a_problem_after_a_minute_and_a_half() {
        let mut store = Store::default();
        store.take(News::All(vec![("a", 1)]), at(10));
        assert_eq!(store.freshness().problem(at(100)), None);
        assert_eq!(store.freshness().problem(at(101)).as_deref(), Some("the API server has sent nothing for 91 s"));
    }
}
