//! Passwords as commands get them: typed, from standard input, or made up. Never from the command's arguments, which
//! everybody on the machine can read.

use clap::Args;

use crate::admin::Admin;
use crate::admin::user::{self, NewPassword};
use crate::cli::failure::Failure;
use crate::cli::output::{print, print_secret, sessions};
use crate::cli::terminal::{line_of_stdin, typed_password};
use crate::domain::{PlainSecret, Username};
use crate::password::{PlainPassword, StoredHash};

#[derive(Args, Debug)]
pub struct Replacement {
    /// The user's name or e-mail address.
    #[arg(value_name = "NAME|EMAIL")]
    name: Username,
    #[command(flatten)]
    origin: Origin,
}

/// Where a password comes from; without any of these it is typed.
#[derive(Args, Clone, Copy, Debug)]
#[group(id = "password", multiple = false)]
pub struct Origin {
    /// Take the password from standard input: one line.
    #[arg(long)]
    password_stdin: bool,
    /// Take a hash that another server stored from standard input: argon2, bcrypt, scrypt or PBKDF2.
    #[arg(long)]
    password_hash_stdin: bool,
    /// Make up a password, and print it once.
    #[arg(long)]
    generate_password: bool,
}

pub struct Chosen {
    pub password: NewPassword,
    pub generated: Generated,
}

/// The password, if nobody knows it yet.
pub struct Generated(Option<PlainSecret>);

impl Origin {
    /// Gets the password for the user of this name.
    pub fn password(self, name: &Username) -> Result<Chosen, Failure> {
        if self.password_hash_stdin {
            let hash = StoredHash::import(&line_of_stdin("the password hash")?)?;
            return Ok(Chosen { password: NewPassword::Hash(hash), generated: Generated(None) });
        }
        let generated = self.generate_password.then(PlainSecret::generate);
        let password = match &generated {
            Some(secret) => PlainPassword::chosen(secret.reveal())?,
            None if self.password_stdin => PlainPassword::chosen(&line_of_stdin("the password")?)?,
            None => typed_password(name.as_str())?,
        };
        Ok(Chosen { password: NewPassword::Plain(password), generated: Generated(generated) })
    }
}

impl Generated {
    /// Says what was done, and the password if nobody knows it yet.
    pub fn print(&self, done: &str) -> Result<(), Failure> {
        match &self.0 {
            Some(password) => print_secret(&format!("{done}; the password"), password),
            None => print(&format!("{done}\n")),
        }
    }
}

pub async fn run(admin: &Admin, Replacement { name, origin }: Replacement) -> Result<(), Failure> {
    let user = user::find(admin, &name).await?;
    let Chosen { password, generated } = origin.password(&user.username)?;
    let ended = user::set_password(admin, user.id, password).await?;
    generated.print(&format!("user {} has a new password; {} ended", user.username, sessions(ended)))
}
