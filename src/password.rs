//! Passwords: hashing and verifying, on a pool of threads that bounds memory and CPU.
