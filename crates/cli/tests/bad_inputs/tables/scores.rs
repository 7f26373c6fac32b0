//! A run folder, as `evaluate`, `report` and `inspect` read it.

use crate::world::World;
use crate::{Case, fine, mended, refused};
use serde_json::json;

const EVALUATE: &str = "evaluate run";
const REPORT: &str = "report run";
const SCORES: &str = "run/models/seed-0/shared/stage-1/scores.json";
const MAPS: &str = "run/models/seed-0/shared/stage-1/maps.json";
const DRIFT: &str = "run/models/seed-0/shared/stage-1/drift.json";

impl World {
    /// A link that leads out of the folder, to a file that nobody may see or change.
    #[cfg(unix)]
    fn link_out(&self, name: &str) {
        self.write("secret.txt", "the secret");
        if self.path(name).exists() {
            self.remove(name);
        }
        std::os::unix::fs::symlink(self.path("secret.txt"), self.path(name)).unwrap();
    }
}

pub const CASES: &[Case] = &[
    refused("no run", |_| (), "evaluate gone", &["gone", "genil train"]),
    refused("a file", |_| (), "evaluate run.toml", &["run.toml", "genil train"]),
    refused("an empty run.json", |w| w.write("run/run.json", ""), EVALUATE, &["run.json"]),
    refused("half of run.json", |w| w.cut("run/run.json", 0.5), EVALUATE, &["run.json"]),
    refused("half of run.json to inspect", |w| w.cut("run/run.json", 0.5), "inspect run", &["run.json"]),
    refused("half of run.json to report", |w| w.cut("run/run.json", 0.5), REPORT, &["run.json"]),
    refused(
        "a run of a version to come",
        |w| w.replace("run/run.json", "\"methods\"", "\"recipes\""),
        EVALUATE,
        &["run.json", "methods"],
    ),
    refused(
        "a run of a version to come to report",
        |w| w.replace("run/run.json", "\"stages\"", "\"phases\""),
        REPORT,
        &["run.json", "stages"],
    ),
    refused(
        "other settings than the run's",
        |w| w.replace("run/run.toml", "epochs = 1", "epochs = 2"),
        EVALUATE,
        &["run", "other settings"],
    ),
    refused(
        "another plan than the run's",
        |w| w.replace("run/plan.toml", "seed = 0", "seed = 1"),
        EVALUATE,
        &["run", "another plan"],
    ),
    refused("no settings in a run", |w| w.remove("run/run.toml"), EVALUATE, &["run.toml"]),
    refused("no plan in a run", |w| w.remove("run/plan.toml"), EVALUATE, &["plan.toml"]),
    refused(
        "a store that has changed since",
        |w| w.write("gut.store/store.json", w.read("blood.store/store.json")),
        EVALUATE,
        &["gut.store"],
    ),
    refused(
        "a run that is half trained",
        |_| (),
        "evaluate half",
        &["stage 1", "not trained yet", "genil train"],
    ),
    refused("a run that was not measured", |_| (), "report half", &["half", "scores.csv", "genil evaluate"]),
    mended("half of the figures of a model", |w| w.cut(SCORES, 0.5), EVALUATE, &[]),
    mended("no figures", |w| w.write(SCORES, "{}"), EVALUATE, &[]),
    mended("figures of too few sets", |w| w.json(SCORES, "/sets", json!([])), EVALUATE, &[]),
    mended("figures of the set 2^60", |w| w.json(SCORES, "/sets/0/set", json!(1u64 << 60)), EVALUATE, &[]),
    mended(
        "figures of the gene 4 thousand million",
        |w| w.json(SCORES, "/sets/0/genes/0/0", json!(u32::MAX)),
        EVALUATE,
        &[],
    ),
    mended(
        "figures without weights",
        |w| w.json(SCORES, "/sets/0/metrics/mse/weights", json!([])),
        EVALUATE,
        &[],
    ),
    mended(
        "a confusion of other classes",
        |w| w.json(SCORES, "/sets/1/confusion", json!([[1], [2, 3, 4]])),
        EVALUATE,
        &[],
    ),
    mended(
        "a confusion of a set without classes",
        |w| w.json(SCORES, "/sets/0/confusion", json!([[7]])),
        EVALUATE,
        &[],
    ),
    mended("a map of the set 2^60", |w| w.json(MAPS, "/maps/0/set", json!(1u64 << 60)), EVALUATE, &[]),
    mended("drift of the set 2^60", |w| w.json(DRIFT, "/rows/0/set", json!(1u64 << 60)), EVALUATE, &[]),
    refused("empty scores", |w| w.write("run/scores.csv", ""), REPORT, &["scores.csv", "evaluate"]),
    refused(
        "scores that are no text",
        |w| w.edit("run/scores.csv", |b| b[70] = 0xff),
        REPORT,
        &["scores.csv", "evaluate"],
    ),
    refused(
        "a score of an unknown method",
        |w| w.replace("run/scores.csv", "\nfinetune,", "\nmagic,"),
        REPORT,
        &["'magic'", "scores.csv, row 1"],
    ),
    refused(
        "a score of an unknown seed",
        |w| w.replace("run/scores.csv", "finetune,0,", "finetune,7,"),
        REPORT,
        &["'7'", "scores.csv, row 1"],
    ),
    refused(
        "a score of the stage 2^60",
        |w| w.replace("run/scores.csv", "finetune,0,0,", "finetune,0,1152921504606846976,"),
        REPORT,
        &["1152921504606846976", "scores.csv, row 1"],
    ),
    refused(
        "a score of an unknown set",
        |w| w.replace("run/scores.csv", "finetune,0,0,base", "finetune,0,0,lung"),
        REPORT,
        &["'lung'", "scores.csv, row 1"],
    ),
    refused(
        "a negative seed",
        |w| w.replace("run/scores.csv", "finetune,0,", "finetune,-1,"),
        REPORT,
        &["scores.csv"],
    ),
    refused(
        "a score in words",
        |w| w.replace("run/scores.csv", ",mse,", ",mse,much,"),
        REPORT,
        &["scores.csv"],
    ),
    refused(
        "half a row",
        |w| {
            w.edit("run/scores.csv", |b| {
                let n = b.len();
                b.truncate(n - 12)
            })
        },
        REPORT,
        &["scores.csv"],
    ),
    refused(
        "another header",
        |w| w.replace("run/scores.csv", "metric", "measure"),
        REPORT,
        &["scores.csv", "metric"],
    ),
    refused(
        "genes of another run",
        |w| w.replace("run/genes.csv", "\nfinetune,", "\nmagic,"),
        REPORT,
        &["'magic'", "genes.csv"],
    ),
    refused(
        "a half row of genes",
        |w| {
            w.edit("run/genes.csv", |b| {
                let n = b.len();
                b.truncate(n - 9)
            })
        },
        REPORT,
        &["genes.csv"],
    ),
    refused(
        "a confusion of a negative number",
        |w| w.edit("run/confusion.csv", |b| b.extend(b"finetune,0,0,blood,T cell,T cell,-3\n")),
        REPORT,
        &["confusion.csv", "evaluate"],
    ),
    refused(
        "an event that is none",
        |w| {
            w.edit("run/models/seed-0/shared/stage-0/events.jsonl", |b| {
                b.splice(0..0, *b"none\n").for_each(drop)
            })
        },
        REPORT,
        &["events.jsonl", "line 1"],
    ),
    refused(
        "a chain out of the folder",
        |w| w.json("run/run.json", "/methods/0/chains/0", json!("../../..")),
        REPORT,
        &["'../../..'", "run.json"],
    ),
    refused(
        "two methods of one name",
        |w| w.json("run/run.json", "/methods/1/name", json!("finetune")),
        REPORT,
        &["finetune", "run.json"],
    ),
    refused(
        "stages out of order",
        |w| w.json("run/run.json", "/stages/0/index", json!(5)),
        REPORT,
        &["index 5", "run.json"],
    ),
    refused(
        "no stages",
        |w| w.json("run/run.json", "/stages", json!([])),
        REPORT,
        &["run.json", "at least one"],
    ),
    refused("a report of two runs without a name", |_| (), "report run half", &["--out"]),
    refused("a page of one run", |_| (), "report run --out page.html", &["--out"]),
    refused("a page below a file", |_| (), "report run run --out run.toml/page.html", &["run.toml"]),
    #[cfg(unix)]
    refused(
        "a plan that leads out of the folder",
        |w| w.link_out("run/plan.toml"),
        REPORT,
        &["plan.toml", "link"],
    ),
    #[cfg(unix)]
    refused("scores that lead out of the folder", |w| w.link_out("run/scores.csv"), REPORT, &["scores.csv"]),
    #[cfg(unix)]
    refused(
        "events that lead out of the folder",
        |w| w.link_out("half/models/seed-0/shared/stage-1/events.jsonl"),
        "train half",
        &["events.jsonl", "link"],
    ),
    #[cfg(unix)]
    refused(
        "costs that lead out of the folder",
        |w| w.link_out("half/costs.csv"),
        "train half",
        &["costs.csv", "link"],
    ),
    #[cfg(unix)]
    refused("a lock that leads out of the folder", |w| w.link_out("run/.lock"), EVALUATE, &[".lock", "link"]),
    fine(
        "a metric named like a way out",
        |w| w.replace("run/scores.csv", ",mse,", ",../../../../mse,"),
        REPORT,
        &["open run/report.html"],
    ),
    fine(
        "scores that are no numbers",
        |w| w.edit("run/scores.csv", |b| b.extend(b"replay,0,0,base,mse,NaN,inf,-inf,3\n")),
        REPORT,
        &["open run/report.html"],
    ),
    fine(
        "more confused cells than can be counted",
        |w| {
            let row = |said: &str| format!("finetune,0,2,gut,T cell,{said},{}\n", u64::MAX);
            w.edit("run/confusion.csv", |b| b.extend(["T cell", "B cell"].map(row).concat().into_bytes()))
        },
        REPORT,
        &["open run/report.html"],
    ),
    fine(
        "markup in names",
        |w| w.json("run/run.json", "/command", json!("<script>alert(1)</script>")),
        REPORT,
        &["open run/report.html"],
    ),
];
