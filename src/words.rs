//! Enums each of whose values is written as one text: in the database, on the wire, in a listing or in the log.

/// Defines such an enum from one table of values and texts, with every value in `ALL` and the text as `as_str` and `Display`.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $value:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$doc])* $value,)+
        }

        #[allow(dead_code, reason = "not every enum is read and listed")]
        impl $name {
            /// Every value, in the order of the enum.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$value),+];

            /// The text for it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }

            /// The value that `text` stands for, in upper or lower case.
            pub fn from_word(text: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|value| value.as_str().eq_ignore_ascii_case(text))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;
