//! Fixed hash seeds, so that the number of probes in hash maps is the same in every run.

#![allow(unsafe_code, reason = "the C library's function has a fixed name and signature")]

/// Replaces `getrandom` of the C library and returns the same `length` bytes in every call. The standard library seeds its hash maps
/// with them in every binary that refers to this function.
///
/// # Safety
/// `bytes` must point to `length` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(bytes: *mut u8, length: usize, _flags: u32) -> isize {
    // SAFETY: the caller guarantees that the bytes are writable.
    unsafe { bytes.write_bytes(0x5a, length) };
    isize::try_from(length).unwrap_or(isize::MAX)
}
