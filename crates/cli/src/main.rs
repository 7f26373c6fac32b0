//! The `genil` command: a table of contents. Each command lives in its own file under `commands`.

mod args;
mod commands;
mod output;
mod progress;

use args::{Args, Command};
use clap::Parser;
use genil_base::Error;
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = Args::parse();
    let output = Output::new(&args);
    let done =
        threads(args.threads).and_then(|()| run(&args.command, &output)).and_then(|()| output.arrived());
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::from(1)
        }
    }
}

fn run(command: &Command, output: &Output) -> genil_base::Result<()> {
    match command {
        Command::Demo(args) => commands::demo::run(args, output),
        Command::Import(args) => commands::import::run(args, output),
        Command::Plan(args) => commands::plan::run(args, output),
        Command::Train(args) => commands::train::run(args, output),
        Command::Evaluate(args) => commands::evaluate::run(args, output),
        Command::Report(args) => commands::report::run(args, output),
        Command::Check(args) => commands::check::run(args, output),
        Command::Embed(args) => commands::embed::run(args, output),
        Command::Inspect(args) => commands::inspect::run(args, output),
        Command::Bench(args) => commands::bench::run(args, output),
    }
}

/// More than any machine has cores.
const MOST_THREADS: usize = 1024;

/// Sets the number of threads; results do not depend on it.
fn threads(wanted: Option<usize>) -> genil_base::Result<()> {
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = wanted {
        if threads > MOST_THREADS {
            return Err(Error::new(format!("--threads {threads} is more than {MOST_THREADS}"))
                .help("leave it away for one thread on each core"));
        }
        pool = pool.num_threads(threads);
    }
    pool.build_global()
        .map_err(|e| Error::new(format!("cannot start threads: {e}")).help("ask for fewer with --threads"))
}
