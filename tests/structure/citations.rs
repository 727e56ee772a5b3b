//! The documents that files cite, by name or by name and heading. Each must be in the repository and have that heading.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that no version of the repository has.
const ELSEWHERE: [&str; 3] = [".git", "target", "data"];

/// Cites what isn't there, for the test of the pages' links.
const BROKEN: &str = "tests/docs/broken.";

/// What is wrong with the citations of every text file of the repository.
pub fn wrong(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in files(root) {
        let name = file.strip_prefix(root).unwrap().to_str().unwrap();
        let Ok(text) = fs::read_to_string(&file) else { continue };
        if name.starts_with(BROKEN) {
            continue;
        }
        for (number, line) in (1..).zip(text.lines()) {
            let complaints = citations(line).into_iter().filter_map(|citation| complaint(root, name, citation));
            found.extend(complaints.map(|complaint| format!("{name}:{number}: {complaint}")));
        }
    }
    found
}

/// The words of a line that name a page. Addresses of other sites are no citations.
fn citations(line: &str) -> Vec<&str> {
    let is_of_citation = |c: char| c.is_ascii_alphanumeric() || "_-./#".contains(c);
    let words = line.split(|c| !is_of_citation(c)).map(|word| word.trim_end_matches('.'));
    words.filter(|word| names_page(word) && !word.starts_with("//")).collect()
}

fn names_page(word: &str) -> bool {
    let page = word.split('#').next().unwrap_or_default();
    page.strip_suffix(".md").is_some_and(|name| name.ends_with(|c: char| c.is_ascii_alphanumeric()))
}

fn complaint(root: &Path, file: &str, citation: &str) -> Option<String> {
    let (page, heading) = citation.split_once('#').map_or((citation, None), |(page, heading)| (page, Some(heading)));
    let folders = [root.to_owned(), root.join(file).parent().unwrap().to_owned(), root.join("docs")];
    let Some(path) = folders.iter().map(|folder| folder.join(page)).find(|path| path.is_file()) else {
        return Some(format!("there is no {page}"));
    };
    match heading {
        Some(heading) if !headings(&path).contains(heading) => Some(format!("{page} has no heading for #{heading}")),
        None if file.starts_with("src/") && page == "docs/design.md" => Some(format!("{page} needs a heading")),
        _ => None,
    }
}

/// The headings of a page as a link names them.
fn headings(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).unwrap();
    let mut is_block = false;
    let lines = text.lines().filter(|line| {
        is_block ^= line.starts_with("```");
        line.starts_with('#') && !is_block
    });
    lines.map(|line| link_name(line.trim_start_matches('#').trim())).collect()
}

/// Lower case, without punctuation, with hyphens for spaces.
fn link_name(heading: &str) -> String {
    let letters = heading.chars().filter(|c| c.is_alphanumeric() || "_- ".contains(*c));
    letters.collect::<String>().to_lowercase().replace(' ', "-")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_ours = |path: &PathBuf| !ELSEWHERE.iter().any(|name| path.ends_with(name));
    let (folders, mut files): (Vec<_>, Vec<_>) = entries.filter(is_ours).partition(|path| path.is_dir());
    files.extend(folders.iter().flat_map(|folder| self::files(folder)));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_citation_is_found_in_any_text_and_an_address_is_none() {
        let line = "[a](docs/audit.md#anchors), (`refresh-tokens.md`). ../../README.md https://example.com/z.md *.md";
        assert_eq!(citations(line), ["docs/audit.md#anchors", "refresh-tokens.md", "../../README.md"]);
    }

    #[test]
    fn a_heading_is_named_as_in_a_link() {
        assert_eq!(link_name("Where it's kept: `a_b` & more"), "where-its-kept-a_b--more");
    }
}
