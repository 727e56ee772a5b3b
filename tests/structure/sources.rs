//! The files of a crate, without what is compiled for its tests only.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A file of a crate.
pub struct Module {
    /// Its path in the crate, without `crate`; empty for the root.
    pub path: Vec<String>,
    /// What is in it.
    pub tokens: Vec<TokenTree>,
}

/// Every file of a crate.
pub struct Sources {
    modules: Vec<Module>,
    files: Vec<PathBuf>,
}

impl Sources {
    /// Reads the crate whose root is in `folder`.
    pub fn below(folder: &Path) -> Self {
        let files = files(folder);
        let mut modules: Vec<Module> = files.iter().map(|file| Module::read(folder, file)).collect();
        let tests: Vec<Vec<String>> = modules.iter_mut().flat_map(Module::leave_tests_out).collect();
        modules.retain(|module| !tests.iter().any(|test| module.path.starts_with(test)));
        Self { modules, files }
    }

    /// The files.
    pub fn modules(&self) -> impl Iterator<Item = &Module> {
        self.modules.iter()
    }

    /// Each file and all that is written in it, comments and tests too.
    pub fn texts(&self) -> impl Iterator<Item = (&Path, String)> {
        self.files.iter().map(|file| (file.as_path(), fs::read_to_string(file).unwrap()))
    }
}

impl Module {
    /// Whether its code has this literal, quotes and all.
    pub fn has_literal(&self, text: &str) -> bool {
        has(&self.tokens, &|token| matches!(token, TokenTree::Literal(literal) if literal.to_string() == text))
    }

    /// Whether its code has a literal that begins like this, quotes and all.
    pub fn has_literal_that_begins(&self, text: &str) -> bool {
        has(
            &self.tokens,
            &|token| matches!(token, TokenTree::Literal(literal) if literal.to_string().starts_with(text)),
        )
    }

    /// Whether its code has this word.
    pub fn has_word(&self, word: &str) -> bool {
        has(&self.tokens, &|token| is_word(token, word))
    }

    fn read(folder: &Path, file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap();
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let relative = file.strip_prefix(folder).unwrap().with_extension("");
        let path: Vec<String> = relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        let is_root = matches!(path.as_slice(), [root] if root == "lib" || root == "main");
        Self { path: if is_root { Vec::new() } else { path }, tokens: tokens.into_iter().collect() }
    }

    /// Takes the items away that are compiled for tests only, and names the modules among them that are files.
    fn leave_tests_out(&mut self) -> Vec<Vec<String>> {
        let mut files = Vec::new();
        let mut kept = Vec::new();
        let mut tokens = std::mem::take(&mut self.tokens).into_iter().peekable();
        while let Some(token) = tokens.next() {
            let is_of_tests = is_punct(&token, '#') && tokens.peek().is_some_and(is_cfg_test);
            if !is_of_tests {
                kept.push(token);
                continue;
            }
            let item = tokens.by_ref().skip(1);
            let mut words = Vec::new();
            for token in item {
                let ends = is_punct(&token, ';')
                    || matches!(&token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
                words.push(token);
                if ends {
                    break;
                }
            }
            files.extend(file_module(&words).map(|name| [self.path.as_slice(), &[name]].concat()));
        }
        self.tokens = kept;
        files
    }
}

/// The name in `mod name;`.
fn file_module(item: &[TokenTree]) -> Option<String> {
    let mut words = item.iter().skip_while(|token| !is_word(token, "mod"));
    let name = words.nth(1)?;
    words.next().filter(|token| is_punct(token, ';'))?;
    Some(name.to_string())
}

/// The brackets of an attribute that names `cfg` and `test`.
fn is_cfg_test(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    let mut words = group.stream().into_iter();
    let is_cfg = words.next().is_some_and(|word| is_word(&word, "cfg"));
    is_cfg && words.any(|conditions| names_test(&conditions))
}

fn names_test(token: &TokenTree) -> bool {
    match token {
        TokenTree::Group(group) => group.stream().into_iter().any(|token| names_test(&token)),
        token => is_word(token, "test"),
    }
}

fn has(tokens: &[TokenTree], is_it: &impl Fn(&TokenTree) -> bool) -> bool {
    tokens.iter().any(|token| match token {
        TokenTree::Group(group) => has(&group.stream().into_iter().collect::<Vec<_>>(), is_it),
        token => is_it(token),
    })
}

pub fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

pub fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let rust = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.chain(folders.iter().flat_map(|folder| self::files(folder))).collect()
}
