//! The README's timeline, by two pushes of the example as the demo makes them.

use slipway_testkit::SlipwayProcess;
use slipway_testkit::demo::{DataSet, Step, Variant, World, model_file, model_files, steps};
use std::fmt::Write as _;

use super::fence::blocks;
use super::shape::difference;
use crate::support::{DEADLINE, slipway, text};

#[tokio::test]
async fn the_timeline_of_the_readme_is_what_its_pushes_lead_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::make(&folder.path().join("world"), DataSet::Digits).await.expect("a world");
    let server = SlipwayProcess::start(&slipway(), &world.config(), &[]).await.expect("it starts");
    world.install_hook(&slipway(), &server).expect("a hook");
    for (path, content) in model_files(DataSet::Digits).expect("the example") {
        world.work.write(path, content).expect("written");
    }
    let mut said = "Timeline\n".to_owned();
    for (title, variant) in [("1. A first model", Variant::Good), ("2. A worse one", Variant::Worse)] {
        world.work.write("slipway.yaml", model_file(DataSet::Digits, variant).expect("a variant")).expect("written");
        let (head, _) = world.push(title).await.expect("pushed");
        let run = server.api().wait_for_end(&head, DEADLINE).await.expect("it ends");
        let run = server.api().run(text(&run, "id")).await.expect("a run");
        let _ = writeln!(said, "{title}\ngit push 0.001 s commit uploaded, hook delivered");
        for Step { name, took, cause } in steps(&run).expect("steps") {
            let _ = writeln!(said, "{name} {:.3} s {cause}", took.as_secs_f64());
        }
    }
    let page = blocks("README.md");
    let shown = page.iter().find(|block| block.first_line() == "Timeline").expect("the timeline");
    assert_eq!(difference(&shown.lines, &said), None, "{said}");
    assert!(server.terminate().await.expect("it ends").success());
    world.git.stop().await;
}
