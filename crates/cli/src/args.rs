//! The command line: every command, flag and example.

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use genil_data::Importance;
use std::path::PathBuf;

/// Gene incremental learning for single-cell transcriptomics.
///
/// A model learns new genes stage by stage; genil measures what each gene set lost and keeps that loss near zero.
#[derive(Debug, Parser)]
#[command(name = "genil", version, after_help = FIRST_STEPS)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Threads; the results do not depend on it [default: one for each core].
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,
    /// Print nothing but errors and what --json asks for.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// How progress is shown on standard error.
    #[arg(long, global = true, value_enum, default_value_t = ProgressStyle::Auto, value_name = "STYLE")]
    pub progress: ProgressStyle,
}

const FIRST_STEPS: &str = "\
First steps:
  genil demo                         everything on a synthetic data set, with a report
  genil import pbmc3k.h5ad --out pbmc3k.store
  genil plan --cells corpus.store --stage pbmc3k.store:cell_type --top 100 --out plan.toml
  genil train run.toml && genil evaluate runs/run && genil report runs/run

Exit status: 0 done, 1 something was wrong (a message says what, where and what to do), 2 wrong arguments.";

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressStyle {
    /// Bars on a terminal, else a line for each part.
    Auto,
    /// Bars.
    Bar,
    /// One JSON object a line.
    Json,
    /// Nothing.
    None,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run everything on a synthetic data set with a known answer.
    Demo(DemoArgs),
    /// Bring .h5ad files, 10x data or texts into a store.
    Import(ImportArgs),
    /// Decide which genes and cells belong to which stage.
    Plan(PlanArgs),
    /// Train every stage, for each method and seed; goes on where it stopped.
    Train(TrainArgs),
    /// Measure regression and classification of every model of a run.
    Evaluate(EvaluateArgs),
    /// Write tables, figures and one HTML page of a run.
    Report(ReportArgs),
    /// Compare the names of a file's genes with those that a model knows.
    Check(CheckArgs),
    /// Write what a model makes of the cells of a file, or of its genes: embeddings.
    Embed(EmbedArgs),
    /// Say in plain words what a store, plan, model or run is.
    Inspect(InspectArgs),
    /// Run methods × seeds × settings in one go; or measure the engine ('bench step').
    Bench(BenchArgs),
}

