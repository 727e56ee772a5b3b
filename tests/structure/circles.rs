//! Circles in a graph.

use std::collections::{BTreeMap, BTreeSet};

type Graph = BTreeMap<String, BTreeSet<String>>;

/// Each circle once, as text: from a file by others back to it. The shortest for each file that is on one.
pub fn circles(graph: &Graph) -> Vec<String> {
    let mut found = BTreeMap::new();
    for file in graph.keys() {
        if let Some(circle) = shortest(graph, file) {
            let members: BTreeSet<_> = circle.iter().copied().collect();
            found.entry(members).or_insert_with(|| circle.join(" -> "));
        }
    }
    found.into_values().collect()
}

/// The shortest way from `start` back to it.
fn shortest<'a>(graph: &'a Graph, start: &'a str) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut reached = vec![start];
    let mut next = 0;
    while let Some(&file) = reached.get(next) {
        next += 1;
        for other in graph.get(file).into_iter().flatten() {
            if other == start {
                return Some(way_back(&came_from, file, start));
            }
            if !came_from.contains_key(other.as_str()) {
                came_from.insert(other, file);
                reached.push(other);
            }
        }
    }
    None
}

fn way_back<'a>(came_from: &BTreeMap<&'a str, &'a str>, last: &'a str, start: &'a str) -> Vec<&'a str> {
    let mut way = vec![start, last];
    while let Some(&before) = came_from.get(way[way.len() - 1]) {
        if before == start {
            break;
        }
        way.push(before);
    }
    way.push(start);
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> Graph {
        edges.iter().map(|(from, to)| ((*from).to_owned(), to.iter().map(|to| (*to).to_owned()).collect())).collect()
    }

    #[test]
    fn a_circle_is_found_with_all_that_is_on_it() {
        let found = circles(&graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["a", "d"]), ("d", &[])]));
        assert_eq!(found, ["a -> b -> c -> a"]);
        assert_eq!(circles(&graph(&[("a", &["b"]), ("b", &["a"])])), ["a -> b -> a"]);
    }

    #[test]
    fn what_meets_again_without_going_back_is_no_circle() {
        assert!(circles(&graph(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &[])])).is_empty());
    }
}
