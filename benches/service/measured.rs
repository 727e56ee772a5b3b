//! What was measured in one turn.

use serde::Serialize;

use crate::batches::Batches;
use crate::failure::Failure;
use crate::load::Slice;

/// What was measured in one turn.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// What the client saw.
    #[serde(flatten)]
    pub slice: Slice,
    /// What the asked server, the database and the client used, in per cent of one core.
    pub server_cpu: f64,
    /// See `server_cpu`; nothing where the database is in the server.
    pub database_cpu: Option<f64>,
    /// See `server_cpu`.
    pub client_cpu: f64,
    /// What anybody else used meanwhile: the less of it, the more the numbers are worth.
    pub others_cpu: f64,
    /// The memory of the asked server afterwards, in MiB.
    pub resident: f64,
    /// The batches that went to the database, where there were some.
    pub batches: Option<Batches>,
}

impl Measured {
    /// What was measured, if no answer was wrong.
    pub fn right(self) -> Result<Self, Failure> {
        self.slice.first_error.as_deref().map_or(Ok(()), Err)?;
        Ok(self)
    }

    /// What was measured, if each answer was what was asked for.
    pub fn served(self) -> Result<Self, Failure> {
        if self.slice.refused > 0 {
            return Err(format!("the server refused {} requests", self.slice.refused).into());
        }
        self.right()
    }

    /// The time of processors that the server took for each answer, in microseconds.
    pub fn server_micros(&self) -> f64 {
        self.micros(self.server_cpu)
    }

    /// The time of processors that all processes of PostgreSQL took for each answer, in microseconds.
    pub fn database_micros(&self) -> Option<f64> {
        self.database_cpu.map(|per_cent| self.micros(per_cent))
    }

    fn micros(&self, per_cent: f64) -> f64 {
        per_cent / 100.0 * 1e6 / self.slice.rate
    }
}