/// `genil demo`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:\n  genil demo --out demo && open demo/report.html")]
pub struct DemoArgs {
    /// The run folder; an unfinished demo there goes on.
    #[arg(long, default_value = "genil-demo", value_name = "DIR")]
    pub out: PathBuf,
    /// Seeds, from 0 on; intervals over seeds need at least two.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    pub seeds: u64,
    /// Make the data set and its plan in DIR/data, and train nothing.
    #[arg(long)]
    pub data_only: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `genil import`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  genil import pbmc3k.h5ad --out pbmc3k.store
  genil import a.h5ad b.h5ad filtered_feature_bc_matrix/ --out all.store
  genil import corpus.h5ad --out corpus.store --measured presence.tsv.gz:dataset
  genil import counts.csv.gz --annotations cells.csv --out counts.store
  genil import reviews/ --out reviews.store      words as genes: reviews/LABEL/*.txt

--measured TABLE:COLUMN tells which genes were measured for which cells: a table of genes × groups with 0 and 1,
and the annotation column that names each cell's group. Without it a file's genes are measured for all its cells.")]
pub struct ImportArgs {
    /// .h5ad, .zarr, .loom, 10x .h5 files or matrix folders, .parquet, text tables, or bags of words: folders of .txt,
    /// docword.NAME.txt, .svmlight; docs/formats.md has them all.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The store to write.
    #[arg(long, value_name = "STORE")]
    pub out: PathBuf,
    /// Take the counts from this layer of an AnnData or loom file (`raw` for raw/X) [default: where whole numbers are].
    #[arg(long, value_name = "NAME")]
    pub layer: Option<String>,
    /// Which genes were measured for which cells.
    #[arg(long, value_name = "TABLE:COLUMN")]
    pub measured: Option<String>,
    /// A text table with annotations of the cells: the first field is a cell's id.
    #[arg(long, value_name = "TABLE")]
    pub annotations: Option<PathBuf>,
    /// Where the genes of a text table are [default: found out by their names].
    #[arg(long, value_enum, value_name = "PLACE")]
    pub genes_in: Option<GenesPlace>,
    /// Genes are the same when their Ensembl ids are, not their symbols.
    #[arg(long)]
    pub by_ensembl: bool,
    /// Write over a store that is already there.
    #[arg(long)]
    pub replace: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Where the genes of a text table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GenesPlace {
    /// A gene a line.
    Rows,
    /// A gene a column.
    Columns,
}

/// `genil plan`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  genil plan --cells corpus.store --stage pbmc3k.store:cell_type --stage kang.store:condition --top 100 --out plan.toml

  # each stage brings its own tissues
  genil plan --cells corpus.store --base 'tissue=blood|bone marrow' \\
      --stage 'pbmc3k.store:cell_type@tissue=blood|bone marrow' \\
      --stage 'kang.store:condition@tissue=lung|kidney|retina' --top 100 --out plan.toml

--stage STORE:LABEL[@COLUMN=VALUE|VALUE…] names a labelled data set: its classes rank the stage's genes, and test
later what the model knows of them. Behind the @ stands which cells of --cells the stage is trained on (all,
shared with the other stages, if nothing is said); @self trains it on the data set's own cells. NAME@COLUMN=VALUE|…
is a stage without a labelled data set: its genes are those that vary most among its own cells.")]
pub struct PlanArgs {
    /// The store that the stages are trained on.
    #[arg(long, value_name = "STORE")]
    pub cells: PathBuf,
    /// A stage: its labelled data set, its label column, and its cells, or NAME@CELLS; give it once for each stage, in
    /// order.
    #[arg(long = "stage", required = true, value_name = "STORE:LABEL[@CELLS]")]
    pub stages: Vec<String>,
    /// The cells of the base stage [default: all, shared with the stages].
    #[arg(long, value_name = "COLUMN=VALUE|VALUE…")]
    pub base: Option<String>,
    /// Genes of each stage before the overlap rule.
    #[arg(long, default_value_t = 150, value_name = "N")]
    pub top: usize,
    /// How they are ranked: anova (F between classes), wilcoxon (each class against the rest), highly-variable, random.
    #[arg(long, default_value_t = Importance::Anova, value_name = "SCORE")]
    pub by: Importance,
    /// Labels that are no classes, besides 'unassigned', 'unknown' and the like.
    #[arg(long, value_name = "LABEL")]
    pub leave_out: Vec<String>,
    /// The column whose groups (donors) are never divided between training and test; 'none' for none
    /// [default: a column named donor, patient, sample … where that leaves every class on both sides].
    #[arg(long, value_name = "COLUMN")]
    pub group: Option<String>,
    /// A stage's genes from a file, one a line, instead of ranked ones.
    #[arg(long = "genes", value_name = "STAGE=FILE")]
    pub genes: Vec<String>,
    /// Share of the cells that the base stage gets where it meets other stages; they divide the rest evenly.
    #[arg(long, default_value_t = 0.5, value_name = "SHARE")]
    pub base_share: f64,
    /// Share of each stage's cells that is never trained on.
    #[arg(long, default_value_t = 0.1, value_name = "SHARE")]
    pub held_out: f64,
    /// Share of each labelled data set that only tests.
    #[arg(long, default_value_t = 0.3, value_name = "SHARE")]
    pub probe_test: f64,
    /// A gene belongs to the plan only if at least so many training cells express it.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub min_cells: usize,
    /// Seed of every division.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The plan to write.
    #[arg(long, value_name = "FILE", required_unless_present = "dry_run")]
    pub out: Option<PathBuf>,
    /// Say what would go where and why, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Write over a plan that is already there.
    #[arg(long)]
    pub replace: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `genil train`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Example:
  genil train run.toml          # run folder: runs/run
  genil train runs/run          # goes on where it stopped

run.toml, with everything that has no default (see 'configs/' for whole ones):
  plan = \"plan.toml\"
  seeds = [0, 1, 2]
  [methods]
  finetune = { method = \"finetune\" }
  replay-500 = { method = \"replay\", cells = 500 }
  distill = { method = \"distill\", lambda = 1.0 }
  joint = { method = \"joint\" }")]
pub struct TrainArgs {
    /// The settings, or the folder of a run that stopped.
    #[arg(value_name = "RUN.TOML")]
    pub settings: PathBuf,
    /// The run folder [default: runs/NAME beside NAME.toml].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Least time between two saved states of a stage, in seconds.
    #[arg(long, default_value_t = 30.0, value_name = "SECONDS")]
    pub save_every: f64,
    /// Keep TensorBoard event files of the losses in RUN/tensorboard while training.
    #[arg(long)]
    pub tensorboard: bool,
    /// Say which stages would be trained, with how many steps, and train nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `genil evaluate`
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example:\n  genil evaluate runs/run\n\nWrites scores.csv, genes.csv, confusion.csv and summary.csv there."
)]
pub struct EvaluateArgs {
    /// The run folder.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `genil report`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  genil report runs/run                              writes report.html, tables/ and figures/ there
  genil report runs/one runs/other --out both.html   two or more runs side by side")]
pub struct ReportArgs {
    /// The run folder; several are compared on one page.
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// The page that compares several runs.
    #[arg(long, value_name = "HTML")]
    pub out: Option<PathBuf>,
    /// Print what was written as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `genil check`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  genil check pbmc3k.h5ad --model runs/run/models/seed-0/shared/stage-1
  genil check pbmc3k.h5ad --model corpus.store --hgnc hgnc_complete_set.txt --json

Says how many genes meet, and why others do not: aliases and previous symbols (by HGNC's table), dates made by
spreadsheets, mouse genes, Ensembl ids, names with something around them, duplicates; the rest is new to the model.")]
pub struct CheckArgs {
    /// The genes: any file that 'genil import' reads, a store, or a list (.txt, a gene a line).
    #[arg(value_name = "DATA")]
    pub data: PathBuf,
    /// What knows genes: the folder of a finished stage, a store, or a list.
    #[arg(long, value_name = "MODEL")]
    pub model: PathBuf,
    /// HGNC's table of symbols, maybe gzipped (genenames.org: 'complete set').
    #[arg(long, value_name = "TABLE")]
    pub hgnc: Option<PathBuf>,
    /// Print the diagnosis as JSON, with all names to change.
    #[arg(long)]
    pub json: bool,
}

/// `genil embed`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  genil embed pbmc3k.h5ad --model runs/run/models/seed-0/shared/stage-1 --out pbmc3k-genil.h5ad
  genil embed filtered_feature_bc_matrix/ --model MODEL --out cells.parquet
  genil embed --model MODEL --genes genes.csv

The file need not be in any plan: its genes are found by their names, as 'genil check' shows. OUT.h5ad is a copy of
the file with obsm['X_genil']; scanpy goes on from there: sc.pp.neighbors(adata, use_rep='X_genil').")]
pub struct EmbedArgs {
    /// The cells: any file or folder that 'genil import' reads; an .h5ad file where OUT is one.
    #[arg(value_name = "FILE", requires = "out", required_unless_present = "genes")]
    pub file: Option<PathBuf>,
    /// The model: the folder of a finished stage.
    #[arg(long, value_name = "MODEL")]
    pub model: PathBuf,
    /// Where the embeddings go: a copy of the file (.h5ad), or a table (.csv, .parquet).
    #[arg(long, value_name = "OUT", requires = "file")]
    pub out: Option<PathBuf>,
    /// The name of the embedding in obsm.
    #[arg(long, value_name = "KEY", default_value = "X_genil")]
    pub key: String,
    /// Take the counts from this layer of an AnnData or loom file (`raw` for raw/X) [default: where whole numbers are].
    #[arg(long, value_name = "NAME")]
    pub layer: Option<String>,
    /// Write the embeddings of the model's genes to this table (.csv, .parquet).
    #[arg(long, value_name = "TABLE")]
    pub genes: Option<PathBuf>,
    /// Write over files that are already there.
    #[arg(long)]
    pub replace: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `genil inspect`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  genil inspect corpus.store
  genil inspect plan.toml
  genil inspect runs/run
  genil inspect runs/run/models/seed-0/shared/stage-1")]
pub struct InspectArgs {
    /// A store, plan, settings file, model or run.
    #[arg(value_name = "ANYTHING")]
    pub path: PathBuf,
    /// Also recompute every hash of a store.
    #[arg(long)]
    pub verify: bool,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `genil bench`
#[derive(Debug, ClapArgs)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  genil bench bench.toml --dry-run    what would be done, and how long it would take
  genil bench bench.toml              runs/bench/: a run folder for each setting, then bench.md and bench.html
  genil bench step                    how fast the engine is on this machine

bench.toml has the keys of run.toml but for the plan, which is each setting's own (see 'configs/' for whole ones):
  seeds = [0, 1, 2]
  [methods]
  finetune = { method = \"finetune\" }
  replay-500 = { method = \"replay\", cells = 500 }
  [settings.shifted]
  plan = \"plan-shifted.toml\"
  [settings.long]
  plan = \"plan-long.toml\"
  train.epochs = 2"
)]
pub struct BenchArgs {
    /// Settings × methods × seeds: trained, evaluated and reported in one go; goes on where it stopped.
    #[arg(value_name = "BENCH.TOML", required = true)]
    pub settings: Option<PathBuf>,
    /// The benchmark's folder [default: runs/NAME beside NAME.toml].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Least time between two saved states of a stage, in seconds.
    #[arg(long, default_value_t = 30.0, value_name = "SECONDS")]
    pub save_every: f64,
    /// Say what is left to do and how long it would take, and train nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print the forecast or the tables as JSON.
    #[arg(long)]
    pub json: bool,
    /// What else to measure.
    #[command(subcommand)]
    pub what: Option<BenchWhat>,
}

/// What `genil bench` measures of the engine.
#[derive(Debug, Subcommand)]
pub enum BenchWhat {
    /// Training steps: tokens in, loss, gradients, updated parameters.
    Step(BenchStepArgs),
}

/// What products are computed in.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PrecisionArg {
    F32,
    Bf16,
}

impl From<PrecisionArg> for genil_engine::Precision {
    fn from(given: PrecisionArg) -> Self {
        match given {
            PrecisionArg::F32 => Self::F32,
            PrecisionArg::Bf16 => Self::Bf16,
        }
    }
}

/// `genil bench step`; the defaults are the paper's model.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example:\n  genil bench step --cells 16 --genes 512 --dropout 0.15 --precision f32 --threads 2 --steps 5 --json"
)]
pub struct BenchStepArgs {
    /// Cells of a step.
    #[arg(long, default_value_t = 16, value_name = "N")]
    pub cells: usize,
    /// Expressed genes of a cell.
    #[arg(long, default_value_t = 512, value_name = "N")]
    pub genes: usize,
    /// Genes that the model knows.
    #[arg(long, default_value_t = 60_697, value_name = "N")]
    pub vocabulary: usize,
    /// Width of the model.
    #[arg(long, default_value_t = 256, value_name = "N")]
    pub width: usize,
    /// Encoder layers.
    #[arg(long, default_value_t = 6, value_name = "N")]
    pub layers: usize,
    /// Attention heads.
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub heads: usize,
    /// Width of the feed-forward part.
    #[arg(long, default_value_t = 256, value_name = "N")]
    pub ffn: usize,
    /// Dropout probability.
    #[arg(long, default_value_t = 0.15, value_name = "P")]
    pub dropout: f32,
    /// Share of genes asked for.
    #[arg(long, default_value_t = 0.4, value_name = "P")]
    pub masked: f64,
    /// What products are computed in; bf16 needs AVX-512 BF16.
    #[arg(long, value_enum, default_value_t = PrecisionArg::F32)]
    pub precision: PrecisionArg,
    /// Steps measured, after one that warms up.
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub steps: usize,
    /// Predictions only, as when cells are embedded.
    #[arg(long)]
    pub forward_only: bool,
    /// Print the figures as JSON.
    #[arg(long)]
    pub json: bool,
}
