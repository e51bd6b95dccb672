//! Two teams whose models have the same name push at the same moment, again and again, while the server is killed in between: the
//! name is one team's, whichever came first, and nothing of the other is promoted.

use serde_json::Value;

use crate::environments::teams::{OTHERS, Team, is_held_up_for_its_owner};
use crate::environments::world::prepare;
use crate::support::{DEADLINE, text};

/// Pushes of each team.
const ROUNDS: u32 = 4;

#[tokio::test]
async fn of_two_teams_with_equal_model_names_one_promotes_and_the_other_waits_for_a_person() {
    let mut bench = prepare(&[("staging", "")], "").await;
    let team = Team::beside(&bench).await;
    bench.restart(&[]).await;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (our, their) = (format!("seed: {}", 100 + round), 200 + round);
        let (one, other) = tokio::join!(bench.push_with("seed: 7", &our), team.push(&bench, their));
        if round == 0 {
            // Neither is anybody's yet: both are on their way, and the server is killed before either has landed or after.
            bench.take_server().kill_9().await.expect("killed");
            bench.restart(&[]).await;
        }
        // Looked at now: what waits for a person is superseded by the next push.
        for (head, runs) in [(&one, &mut ours), (&other, &mut theirs)] {
            runs.push(bench.api().wait_for_end(head, DEADLINE).await.expect("it ends"));
        }
    }
    let (mut landed, mut refused, mut lost) = ([0_u32; 2], [0_u32; 2], 0_u32);
    let owner = if text(&ours[0], "state") == "done" { "digits" } else { OTHERS };
    for (index, runs) in [&ours, &theirs].into_iter().enumerate() {
        for run in runs {
            let run: &Value = run;
            match text(run, "state") {
                "done" => landed[index] += 1,
                _ if is_held_up_for_its_owner(run, owner) => refused[index] += 1,
                other => {
                    eprintln!("{other}: {run:#}");
                    lost += 1;
                }
            }
        }
    }
    let promotions = u32::try_from(bench.promotions().await).expect("few");
    let (tried, all) = (2 * ROUNDS, landed[0] + landed[1]);
    let doubled = promotions.saturating_sub(all);
    println!(
        "two teams with equal model names: {tried} tried, {all} landed (all of `{owner}`), {} held up, {lost} lost, {doubled} doubled",
        refused[0] + refused[1]
    );
    let (mine, others) = if owner == "digits" { (0, 1) } else { (1, 0) };
    assert_eq!((landed[mine], refused[mine]), (ROUNDS, 0), "the owner lost something");
    assert_eq!((landed[others], refused[others]), (0, ROUNDS), "the name was taken over");
    assert_eq!((lost, doubled, promotions), (0, 0, ROUNDS));
    bench.finish().await;
}
