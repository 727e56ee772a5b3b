//! Passwords as commands get them: typed, from standard input, or made up. Never from the command's arguments, which
//! everybody on the machine can read.

use clap::Args;

use super::{find, no_user};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::output::{print, print_secret, sessions};
use crate::cli::terminal::{line_of_stdin, typed_password};
use crate::config::Config;
use crate::domain::{PlainSecret, Username};
use crate::password::{HashParameters, Hasher, PlainPassword, StoredHash};

/// A user who gets another password.
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

/// A hash to store, and the password if nobody knows it yet.
pub struct NewPassword {
    /// The hash.
    pub hash: StoredHash,
    generated: Option<PlainSecret>,
}

impl Origin {
    /// Gets the password for the user of this name, and hashes it.
    pub async fn password(self, config: &Config, name: &Username) -> Result<NewPassword, Failure> {
        if self.password_hash_stdin {
            let hash = StoredHash::import(&line_of_stdin("the password hash")?)?;
            return Ok(NewPassword { hash, generated: None });
        }
        let generated = self.generate_password.then(PlainSecret::generate);
        let password = match &generated {
            Some(secret) => PlainPassword::chosen(secret.reveal())?,
            None if self.password_stdin => PlainPassword::chosen(&line_of_stdin("the password")?)?,
            None => typed_password(name.as_str())?,
        };
        Ok(NewPassword { hash: hash(config, password).await?, generated })
    }
}

impl NewPassword {
    /// Says what was done, and the password if nobody knows it yet.
    pub fn print(&self, done: &str) -> Result<(), Failure> {
        match &self.generated {
            Some(password) => print_secret(&format!("{done}; the password"), password),
            None => print(&format!("{done}\n")),
        }
    }
}

/// Sets the password.
pub async fn run(context: &Context, Replacement { name, origin }: Replacement) -> Result<(), Failure> {
    let user = find(context, &name).await?.user;
    let name = user.username;
    let password = origin.password(&context.config, &name).await?;
    let ended = context.store.users().set_password(user.id, password.hash.as_str(), context.now()).await?;
    let ended = ended.ok_or_else(|| no_user(&name))?;
    password.print(&format!("user {name} has a new password; {} ended", sessions(ended)))
}

/// One hash needs one thread and its memory, not those of a whole server.
async fn hash(config: &Config, password: PlainPassword) -> Result<StoredHash, Failure> {
    let parameters = HashParameters {
        memory_kib: config.passwords.memory_kib,
        iterations: config.passwords.iterations,
        parallelism: config.passwords.parallelism,
    };
    Ok(Hasher::start(parameters, 1, config.passwords.queue, 0)?.hash(password).await?)
}
