//! The bound on work. Whether one union of selectors covers another is co-NP in general, so every
//! judgment is given a number of elementary steps, and one that needs more is "not proven".

/// Steps that one judgment may take. A step is the comparison of one label value, one range of
/// ports or addresses, or one pair of boxes: some tens of nanoseconds.
pub const MAX_STEPS: usize = 300_000;

/// What is left of the bound.
#[derive(Debug)]
pub(crate) struct Steps {
    left: usize,
}

/// The bound on work was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Steps {
    pub(crate) fn new(limit: usize) -> Self {
        Steps { left: limit }
    }

    /// Takes `count` steps.
    pub(crate) fn take(&mut self, count: usize) -> Result<(), Exhausted> {
        if let Some(left) = self.left.checked_sub(count) {
            self.left = left;
            Ok(())
        } else {
            // What comes after must not slip through with the crumbs.
            self.left = 0;
            Err(Exhausted)
        }
    }

    /// How many are left.
    #[cfg(test)]
    pub(crate) fn left(&self) -> usize {
        self.left
    }
}
