//! A run folder goes in, tables, figures and a page come out.

#![expect(clippy::unwrap_used, reason = "a test may stop where it is")]

mod fixture;
mod markup;

use fixture::Fixture;
use std::fs;
use std::path::Path;

/// The folder, what was written, and the page's text.
fn written(fixture: &Fixture) -> (tempfile::TempDir, genil_report::Written, String) {
    let folder = tempfile::tempdir().unwrap();
    fixture.write(folder.path());
    let written = genil_report::write(folder.path()).unwrap();
    let page = fs::read_to_string(&written.page).unwrap();
    (folder, written, page)
}

fn summary(fixture: &Fixture) -> String {
    let folder = tempfile::tempdir().unwrap();
    fixture.write(folder.path());
    genil_report::text_summary(folder.path()).unwrap().to_string()
}

/// What a report says when `spoil` has been at the folder.
fn error(spoil: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    Fixture::default().write(folder.path());
    spoil(folder.path());
    let error = genil_report::write(folder.path()).unwrap_err().to_string();
    assert!(!folder.path().join("report.html").exists(), "nothing half-written");
    error
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} in {}", path.display());
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn the_page_is_well_formed_and_needs_no_network() {
    let (_folder, _, page) = written(&Fixture::default());
    markup::check(&page);
    assert!(!page.contains("http"), "no address of anything outside");
    assert!(!page.contains("NaN"));
}

