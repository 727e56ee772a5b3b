//! F: signing in, and what can be learned or planted by trying.

mod accounts;
mod pages;
