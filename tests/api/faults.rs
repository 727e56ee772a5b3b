//! What networks, databases, disks, clocks and machines do to a server, and what must hold all the same: DESIGN.md §7.

mod ambiguous;
mod connections;
mod lost_answers;