#[test]
fn every_method_set_and_section_is_on_the_page() {
    let fixture = Fixture::default();
    let (_folder, _, page) = written(&fixture);
    for (method, ..) in &fixture.methods {
        assert!(page.contains(&format!("<b>{method}</b>")), "{method}");
    }
    for set in &fixture.stages {
        assert!(page.contains(&format!("<th scope=\"col\">{set}</th>")), "{set}");
    }
    for id in [
        "against",
        "sets",
        "matrices",
        "forgetting",
        "training",
        "genes",
        "probes",
        "maps",
        "drift",
        "making",
    ] {
        assert!(page.contains(&format!("<section id=\"{id}\">")), "{id}");
        assert!(page.contains(&format!("href=\"#{id}\"")), "{id}");
    }
    for part in
        ["genil train run.toml &amp;&amp; genil report run", "5f70bf18a086", "9c56cc51b374", "2c26b46b68ff"]
    {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn nothing_in_a_run_can_become_markup() {
    let mut fixture = Fixture::default();
    fixture.stages[1] = "<img src=x onerror=alert(2)>";
    fixture.methods[1].0 = "<script>alert(3)";
    let (_folder, written, page) = written(&fixture);
    markup::check(&page);
    assert!(!page.contains("<img") && !page.contains("<script>alert"));
    assert_eq!(page.matches("</script>").count(), 2, "the page's own two scripts");
    for path in written.figures.iter().chain(&written.tables) {
        let inside = path.canonicalize().unwrap();
        assert!(inside.starts_with(written.page.parent().unwrap().canonicalize().unwrap()));
    }
}

#[test]
fn every_figure_is_a_well_formed_file_with_text_in_it() {
    let (_folder, written, page) = written(&Fixture::default());
    assert!(written.figures.len() > 15);
    for path in &written.figures {
        let svg = fs::read_to_string(path).unwrap();
        markup::check(&svg);
        assert!(
            svg.starts_with("<svg ") && svg.contains("xmlns") && svg.contains("<title>"),
            "{}",
            path.display()
        );
        assert!(!svg.contains("NaN"));
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("map-") || svg.contains("<text"), "{name}: a map has no words");
        assert!(name.starts_with("matrix-") || page.contains(&format!("figures/{name}")), "{name} is linked");
    }
}

#[test]
fn tables_read_back_as_the_numbers_of_the_scores() {
    let fixture = Fixture { seeds: vec![3], ..Fixture::default() };
    let (folder, _, _) = written(&fixture);
    let table = fs::read_to_string(folder.path().join("tables/matrix-mse-finetune.csv")).unwrap();
    let mut lines = table.lines();
    assert!(lines.next().unwrap().starts_with("after stage,base,base_low,base_high,pbmc3k,"));
    let scores = fs::read_to_string(folder.path().join("scores.csv")).unwrap();
    let first = scores.lines().find(|l| l.starts_with("finetune,3,0,base,mse,")).unwrap();
    let value: f64 = first.split(',').nth(5).unwrap().parse().unwrap();
    let shown: f64 = lines.next().unwrap().split(',').nth(1).unwrap().parse().unwrap();
    assert_eq!(shown, value);
    assert!(fs::read_to_string(folder.path().join("tables/summary.md")).unwrap().contains("| finetune |"));
}

#[test]
fn the_sentence_names_the_method_that_forgot_least_and_its_price() {
    let text = summary(&Fixture::default());
    assert!(text.contains("replay forgot least"), "{text}");
    assert!(text.contains("Seed by seed, distil forgot"), "{text}");
    assert!(!text.contains("joint forgot"), "a bound is no competitor: {text}");
}

#[test]
fn one_seed_has_no_interval_and_the_report_says_so() {
    let fixture = Fixture { seeds: vec![0], ..Fixture::default() };
    assert!(summary(&fixture).contains("One seed (0): no interval over seeds"), "{}", summary(&fixture));
    let (_folder, _, page) = written(&fixture);
    assert!(page.contains("One seed: no interval"));
    assert!(page.contains("interval over cells"));
    assert!(!page.contains("NaN"));
}

#[test]
fn methods_that_differ_by_chance_are_not_put_in_an_order() {
    let methods = vec![("finetune", 0.05, 0.0), ("replay", 0.05, 0.0)];
    let fixture = Fixture { methods, ..Fixture::default() };
    let text = summary(&fixture);
    assert!(text.contains("not clearly"), "{text}");
    assert!(text.contains("overlap") && text.contains("holds 0"), "{text}");
}

#[test]
fn with_one_stage_after_the_base_the_base_genes_are_what_is_forgotten() {
    let fixture = Fixture { stages: vec!["base", "pbmc3k"], ..Fixture::default() };
    assert!(summary(&fixture).contains("the loss on the base genes"), "{}", summary(&fixture));
    markup::check(&written(&fixture).2);
}

#[test]
fn a_base_stage_alone_says_that_nothing_can_be_said() {
    let fixture = Fixture { stages: vec!["base"], ..Fixture::default() };
    assert!(summary(&fixture).contains("Nothing can be said of forgetting yet"));
    markup::check(&written(&fixture).2);
}

#[test]
fn one_method_is_reported_without_a_contest() {
    let fixture = Fixture { methods: vec![("joint", 0.02, 0.0)], ..Fixture::default() };
    assert!(summary(&fixture).contains("joint forgot"), "{}", summary(&fixture));
}

#[test]
fn files_that_may_be_absent_may_be_absent() {
    let folder = tempfile::tempdir().unwrap();
    Fixture::default().write(folder.path());
    let optional = [
        "summary.csv",
        "genes.csv",
        "confusion.csv",
        "run.toml",
        "plan.toml",
        "costs.csv",
        "paired.csv",
        "embedding.csv",
        "drift.csv",
    ];
    for name in optional {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    fs::remove_dir_all(folder.path().join("models")).unwrap();
    let written = genil_report::write(folder.path()).unwrap();
    let page = fs::read_to_string(written.page).unwrap();
    markup::check(&page);
    for id in ["genes", "training", "against", "maps", "drift"] {
        assert!(!page.contains(&format!("<section id=\"{id}\">")), "{id}");
    }
}

#[test]
fn a_report_is_the_same_bytes_every_time() {
    let folder = tempfile::tempdir().unwrap();
    Fixture::default().write(folder.path());
    let once = fs::read(genil_report::write(folder.path()).unwrap().page).unwrap();
    let twice = fs::read(genil_report::write(folder.path()).unwrap().page).unwrap();
    assert_eq!(once, twice);
}

#[test]
fn a_folder_that_is_no_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = genil_report::write(folder.path()).unwrap_err().to_string();
    assert!(error.contains("no run folder") && error.contains("genil train"), "{error}");
}

#[test]
fn spoilt_files_are_named_with_the_place() {
    let cases: [(&str, &str, &str, &[&str]); 13] = [
        ("run.json", "{", "[", &["run.json cannot be read", "line"]),
        ("run.json", "\"index\": 1", "\"index\": 7", &["stage 'pbmc3k' has index 7"]),
        (
            "run.json",
            "\"name\": \"replay\"",
            "\"name\": \"finetune\"",
            &["two methods are called 'finetune'"],
        ),
        ("run.json", "\"shared\"", "\"../../etc\"", &["no name of a model folder"]),
        ("scores.csv", ",value,", ",val,", &["scores.csv", "value"]),
        ("scores.csv", "finetune,0,0,base,mse,0", "finetune,0,0,base,mse,zero", &["scores.csv", "line: 2"]),
        ("scores.csv", "finetune,0,0,base", "other,0,0,base", &["the method 'other'", "scores.csv, row 1"]),
        ("scores.csv", "finetune,0,0,base", "finetune,0,99,base", &["the stage '99'", "scores.csv, row 1"]),
        ("genes.csv", "finetune,0,0,base", "finetune,9,0,base", &["the seed '9'", "genes.csv, row 1"]),
        ("costs.csv", "shared,0,0", "shared,zero,0", &["costs.csv", "line: 2"]),
        ("paired.csv", "replay,finetune", "replay,other", &["the method 'other'", "paired.csv, row 1"]),
        (
            "embedding.csv",
            "finetune,0,1,pbmc3k",
            "finetune,0,1,lungs",
            &["the gene set 'lungs'", "embedding.csv, row 1"],
        ),
        ("drift.csv", "cka_probe,1,", "cka_probe,one,", &["drift.csv", "line: 2"]),
    ];
    for (file, from, to, words) in cases {
        let error = error(|run| replace(&run.join(file), from, to));
        for word in words {
            assert!(error.contains(word), "{word} in: {error}");
        }
    }
    let events = "models/seed-0/shared/stage-0/events.jsonl";
    let error = error(|run| replace(&run.join(events), "{", "half"));
    assert!(error.contains("line 1 is no event") && error.contains(events), "{error}");
}

#[test]
fn strange_numbers_and_names_make_a_page_all_the_same() {
    for value in ["1e308", "-1e308", "NaN", "inf", "1e-320", "1e29", ""] {
        let folder = tempfile::tempdir().unwrap();
        Fixture::default().write(folder.path());
        for file in ["paired.csv", "costs.csv", "embedding.csv", "drift.csv"] {
            let path = folder.path().join(file);
            let text = fs::read_to_string(&path).unwrap();
            // The last fields that hold numbers, beginning with the third row.
            let odd = |line: &str| {
                let mut fields: Vec<&str> = line.split(',').collect();
                let last = fields.len() - 1;
                match file {
                    "paired.csv" => fields[3..7].fill(value),
                    "costs.csv" => fields[4..6].fill(value),
                    "embedding.csv" => fields[6..].fill(value),
                    _ => fields[last] = value,
                }
                fields.join(",")
            };
            let lines: Vec<String> = text
                .lines()
                .enumerate()
                .map(|(i, l)| if i % 3 == 2 { odd(l) } else { l.to_owned() })
                .collect();
            fs::write(path, lines.join("\n")).unwrap();
        }
        for file in ["scores.csv", "genes.csv", "summary.csv"] {
            let path = folder.path().join(file);
            let text = fs::read_to_string(&path).unwrap();
            let odd = |line: &str| match file {
                "genes.csv" => {
                    line.rsplit_once(',').map(|(a, _)| a.rsplit_once(',').unwrap().0).unwrap().to_owned()
                        + &format!(",{value},9")
                }
                "summary.csv" => {
                    line.split(',').take(2).collect::<Vec<_>>().join(",") + &format!(",{value},{value},,3")
                }
                _ => {
                    line.split(',').take(5).collect::<Vec<_>>().join(",")
                        + &format!(",{value},{value},{value},9")
                }
            };
            let lines: Vec<String> = text
                .lines()
                .enumerate()
                .map(|(i, l)| if i % 3 == 1 { odd(l) } else { l.to_owned() })
                .collect();
            fs::write(path, lines.join("\n")).unwrap();
        }
        let page = fs::read_to_string(genil_report::write(folder.path()).unwrap().page).unwrap();
        markup::check(&page);
        assert!(!page.contains("NaN") && !page.contains(">inf"), "{value}");
    }
    let long = "ein sehr langer Name mit Ümlauten, \u{1f9ec} und allem, was dazugehört, ".repeat(9);
    let long: &'static str = Box::leak(long.replace(',', ";").into_boxed_str());
    let stages = vec!["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", long];
    let fixture = Fixture { stages, ..Fixture::default() };
    markup::check(&written(&fixture).2);
}

#[test]
fn a_last_event_cut_in_half_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    Fixture::default().write(folder.path());
    let events = folder.path().join("models/seed-0/shared/stage-0/events.jsonl");
    let text = fs::read_to_string(&events).unwrap();
    fs::write(&events, &text[..text.len() - 20]).unwrap();
    genil_report::write(folder.path()).unwrap();
}

