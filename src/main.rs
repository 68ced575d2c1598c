//! The `gatecrier` binary: parses arguments, sets up logging, calls [`gatecrier::cli`].

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use gatecrier::cli::{self, Arguments};
use gatecrier::terminal::escape_terminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format;

/// The system's own keeps several times what is in use, since batches are freed by other threads than took them.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.choose_colours();
    if let Err(error) = start_log(&arguments) {
        return cli::fail(&error);
    }
    cli::run(arguments)
}

/// Logs go to stderr: for people on a terminal, as JSON otherwise.
fn start_log(arguments: &Arguments) -> anyhow::Result<()> {
    let filter = arguments.log_filter();
    let filter = EnvFilter::try_new(&filter).map_err(|error| {
        anyhow::anyhow!("read the log filter `{filter}`: {error}; use `debug`, `warn,gatecrier=debug` or the like")
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if !std::io::stderr().is_terminal() {
        log.json().flatten_event(true).init();
        return Ok(());
    }
    // What stands in a field may come from outside: nothing in it may act on the terminal.
    let fields = format::debug_fn(|out, field, value| {
        let value = format!("{value:?}");
        match field.name() {
            "message" => write!(out, "{}", escape_terminal(&value)),
            name => write!(out, "{name}={}", escape_terminal(&value)),
        }
    });
    log.with_target(false).with_ansi(arguments.colours_stderr()).fmt_fields(fields.delimited(" ")).init();
    Ok(())
}
