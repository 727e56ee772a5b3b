//! Master secrets, and the signing keys and their life. May not know of HTTP, grants or the store.
