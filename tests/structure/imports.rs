//! What each file names of the others, by `use` or by a path in its code. A name that another file passes on by `pub use` counts as
//! an import from the file that defines it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proc_macro2::TokenTree;

use crate::sources::{Module, Sources, is_punct, is_word};

type Path = Vec<String>;

/// How often a name may be passed on before it counts as lost.
const MOST_HOPS: usize = 8;

/// What a file names.
struct Named {
    /// From the root of the crate.
    path: Path,
    /// By what it is known in the file.
    alias: String,
    /// Whether others may import it from this file.
    is_passed_on: bool,
}

/// What the files of a crate import.
pub struct Imports {
    named: BTreeMap<Path, Vec<Named>>,
    passed_on: HashMap<Path, Path>,
}

impl Imports {
    /// Reads every file.
    pub fn of(sources: &Sources) -> Self {
        let files: BTreeSet<Path> = sources.modules().map(|module| module.path.clone()).collect();
        let named: BTreeMap<_, _> =
            sources.modules().map(|module| (module.path.clone(), names(module, &files))).collect();
        let pairs = named.iter().flat_map(|(file, names)| {
            let passed_on = names.iter().filter(|name| name.is_passed_on);
            passed_on.map(|name| ([file.as_slice(), std::slice::from_ref(&name.alias)].concat(), name.path.clone()))
        });
        let passed_on = pairs.collect();
        Self { named, passed_on }
    }

    /// The paths that a file names, each with `::`, from the root of the crate.
    pub fn names(&self, module: &Module) -> impl Iterator<Item = String> {
        self.named.get(&module.path).into_iter().flatten().map(|named| named.path.join("::"))
    }

    /// For each file those that it imports. A file that passes on what is in the files below it doesn't import them.
    pub fn between_files(&self) -> BTreeMap<String, BTreeSet<String>> {
        let edges = |file: &Path, names: &[Named]| {
            let others = names.iter().filter_map(|name| {
                let defined_in = self.definition(&name.path, MOST_HOPS)?;
                let is_own = name.is_passed_on && defined_in.starts_with(file);
                (!is_own && defined_in != *file).then(|| defined_in.join("/"))
            });
            (file.join("/"), others.collect())
        };
        self.named.iter().map(|(file, names)| edges(file, names)).collect()
    }

    /// The file that defines what `path` names.
    fn definition(&self, path: &[String], hops: usize) -> Option<Path> {
        let file = (0..=path.len()).rev().map(|end| &path[..end]).find(|start| self.named.contains_key(*start))?;
        let passed_on = path.get(..=file.len()).and_then(|name| self.passed_on.get(name));
        match passed_on {
            Some(origin) if hops > 0 => self.definition(&[origin, &path[file.len() + 1..]].concat(), hops - 1),
            // By way of a module whose file is in another folder.
            _ if file.is_empty() && path.len() > 1 => None,
            _ => Some(file.to_vec()),
        }
    }
}

fn names(module: &Module, files: &BTreeSet<Path>) -> Vec<Named> {
    let mut reader = Reader { file: &module.path, files, named: Vec::new() };
    reader.code(&module.tokens);
    reader.named
}

struct Reader<'a> {
    file: &'a Path,
    files: &'a BTreeSet<Path>,
    named: Vec<Named>,
}

impl Reader<'_> {
    fn code(&mut self, tokens: &[TokenTree]) {
        let mut place = 0;
        while let Some(token) = tokens.get(place) {
            place += 1;
            if is_word(token, "use") {
                let end = tokens[place..]
                    .iter()
                    .position(|token| is_punct(token, ';'))
                    .map_or(tokens.len(), |end| place + end);
                self.tree(&tokens[place..end], &[], is_public(&tokens[..place - 1]));
                place = end;
            } else if is_word(token, "pub") && matches!(tokens.get(place), Some(TokenTree::Group(_))) {
                // Who may see an item is no import.
                place += 1;
            } else if let TokenTree::Group(group) = token {
                self.code(&group.stream().into_iter().collect::<Vec<_>>());
            } else if starts_path(token) {
                let (path, length) = path(&tokens[place - 1..]);
                place += length - 1;
                self.name(&path, None, false);
            }
        }
    }

    /// A `use` tree without its `use` and its `;`.
    fn tree(&mut self, tokens: &[TokenTree], above: &[String], is_passed_on: bool) {
        let (path, length) = path(tokens);
        let path = [above, &path].concat();
        match &tokens[length..] {
            [_, _, TokenTree::Group(group)] => {
                let inner: Vec<_> = group.stream().into_iter().collect();
                inner.split(|token| is_punct(token, ',')).for_each(|branch| self.tree(branch, &path, is_passed_on));
            }
            [_, alias] => self.name(&path, Some(alias.to_string()), is_passed_on),
            _ => self.name(&path, None, is_passed_on),
        }
    }

    fn name(&mut self, path: &[String], alias: Option<String>, is_passed_on: bool) {
        let mut path = path.to_vec();
        // `a::{self}` is `a`.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let Some(alias) = alias.or_else(|| path.last().cloned()) else { return };
        if let Some(path) = self.absolute(&path) {
            self.named.push(Named { path, alias, is_passed_on });
        }
    }

    /// From the root of the crate; `None` for another crate's.
    fn absolute(&self, path: &[String]) -> Option<Path> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([self.file.as_slice(), rest].concat()),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let above = self.file.len().checked_sub(ups)?;
                Some([&self.file[..above], &path[ups..]].concat())
            }
            _ => {
                let below = [self.file.as_slice(), path].concat();
                self.files.contains(&below[..=self.file.len()]).then_some(below)
            }
        }
    }
}

/// The words of a path and how many tokens they take. It ends before a brace, an asterisk or `as`.
fn path(tokens: &[TokenTree]) -> (Path, usize) {
    let mut words = Vec::new();
    let mut rest = tokens;
    while let [TokenTree::Ident(word), after @ ..] = rest {
        words.push(word.to_string());
        rest = after;
        match after {
            [one, two, next @ ..] if is_punct(one, ':') && is_punct(two, ':') && next.first().is_some_and(is_ident) => {
                rest = next;
            }
            _ => break,
        }
    }
    (words, tokens.len() - rest.len())
}

fn starts_path(token: &TokenTree) -> bool {
    ["crate", "super", "self"].iter().any(|start| is_word(token, start))
}

fn is_ident(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Ident(_))
}

/// Whether what stands before `use` is `pub` or `pub(..)`.
fn is_public(before: &[TokenTree]) -> bool {
    match before {
        [.., word, TokenTree::Group(_)] | [.., word] => is_word(word, "pub"),
        [] => false,
    }
}
