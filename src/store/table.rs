//! Makes a table two types: [`super::Store`] gives one with the reads, [`super::ActingStore`] one with the changes and
//! the reads.

/// Declares the types of a table, and the methods that give them.
///
/// ```ignore
/// table!(users: Users, ActingUsers);
/// ```
macro_rules! table {
    ($method:ident: $table:ident) => {
        #[doc = concat!("The statements of `", stringify!($method), "`.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $table<'a> {
            pub(in crate::store) store: &'a $crate::store::Store,
        }

        impl $crate::store::Store {
            #[doc = concat!("The statements of `", stringify!($method), "`.")]
            pub fn $method(&self) -> $table<'_> {
                $table { store: self }
            }
        }
    };
    ($method:ident: $table:ident, $acting:ident) => {
        $crate::store::table::table!($method: $table);

        #[doc = concat!("The statements of `", stringify!($method), "`, with those that change it.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $acting<'a> {
            table: $table<'a>,
            pub(in crate::store) acting: &'a $crate::store::ActingStore,
        }

        impl<'a> std::ops::Deref for $acting<'a> {
            type Target = $table<'a>;

            fn deref(&self) -> &$table<'a> {
                &self.table
            }
        }

        impl $crate::store::ActingStore {
            #[doc = concat!("The statements of `", stringify!($method), "`, with those that change it.")]
            pub fn $method(&self) -> $acting<'_> {
                $acting { table: $crate::store::Store::$method(self), acting: self }
            }
        }
    };
}
pub(super) use table;
