//! Pages are played: their commands are typed in a shell, and say what the page shows.

use super::fence::{Block, blocks, commands};
use super::inventory::{Entry, entry_of};
use super::session::{Session, World};
use super::worlds;

macro_rules! played {
    ($($test:ident: $page:literal in $world:path;)*) => {
        /// Pages whose console blocks are run.
        pub(super) const PLAYED: &[&str] = &[$($page),*];
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                play($page, $world().await).await;
            }
        )*
    };
}

played! {
    the_readme_is_played: "README.md" in worlds::checkout;
    the_page_of_adoption_is_played: "docs/adoption.md" in worlds::adoption;
    the_page_of_environments_is_played: "docs/environments.md" in worlds::environments;
    the_page_of_evaluation_folders_is_played: "docs/evaluation-folders.md" in worlds::evaluations;
    the_page_of_export_is_played: "docs/export.md" in worlds::credit;
    the_page_of_forges_is_played: "docs/forges.md" in worlds::forges;
    the_page_of_models_is_played: "docs/models.md" in worlds::digits;
    the_page_of_operating_is_played: "docs/operating.md" in worlds::operating;
    the_page_of_policies_is_played: "docs/policies.md" in worlds::small_model;
    the_page_of_reports_is_played: "docs/reports.md" in worlds::reports;
    the_page_of_settings_is_played: "docs/settings.md" in worlds::settings;
    the_page_of_updates_is_played: "docs/updates.md" in worlds::quarantine;
}

async fn play(page: &'static str, world: World) {
    let played = tokio::task::spawn_blocking(move || {
        let mut session = Session::new(world);
        let faults: Vec<String> = blocks(page)
            .iter()
            .filter_map(|block| {
                let entry = entry_of(block).unwrap_or_default();
                let played = if entry.is_left_out() { Ok(()) } else { play_block(&mut session, block, &entry) };
                played.err().map(|fault| format!("{page}:{}: {fault}", block.line))
            })
            .collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    });
    played.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
}

fn play_block(session: &mut Session, block: &Block, entry: &Entry) -> Result<(), String> {
    if let Some(before) = &entry.before {
        session.must(before);
    }
    if let Some(file) = &entry.file {
        let path = session.folder().join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, session.here(&block.text())).expect("written");
    }
    if let Some(command) = &entry.output_of {
        session.play(command, &block.lines, entry.exit, entry.waits)?;
    }
    if block.language == "console" {
        let commands = commands(block);
        for (index, (command, shown)) in commands.iter().enumerate() {
            let code = if index + 1 == commands.len() { entry.exit } else { 0 };
            if command.starts_with("slipway serve") {
                session.begin(command, shown)?;
            } else {
                session.play(command, shown, code, entry.waits)?;
            }
        }
    }
    Ok(())
}
