//! The new and the old object of a request.

use crate::verdict::request::Operation;

/// The new and the old object of a request.
#[derive(Debug, PartialEq)]
pub struct Objects<T> {
    /// The new object: `object` of the request.
    pub new: Option<T>,
    /// The old object: `oldObject` of the request.
    pub old: Option<T>,
}

/// The objects of an operation, which are all present.
#[derive(Debug, PartialEq)]
pub enum Step<'f, T> {
    /// An object is created.
    Create(&'f T),
    /// An object is updated.
    Update {
        /// The old object.
        old: &'f T,
        /// The new object.
        new: &'f T,
    },
    /// There is no new state to judge.
    Nothing,
}

impl<T> Objects<T> {
    /// Returns part of the new object, or of the old object if there is no new one.
    pub(super) fn either<'f, U>(&'f self, part: impl FnOnce(&'f T) -> U) -> Option<U> {
        self.new.as_ref().or(self.old.as_ref()).map(part)
    }

    /// Returns the objects of an operation.
    ///
    /// # Errors
    /// The name of a field that the request lacks.
    pub fn step(&self, operation: Operation) -> Result<Step<'_, T>, &'static str> {
        let new = self.new.as_ref().ok_or("object");
        match operation {
            Operation::Create => Ok(Step::Create(new?)),
            Operation::Update => Ok(Step::Update { old: self.old.as_ref().ok_or("oldObject")?, new: new? }),
            Operation::Delete | Operation::Connect => Ok(Step::Nothing),
            Operation::Unknown => Err("operation"),
        }
    }
}
