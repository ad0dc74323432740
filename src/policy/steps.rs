//! The limit on work. Whether one union of selectors covers another is a co-NP problem in general, so every
//! comparison has a limit on elementary steps. A comparison that reaches the limit is "not proven".

/// The maximum number of steps of one comparison. A step compares one label value, one range of ports or
/// addresses, or one pair of boxes, which takes tens of nanoseconds.
pub const MAX_STEPS: usize = 300_000;

/// The remaining steps.
#[derive(Debug)]
pub(crate) struct Steps {
    left: usize,
}

/// The limit on steps was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Steps {
    pub(crate) fn new(limit: usize) -> Self {
        Steps { left: limit }
    }

    /// Takes `count` steps, or fails if fewer remain.
    pub(crate) fn take(&mut self, count: usize) -> Result<(), Exhausted> {
        if let Some(left) = self.left.checked_sub(count) {
            self.left = left;
            Ok(())
        } else {
            // Smaller requests after this one must fail too.
            self.left = 0;
            Err(Exhausted)
        }
    }

    /// Returns the remaining steps.
    #[cfg(test)]
    pub(crate) fn left(&self) -> usize {
        self.left
    }
}
