//! The server as its owner meets it: settings, addresses, tokens, memory, health.

use std::process::Command;

use slipway_testkit::SlipwayProcess;

use crate::support::{Bench, slipway};

#[tokio::test]
async fn mistakes_in_the_settings_are_named_all_at_once_with_their_places() {
    let bench = Bench::without_server("executor: {local: {deadline: 0s, memory: 1KiB}}").await;
    let settings = std::fs::read_to_string(bench.world.config()).expect("settings");
    let settings = settings.replace("./secret", "./nothing").replace("environment: staging", "environment: nowhere");
    std::fs::write(bench.world.config(), settings).expect("written");
    let output =
        Command::new(slipway()).args(["serve", "--config"]).arg(bench.world.config()).output().expect("it ran");
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    for expected in [
        "server.yaml:6:",
        "sources[0].environment: `nowhere` is not among `environments`",
        "sources[0].secret: the file `",
        "executor.local.deadline:",
        "is not a positive duration",
    ] {
        assert!(errors.contains(expected), "expected `{expected}`, came: {errors}");
    }
}

#[tokio::test]
async fn an_unknown_key_in_the_settings_is_refused_with_a_suggestion() {
    let bench = Bench::without_server("executer: {local: {}}").await;
    let error = SlipwayProcess::start(&slipway(), &bench.world.config(), &[]).await.expect_err("refused").to_string();
    assert!(error.contains("server.yaml:10:1: unknown key `executer`"), "{error}");
    assert!(error.contains("did you mean `executor`?"), "{error}");
}

#[tokio::test]
async fn refusals_of_the_api_are_problem_documents() {
    let bench = Bench::start().await;
    let unknown = "/api/v1/runs/01a20cf5-81a7-743a-b9a9-2b00f57f7e69";
    for (path, status) in [("/nowhere", 404), ("/api/v1/runs/one", 400), (unknown, 404)] {
        let answer = bench.api().get(path).await.expect("an answer");
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.json["status"], status, "{path}");
        assert!(answer.json["detail"].is_string(), "{path}: {}", answer.text);
    }
    bench.finish().await;
}

#[tokio::test]
async fn an_idle_server_holds_less_than_fifteen_mebibytes_of_its_own() {
    // What is resident together with the pages of the program file depends on the build; `make bench-train` holds it against 30 MB.
    let bench = Bench::start().await;
    assert_eq!(bench.api().get("/readyz").await.expect("an answer").status, 200);
    let own = bench.server().anonymous_bytes().expect("memory");
    assert!(own < 15 << 20, "{} MiB", own >> 20);
    bench.finish().await;
}

#[test]
fn the_controller_links_no_libtorch() {
    let output =
        Command::new("readelf").args(["--dynamic", "--wide"]).arg(slipway()).output().expect("readelf of binutils");
    let dynamic = String::from_utf8_lossy(&output.stdout);
    let needed: Vec<&str> = dynamic.lines().filter(|line| line.contains("(NEEDED)")).collect();
    assert!(needed.iter().any(|line| line.contains("[libc.so.6]")), "no dynamic section was read: {dynamic}");
    assert!(!needed.iter().any(|line| line.contains("torch") || line.contains("c10")), "{needed:#?}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_a_mistake_in_the_settings_and_no_defect() {
    let bench = Bench::without_server("executor: {local: {}}").await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let settings = std::fs::read_to_string(bench.world.config()).expect("settings");
    let port = taken.local_addr().expect("an address").port();
    let settings = settings.replace("listen: 127.0.0.1:0", &format!("listen: 127.0.0.1:{port}"));
    std::fs::write(bench.world.config(), settings).expect("written");
    let output =
        Command::new(slipway()).args(["serve", "--config"]).arg(bench.world.config()).output().expect("it ran");
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    for expected in ["cannot listen on 127.0.0.1:", "another process uses the port", "set another `listen`"] {
        assert!(errors.contains(expected), "expected `{expected}`, came: {errors}");
    }
}
