//! `make demo`: three pushes with the plain git client, each carried by real servers from the hook to the verdict.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program is for reading")]

mod act;
mod checks;
mod paint;
mod timeline;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use slipway_testkit::demo::{DataSet, Variant, World, model_file, model_files};
use slipway_testkit::{SlipwayProcess, built, git};

use act::{Act, Expected, Played};
use paint::Paint;

/// So much of the server's log is shown when something went wrong.
const LAST_LINES: usize = 20;

/// Shows Slipway's main job, start to end.
#[derive(Parser)]
struct Arguments {
    /// What is learnt
    #[arg(long, value_enum, default_value_t = Data::Digits)]
    data: Data,
    /// Leave everything running at the end, until Ctrl-C
    #[arg(long)]
    keep: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Data {
    Digits,
    Fashion,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let played = runtime.context("no threads could be started").and_then(|runtime| runtime.block_on(play(&arguments)));
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let paint = Paint::for_terminal();
            eprintln!("\n{} {error:#}", paint.bad("The demo did not go as described:"));
            ExitCode::FAILURE
        }
    }
}

async fn play(arguments: &Arguments) -> Result<()> {
    let (paint, begun) = (Paint::for_terminal(), Instant::now());
    let data = match arguments.data {
        Data::Digits => DataSet::Digits,
        Data::Fashion => DataSet::Fashion,
    };
    let slipway = built("slipway")?;
    let world = World::make(&fresh_folder()?, data).await?;
    let server = SlipwayProcess::start(&slipway, &world.config(), &[]).await?;
    world.install_hook(&slipway, &server)?;
    println!("{}", paint.title("Three pushes, two repositories, one controller"));
    println!("  model repository        {}", world.git.url("models.git"));
    println!("  environment repository  {}", world.git.url("environment.git"));
    println!("  slipway serve           {}", server.address());

    let acts = match play_acts(&world, &server, &paint).await {
        Ok(acts) => acts,
        Err(error) => {
            show_log_tail(&server);
            return Err(error);
        }
    };
    timeline::show(&acts, &paint)?;
    show_environment(&world, &paint).await?;
    let memory = server.resident_bytes()? >> 20;
    println!(
        "\n{} It took {:.0} s; slipway serve holds {memory} MiB.",
        paint.good("All three went as described."),
        begun.elapsed().as_secs_f64()
    );
    if arguments.keep {
        keep(&world, &server, &paint).await?;
    }
    let ended = server.terminate().await?;
    anyhow::ensure!(ended.success(), "the server did not end well: {ended}");
    world.git.stop().await;
    Ok(())
}

async fn play_acts(world: &World, server: &SlipwayProcess, paint: &Paint) -> Result<Vec<Played>> {
    let mut acts = Vec::new();
    for (path, content) in model_files(world.data)? {
        world.work.write(path, content)?;
    }
    let acts_to_play = [
        ("1. A first model", "Add a convolutional classifier", Variant::Good, Expected::FirstPromotion),
        ("2. A worse one", "Learn a hundred times slower", Variant::Worse, Expected::Refusal),
        ("3. A better one", "Normalise, and learn longer", Variant::Better, Expected::Promotion),
    ];
    for (title, message, variant, expected) in acts_to_play {
        world.work.write("slipway.yaml", model_file(world.data, variant)?)?;
        acts.push(Act { title, message, expected }.play(world, server, paint).await?);
    }
    Ok(acts)
}

/// The end of the server's log: it usually knows why.
fn show_log_tail(server: &SlipwayProcess) {
    let log = server.errors();
    let lines: Vec<_> = log.lines().collect();
    eprintln!("\nThe last lines of the server's log:");
    for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
        eprintln!("  {line}");
    }
}

/// A folder for this time; what an earlier demo left is removed.
fn fresh_folder() -> Result<std::path::PathBuf> {
    let folder = Path::new("target").join("demo");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("an earlier demo's folder cannot be removed")?;
    }
    Ok(folder)
}

async fn show_environment(world: &World, paint: &Paint) -> Result<()> {
    println!("\n{}", paint.title("The environment repository"));
    let log = world.environment.log("main", &["--format=%h %s"]).await?;
    for line in log.lines() {
        println!("  {line}");
    }
    println!("\n{}", paint.title("Its last commit"));
    let shown =
        git::run(world.environment.path(), &["show", "--no-color", "--unified=0", "--format=%B", "main"]).await?;
    for line in shown.lines() {
        let painted = match line.as_bytes().first() {
            Some(b'+') => paint.good(line),
            Some(b'-') if !line.starts_with("- ") => paint.bad(line),
            _ => line.to_owned(),
        };
        println!("  {painted}");
    }
    Ok(())
}

async fn keep(world: &World, server: &SlipwayProcess, paint: &Paint) -> Result<()> {
    println!("\n{}", paint.title("Push by hand"));
    println!("  git clone {}", world.git.url("models.git"));
    println!("  git clone {}", world.git.url("environment.git"));
    let (server, token) = (server.address(), world.token_file());
    println!("  target/debug/slipway runs list --server {server} --token-file {}", token.display());
    println!("  Ctrl-C ends it.");
    tokio::signal::ctrl_c().await.context("Ctrl-C cannot be waited for")
}