#[test]
fn a_report_to_look_at_is_left_in_the_target_folder() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("example-run");
    Fixture::default().write(&folder);
    assert!(genil_report::write(&folder).unwrap().page.is_file());
    let many = Path::new(env!("CARGO_TARGET_TMPDIR")).join("example-benchmark");
    Fixture::many().write(&many);
    assert!(genil_report::write(&many).unwrap().page.is_file());
    genil_report::write_many(&[folder.clone(), many], &folder.with_file_name("example-both.html")).unwrap();
}

#[test]
fn two_runs_stand_side_by_side_with_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("tissues-mixed"), folder.path().join("tissues-apart"));
    Fixture::default().write(&a);
    Fixture { seeds: vec![0, 1], ..Fixture::default() }.write(&b);
    replace(&b.join("run.toml"), "d = 64", "d = 128");
    let out = folder.path().join("both.html");
    genil_report::write_many(&[a.clone(), b], &out).unwrap();
    let page = fs::read_to_string(out).unwrap();
    markup::check(&page);
    assert!(!page.contains("http") && !page.contains("NaN"));
    for part in
        ["tissues-mixed: replay forgot least", "tissues-apart: replay forgot least", "d = 128", "0, 1, 2"]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(genil_report::write_many(&[a], &folder.path().join("one.html")).is_err());
}
