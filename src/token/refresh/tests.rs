mod format;
mod search;
