//! A run folder goes in, tables, figures and a page come out.

mod fixture;

use fixture::Fixture;
use std::fs;
use std::path::Path;

fn written(fixture: &Fixture) -> (tempfile::TempDir, genil_report::Written, String) {
    let folder = tempfile::tempdir().unwrap();
    fixture.write(folder.path());
    let written = genil_report::write(folder.path()).unwrap();
    let page = fs::read_to_string(&written.page).unwrap();
    (folder, written, page)
}

#[test]
fn the_report_of_a_run_is_written() {
    // Kept, to be looked at in a browser.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("example-run");
    Fixture::default().write(&folder);
    genil_report::write(&folder).unwrap();
    println!("{}", genil_report::text_summary(&folder).unwrap());
}
