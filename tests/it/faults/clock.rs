//! The clock on the wall jumps, hours ahead and days back, while runs are under way.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use slipway_testkit::{SlipwayProcess, ignore_test};

use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS, slipway, text};

/// The library that changes what a process takes for the time (Debian package `faketime`).
fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let places = folders.chain([PathBuf::from("/usr/local/lib"), PathBuf::from("/usr/lib")]);
    places.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|file| file.is_file())
}

/// A program that is `slipway` with the time that stands in `file`. Pauses go on as before: only the clock jumps.
fn with_time_of(file: &Path, library: &Path) -> PathBuf {
    let script = format!(
        "#!/bin/sh\nexport LD_PRELOAD='{}' FAKETIME_TIMESTAMP_FILE='{}' FAKETIME_NO_CACHE=1 \
         FAKETIME_DONT_FAKE_MONOTONIC=1\nexec '{}' \"$@\"\n",
        library.display(),
        file.display(),
        slipway().display()
    );
    let program = file.with_extension("sh");
    std::fs::write(&program, script).expect("written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a program");
    program
}

#[tokio::test]
async fn a_clock_that_jumps_both_ways_neither_loses_a_run_nor_promotes_one_twice() {
    let Some(library) = library() else {
        return ignore_test("libfaketime is missing", "apt-get install faketime");
    };
    let mut bench = Bench::without_server(&format!("{DEFAULT_SETTINGS}\nlimits: {{lease: 2s}}")).await;
    let time = bench.world.folder.join("time");
    std::fs::write(&time, "+0").expect("written");
    let program = with_time_of(&time, &library);
    bench.take_in(SlipwayProcess::start(&program, &bench.world.config(), &[]).await.expect("a server"));
    let jumps = ["+5h", "-3d", "+2d", "-1h"];
    for (number, jump) in jumps.iter().enumerate() {
        let head = bench.push_with("seed: 7", &format!("seed: {}", 100 + number)).await;
        let under_way = |run: &Value| run["head"] == head.as_str() && run["state"] != "queued";
        bench.api().wait_for_run("it is under way", DEADLINE, under_way).await.expect("under way");
        std::fs::write(&time, jump).expect("the clock jumps");
        let run = bench.end_of(&head).await;
        assert_eq!(text(&run, "state"), "done", "{jump}: {run:#}");
        assert_eq!(bench.promotions().await, number + 1, "{jump}");
        assert_eq!(bench.api().get("/livez").await.expect("an answer").status, 200, "{jump}");
    }
    assert_eq!(bench.api().runs().await.expect("runs").len(), jumps.len());
    println!("{} jumps: {} runs tried, all promoted, 0 lost, 0 doubled", jumps.len(), jumps.len());
    bench.finish().await;
}
