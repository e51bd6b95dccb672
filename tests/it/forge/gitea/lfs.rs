//! Models whose rows are in the Git LFS of a real Gitea.

use slipway_testkit::WorkTree;
use slipway_testkit::gitea::Brand;

use super::{CHECK, SCOPES, World};
use crate::support::{MODEL, small_files, text};

/// The file that is in Git LFS.
const IMAGES: &str = "data/train-images";

/// Writes the pointer of the images into the work tree, and stores the images if `is_stored`. Git has no filter here, so that the
/// work tree contains the pointer.
async fn point(world: &World, content: &[u8]) -> String {
    let pointer = world.models().store_lfs("grace", &world.people.grace.1, content).await.expect("stored");
    world.bench.world.work.write(IMAGES, &pointer).expect("written");
    pointer
}

fn images() -> Vec<u8> {
    small_files().into_iter().find(|(path, _)| *path == IMAGES).expect("images").1
}

#[tokio::test]
async fn a_model_trains_on_files_in_git_lfs_and_a_pointer_that_moves_is_a_reason_to_train() {
    let Some(world) = World::start(Brand::Gitea, "all", "").await else { return };
    let rows = images();
    point(&world, &rows).await;
    let first = world.bench.promote_a_first_model().await;
    let state = world.bench.world.folder.join("state");
    let hex = slipway_contract::Digest::of(&rows).hex().to_owned();
    let cached = state.join("data/sha256").join(&hex[..2]).join(&hex);
    assert_eq!(std::fs::read(&cached).expect("it is cached"), rows);
    let artifact = text(&first, "artifact").trim_start_matches("sha256:").to_owned();
    let manifest = std::fs::read(state.join("artifacts/sha256").join(artifact).join("data.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    let expected = serde_json::json!({ "path": IMAGES, "size": rows.len(), "sha256": format!("sha256:{hex}") });
    assert_eq!(manifest["files"], serde_json::json!([expected]));

    // From the cache: the objects are gone at the server.
    let root = world.gitea.repository(super::MODELS).path().ancestors().nth(3).expect("its folder").to_owned();
    std::fs::rename(root.join("lfs"), root.join("lfs-away")).expect("moved");
    let head = world.bench.push_with("seed: 7", "seed: 8").await;
    let again = world.bench.end_of(&head).await;
    assert!(text(&again, "artifact") != text(&first, "artifact") && again["evaluation"].is_object(), "{again:#}");
    std::fs::rename(root.join("lfs-away"), root.join("lfs")).expect("moved back");

    // Another object: one row differs.
    let mut changed = rows.clone();
    *changed.last_mut().expect("a byte") ^= 1;
    point(&world, &changed).await;
    let head = world.bench.push("other rows").await;
    let run = world.bench.end_of(&head).await;
    let why = world.bench.api().get(&format!("/api/v1/runs/{}/explain", text(&run, "id"))).await.expect("a reason");
    assert!(why.text.contains("data (") && why.text.contains("files ("), "{}", why.text);

    // An object that nobody has pushed.
    let oid = "0".repeat(64);
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12\n");
    world.bench.world.work.write(IMAGES, pointer).expect("written");
    let head = world.bench.push("a pointer to nothing").await;
    let run = world.bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "refused", "{run:#}");
    let reason = text(&run, "reason");
    assert!(reason.contains(&format!("`{IMAGES}`: its Git LFS object {oid} is not on the server")), "{reason}");
    assert!(reason.contains("git lfs push --all origin"), "{reason}");
    world.bench.finish().await;
}

#[tokio::test]
async fn a_fork_reads_only_objects_that_the_base_names() {
    let Some(world) = World::start(Brand::Gitea, "all", "").await else { return };
    point(&world, &images()).await;
    world.bench.promote_a_first_model().await;
    // An object of the source that no revision of its branch names.
    let secret = world.models().store_lfs("grace", &world.people.grace.1, b"secret rows").await.expect("stored");
    let mallory = world.gitea.person("mallory").await.expect("an account");
    let token = world.gitea.token(&mallory, SCOPES).await.expect("a token");
    let fork = world.models().fork(&token).await.expect("a fork");
    let url = world.gitea.clone_url(&fork, "mallory", &token);
    let work = WorkTree::clone(&url, world.bench.world.folder.join("fork")).await.expect("a clone");
    let propose = async |branch: &str, files: &[(&str, &str)]| {
        work.git(&["checkout", "-q", "-b", branch, "origin/main"]).await.expect("a branch");
        for (path, content) in files {
            work.write(path, content).expect("written");
        }
        let head = work.commit(branch).await.expect("a commit");
        assert!(work.push(branch).await.expect("pushed").success());
        world.models().open_pull(&token, &format!("mallory:{branch}")).await.expect("a pull request");
        head
    };
    let same = propose("same", &[("slipway.yaml", &MODEL.replace("epochs: 4", "epochs: 5"))]).await;
    world.status(&same, CHECK, "success").await;
    let other = propose("other", &[(IMAGES, &secret)]).await;
    let run = world.bench.end_of(&other).await;
    assert_eq!(text(&run, "state"), "refused", "{run:#}");
    let reason = text(&run, "reason");
    assert!(
        reason.contains(&format!("{IMAGES}: the pointer to data is new, and the revision is from a fork")),
        "{reason}"
    );
    world.bench.finish().await;
}
