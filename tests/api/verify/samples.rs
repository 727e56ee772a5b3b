//! The documents show the very files that the tests of gateways run.

use std::fs;
use std::path::Path;

#[test]
fn the_page_about_gateways_shows_every_sample_as_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/gateway.md")).expect("the page is there");
    let samples: Vec<_> = fs::read_dir(root.join("ops/gateway")).expect("the samples are there").collect();
    assert!(samples.len() >= 4, "{samples:?}");
    for sample in samples {
        let path = sample.expect("it can be listed").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let text = fs::read_to_string(&path).expect("it is text");
        let shown = page.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
        assert!(shown.into_iter().any(|(_, block)| block == text), "docs/gateway.md shows another {name}");
        assert!(page.contains(&format!("ops/gateway/{name}")), "docs/gateway.md doesn't name {name}");
    }
}
