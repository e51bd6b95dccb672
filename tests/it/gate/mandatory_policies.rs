//! What the platform's owner asks for holds whatever a model's policy says, and policies stand on others of their repository.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::{document, is_done, is_refused, judged_by, policy};
use crate::support::{Bench, DEFAULT_SETTINGS, slipway, text};

#[tokio::test]
async fn a_mandatory_policy_refuses_though_the_models_own_policy_passes_and_no_exception_of_it_helps() {
    let mut bench =
        Bench::without_server(&format!("policies: {{mandatory: [floors/all.yaml]}}\n{DEFAULT_SETTINGS}")).await;
    let folder = bench.world.config().with_file_name("floors");
    std::fs::create_dir_all(&folder).expect("a folder");
    let asked = policy(&["name: floor, metric: accuracy, at_least: 0.99"]);
    std::fs::write(folder.join("all.yaml"), asked.replace("0.99", "1.99")).expect("written");
    let checked =
        std::process::Command::new(slipway()).arg("check").arg(bench.world.config()).output().expect("checked");
    assert_eq!(checked.status.code(), Some(2));
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(said.contains("floors/all.yaml:6:49: this check could never pass"), "{said}");

    std::fs::write(folder.join("all.yaml"), asked).expect("written");
    bench.restart(&[]).await;
    let lax = policy(&["name: floor, metric: accuracy, at_least: 0.1, severity: warn", "leakage: {at_most: 0.5}"]);
    let until = TimeZone::UTC.to_datetime(Timestamp::now()).date().saturating_add(20.days());
    let exception = format!("{{model: digits, check: floor, reason: none, approver: ada, expires: {until}}}");
    let lax = format!("{lax}  exceptions:\n    - {exception}\n");
    let run = judged_by(&bench, &lax, 8).await;
    is_refused(&run, "the policy asks for at least 0.99 (floors/all.yaml:6)");
    let verdict = &run["verdict"];
    assert_eq!(text(&verdict["mandatory_policies"][0], "policy"), "floors/all.yaml", "{verdict:#}");
    assert_eq!(bench.promotions().await, 0);
    bench.finish().await;
}

#[tokio::test]
async fn a_policy_stands_on_another_of_its_repository_at_the_revision_before_the_push() {
    let bench = Bench::start().await;
    let base = policy(&["metric: accuracy, at_least: 0.99"]);
    bench.world.work.write("policies/base.yaml", &base).expect("written");
    let own =
        policy(&["metric: accuracy, at_least: 0.1"]).replace("spec:\n", "spec:\n  extends: [policies/base.yaml]\n");
    is_refused(&judged_by(&bench, &own, 8).await, "the policy asks for at least 0.99 (policies/base.yaml:6)");
    // A push that loosens what its policy stands on is judged by what stood there before.
    bench.world.work.write("policies/base.yaml", base.replace("0.99", "0.2")).expect("written");
    let head = bench.push_with("seed: 7", "seed: 9").await;
    is_refused(&bench.end_of(&head).await, "at least 0.99 (policies/base.yaml:6)");
    let head = bench.push_with("seed: 7", "seed: 10").await;
    let run = bench.end_of(&head).await;
    is_done(&run);
    let evidence = document(&bench, text(&run, "artifact"), &format!("evidence/{}.json", text(&run, "id")));
    assert_eq!(evidence["verdict"]["checks"][0]["file"], "policies/base.yaml");

    let outside = own.replace("policies/base.yaml", "../base.yaml");
    let run = judged_by(&bench, &outside, 11).await;
    is_refused(&run, "policy.yaml:5:13: `../base.yaml` cannot be extended: the path leaves the repository");
    assert!(run["artifact"].is_null(), "nothing is trained that could not be judged");
    bench.finish().await;
}
