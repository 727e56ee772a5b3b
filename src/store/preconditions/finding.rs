//! What is wrong with a database, and whether it makes a guarantee false.

/// A precondition that fails, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// A crash of the machine loses commits.
    #[error(
        "PostgreSQL's {0} is off, so a crash of its machine can lose acknowledged commits: set {0} = on in PostgreSQL, or \
         database.unsafe_durability = true here if you accept that"
    )]
    Durability(&'static str),
    /// A crash of PostgreSQL empties these tables.
    #[error("PostgreSQL empties unlogged tables when it crashes: ALTER TABLE .. SET LOGGED for {0}")]
    Unlogged(String),
    /// Rows are hidden from us.
    #[error("row security hides rows of {0}: turn it off there, or give tokend's role BYPASSRLS")]
    RowSecurity(String),
    /// Some names can't be stored.
    #[error("the database's encoding is {0}, in which not every name can be stored: make it with ENCODING 'UTF8'")]
    Encoding(String),
    /// Foreign keys aren't enforced.
    #[error("PostgreSQL's session_replication_role is {0}, so no foreign key is enforced: set it to origin")]
    ReplicationRole(String),
    /// Names may be taken twice, or sessions outlive their users.
    #[error("a unique key or foreign key of tokend's tables is missing or not enforced: {0}; restore it")]
    Keys(String),
    /// A standby may not have what was acknowledged.
    #[error(
        "PostgreSQL's synchronous_commit is local, so a failover to the standbys in synchronous_standby_names can lose what was \
         acknowledged: set it to on"
    )]
    LocalCommit,
    /// PostgreSQL takes fewer connections than this node may want.
    #[error("PostgreSQL's max_connections is {has}, and postgres.max_connections is {wanted} for each node")]
    Connections {
        /// How many there are.
        has: i64,
        /// How many this node may want.
        wanted: i64,
    },
    /// Commits aren't waited for, or foreign keys aren't enforced.
    #[error("SQLite doesn't accept {0}")]
    Pragma(&'static str),
    /// Not what a database needs.
    #[error("the database is on {0}, where it may lose data or be damaged: use a local disk")]
    FileSystem(&'static str),
}

impl Finding {
    /// Whether it makes a guarantee false. `unsafe_durability`: whether the operator accepts that a crash loses commits.
    pub fn is_refused(&self, unsafe_durability: bool) -> bool {
        match self {
            Self::Durability(_) => !unsafe_durability,
            Self::Unlogged(_)
            | Self::RowSecurity(_)
            | Self::Encoding(_)
            | Self::ReplicationRole(_)
            | Self::Keys(_)
            | Self::Pragma(_) => true,
            Self::LocalCommit | Self::Connections { .. } | Self::FileSystem(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_durability_is_the_operators_to_give_up() {
        let table = || "sessions".to_owned();
        for (finding, refused) in [
            (Finding::Durability("fsync"), [true, false]),
            (Finding::Unlogged(table()), [true, true]),
            (Finding::RowSecurity(table()), [true, true]),
            (Finding::Keys(table()), [true, true]),
            (Finding::LocalCommit, [false, false]),
            (Finding::Connections { has: 1, wanted: 2 }, [false, false]),
            (Finding::FileSystem("NFS"), [false, false]),
        ] {
            assert_eq!([false, true].map(|accepted| finding.is_refused(accepted)), refused, "{finding}");
        }
        assert!(Finding::Durability("fsync").to_string().contains("set fsync = on"));
    }
}
