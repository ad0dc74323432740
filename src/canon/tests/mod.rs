//! Tests of the room: what a canon may state, each refusal with its sentence, and who is who.

mod builtin;
