//! Structs that rows are read into. Each column is written once: the fields of a struct are also the list of columns for its
//! statements.

/// Declares a struct and reads each field from the column of the same name.
///
/// ```ignore
/// from_row! {
///     struct UserRow {
///         user_id: Uuid = "id",
///         username: String,
///     }
///     columns = user_columns;
/// }
/// const FIND: &str = concat!("SELECT ", user_columns!("u."), " FROM users u WHERE u.username = $1");
/// ```
///
/// `user_columns!("u.")` is the text `u.id AS user_id, u.username`, and `user_columns!()` the same without the table's alias.
/// `json = user_json;` declares `user_json!("u.")`, the same columns as a JSON array of SQLite: the struct's `Deserialize` reads the
/// array in the order of its fields, so the two can't differ. A field of bytes is written `user_id: Uuid = "id" as hex`.
///
/// A struct that needs no list leaves the line `columns = ..` out. A last field `..user: UserRow` reads another such struct from
/// the same row.
macro_rules! from_row {
    (@list ($dollar:tt) [] $($rest:tt)*) => {};
    (@list ($dollar:tt) [$columns:ident] $first:ident $($first_column:literal)? $(, $field:ident $($column:literal)?)*) => {
        macro_rules! $columns {
            ($dollar($dollar table:literal)?) => {
                concat!(
                    $crate::store::engine::from_row!(@column [$dollar($dollar table)?] $first $($first_column)?)
                    $(, ", ", $crate::store::engine::from_row!(@column [$dollar($dollar table)?] $field $($column)?))*
                )
            };
        }
    };
    (@json_list ($dollar:tt) [] $($rest:tt)*) => {};
    (@json_list ($dollar:tt) [$json:ident] [$($first:tt)*] $([$($item:tt)*])*) => {
        macro_rules! $json {
            ($dollar table:literal) => {
                concat!(
                    "json_array(",
                    $crate::store::engine::from_row!(@json [$dollar table] $($first)*)
                    $(, ", ", $crate::store::engine::from_row!(@json [$dollar table] $($item)*))*,
                    ")"
                )
            };
        }
    };
    (@json [$table:literal] $field:ident $($column:literal)? hex) => {
        concat!("hex(", $crate::store::engine::from_row!(@json [$table] $field $($column)?), ")")
    };
    (@json [$table:literal] $field:ident $column:literal) => {
        concat!($table, $column)
    };
    (@json [$table:literal] $field:ident) => {
        concat!($table, stringify!($field))
    };
    (@column [$($table:literal)?] $field:ident) => {
        concat!($($table,)? stringify!($field))
    };
    (@column [$($table:literal)?] $field:ident $column:literal) => {
        concat!($($table,)? $column, " AS ", stringify!($field))
    };
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_visibility:vis $field:ident: $type:ty $(= $column:literal)? $(as $form:ident)?,)*
            $(..$part:ident: $part_type:ty,)*
        }
        $(columns = $columns:ident;)?
        $(json = $json:ident;)?
    ) => {
        $(#[$meta])*
        $visibility struct $name {
            $($(#[$field_meta])* $field_visibility $field: $type,)*
            $($part: $part_type,)*
        }

        impl<'r, R> sqlx::FromRow<'r, R> for $name
        where
            R: sqlx::Row,
            &'static str: sqlx::ColumnIndex<R>,
            $($type: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,)*
            $($part_type: sqlx::FromRow<'r, R>,)*
        {
            fn from_row(row: &'r R) -> sqlx::Result<Self> {
                Ok(Self {
                    $($field: row.try_get(stringify!($field))?,)*
                    $($part: sqlx::FromRow::from_row(row)?,)*
                })
            }
        }

        $crate::store::engine::from_row!(@list ($) [$($columns)?] $($field $($column)?),*);
        $crate::store::engine::from_row!(@json_list ($) [$($json)?] $([$field $($column)? $($form)?])*);
    };
}
pub(in crate::store) use from_row;

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, SqliteConnection};

    from_row! {
        #[derive(Debug, PartialEq)]
        struct UserRow {
            user_id: i64 = "id" as hex,
            username: String,
            email: Option<String>,
        }
        columns = user_columns;
        json = user_json;
    }

    from_row! {
        #[derive(Debug, PartialEq)]
        struct CredentialsRow {
            password_hash: String,
            ..user: UserRow,
        }
    }

    const FIND: &str = concat!(
        "SELECT ",
        user_columns!("u."),
        ", 'hash' AS password_hash \
         FROM (SELECT 1 AS id, NULL AS email, 'alice' AS username) u"
    );

    #[test]
    fn the_list_of_columns_has_the_alias_of_the_table_and_the_name_of_each_field() {
        assert_eq!(user_columns!(), "id AS user_id, username, email");
        assert_eq!(user_columns!("u."), "u.id AS user_id, u.username, u.email");
        assert_eq!(user_json!("u."), "json_array(hex(u.id), u.username, u.email)");
    }

    #[tokio::test]
    async fn fields_are_read_by_the_names_of_their_columns() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let row: CredentialsRow = sqlx::query_as(FIND).fetch_one(&mut connection).await.unwrap();
        let user = UserRow { user_id: 1, username: "alice".to_owned(), email: None };
        assert_eq!(row, CredentialsRow { password_hash: "hash".to_owned(), user });
        sqlx::query_as::<_, CredentialsRow>("SELECT 'alice' AS username").fetch_one(&mut connection).await.unwrap_err();
    }
}
