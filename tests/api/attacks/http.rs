//! G: what every answer holds and what none does, whoever asks and whatever else the request says.

mod answers;
mod origins;
