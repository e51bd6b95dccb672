//! Tests: artifacts are read back unchanged or not at all, and damaged files are healed.

use super::*;

fn weights() -> Vec<u8> {
    [&2_u64.to_le_bytes()[..], b"{}", &vec![7; 3 << 20]].concat()
}

struct World {
    folder: tempfile::TempDir,
    artifacts: ObjectArtifacts,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let artifacts = ObjectArtifacts::in_folder(
            &folder.path().join("store"),
            &[folder.path().join("copy")],
            Some("s3://models/"),
        )
        .expect("a store");
        Self { folder, artifacts }
    }

    fn file(&self, name: &str, content: &[u8]) -> std::path::PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        path
    }

    fn stored(&self, artifact: &Digest) -> std::path::PathBuf {
        self.folder.path().join("store/sha256").join(artifact.hex()).join(WEIGHTS)
    }
}

#[tokio::test]
async fn the_model_of_a_program_has_any_format_and_heals_like_weights() {
    let world = World::new();
    let pickle = world.file("model", b"\x80\x02}q\x00.");
    let artifact = world.artifacts.put_program_model(&pickle).await.expect("stored");
    assert_eq!(artifact, Digest::of(b"\x80\x02}q\x00."));
    let back = world.folder.path().join("back");
    world.artifacts.get_weights(&artifact, &back).await.expect("read");
    assert_eq!(std::fs::read(&back).expect("a file"), b"\x80\x02}q\x00.");
    let stored = world.stored(&artifact).with_file_name(PROGRAM_MODEL);
    std::fs::write(&stored, b"damaged").expect("damaged");
    assert!(world.artifacts.get_weights(&artifact, &back).await.expect_err("damaged").is_lost());
    world.artifacts.put_program_model(&pickle).await.expect("stored again");
    world.artifacts.get_weights(&artifact, &back).await.expect("read");
}

#[tokio::test]
async fn weights_come_back_as_they_were_stored_however_often() {
    let world = World::new();
    let file = world.file("weights", &weights());
    let artifact = world.artifacts.put_weights(&file).await.expect("stored");
    assert_eq!(artifact, Digest::of(&weights()));
    assert_eq!(world.artifacts.put_weights(&file).await.expect("stored again"), artifact);
    let back = world.folder.path().join("back");
    world.artifacts.get_weights(&artifact, &back).await.expect("read");
    assert_eq!(std::fs::read(back).expect("a file"), weights());
    assert_eq!(world.artifacts.uri(&artifact), format!("s3://models/sha256/{}", artifact.hex()));
}

#[tokio::test]
async fn damaged_weights_are_not_handed_out() {
    let world = World::new();
    let artifact = world.artifacts.put_weights(&world.file("weights", &weights())).await.expect("stored");
    let mut damaged = weights();
    *damaged.last_mut().expect("bytes") = 8;
    std::fs::write(world.stored(&artifact), damaged).expect("written");
    let back = world.folder.path().join("back");
    let error = world.artifacts.get_weights(&artifact, &back).await.expect_err("damaged");
    assert!(matches!(error, ArtifactError::Damaged { .. }), "{error}");
    assert!(!back.exists() && !back.with_extension("partial").exists());
}

#[tokio::test]
async fn a_half_written_file_is_written_again() {
    let world = World::new();
    let file = world.file("weights", &weights());
    let artifact = world.artifacts.put_weights(&file).await.expect("stored");
    std::fs::write(world.stored(&artifact), &weights()[..1000]).expect("cut");
    world.artifacts.put_weights(&file).await.expect("stored again");
    assert_eq!(std::fs::read(world.stored(&artifact)).expect("a file"), weights());
}

#[tokio::test]
async fn missing_weights_and_foreign_formats_are_named() {
    let world = World::new();
    let nothing = Digest::of(b"nothing");
    let error = world.artifacts.get_weights(&nothing, &world.folder.path().join("x")).await.expect_err("missing");
    assert!(matches!(error, ArtifactError::Missing { .. }), "{error}");
    let pickle = world.file("model.safetensors", b"\x80\x02}q\x00.");
    let error = world.artifacts.put_weights(&pickle).await.expect_err("a pickle").to_string();
    assert!(error.contains("is a Python pickle, expected safetensors"), "{error}");
}

#[tokio::test]
async fn a_document_with_another_digest_is_refused() {
    let world = World::new();
    let artifact = Digest::of(b"weights");
    let digest = world.artifacts.put_document(&artifact, "evidence.json", b"{}".to_vec()).await.expect("stored");
    let read = world.artifacts.get_document(&artifact, "evidence.json", &digest).await;
    assert_eq!(read.expect("read"), b"{}");
    let other = world.artifacts.get_document(&artifact, "evidence.json", &artifact).await;
    assert!(matches!(other, Err(ArtifactError::Damaged { .. })));
}

fn move_to_trash(world: &World) -> usize {
    std::fs::read_dir(world.folder.path().join("store/damaged")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn damaged_weights_of_the_same_length_are_written_again_by_the_next_training() {
    let world = World::new();
    let file = world.file("weights", &weights());
    let artifact = world.artifacts.put_weights(&file).await.expect("stored");
    let mut damaged = weights();
    *damaged.last_mut().expect("bytes") = 8;
    std::fs::write(world.stored(&artifact), &damaged).expect("written");
    world.artifacts.put_weights(&file).await.expect("stored again");
    assert_eq!(std::fs::read(world.stored(&artifact)).expect("a file"), weights());
    assert_eq!(move_to_trash(&world), 1, "the damaged file is kept where nobody reads it");
}

#[tokio::test]
async fn damaged_and_missing_weights_are_healed_from_a_good_copy() {
    let world = World::new();
    let artifact = world.artifacts.put_weights(&world.file("weights", &weights())).await.expect("stored");
    let copy = world.folder.path().join("copy").join(relative(&artifact, WEIGHTS));
    std::fs::create_dir_all(copy.parent().expect("a folder")).expect("a folder");
    std::fs::write(&copy, weights()).expect("written");
    let back = world.folder.path().join("back");
    std::fs::write(world.stored(&artifact), b"damaged").expect("written");
    world.artifacts.get_weights(&artifact, &back).await.expect("healed");
    assert_eq!(std::fs::read(&back).expect("a file"), weights());
    assert_eq!(std::fs::read(world.stored(&artifact)).expect("a file"), weights());
    std::fs::remove_file(world.stored(&artifact)).expect("removed");
    world.artifacts.get_weights(&artifact, &back).await.expect("healed");
    assert_eq!(move_to_trash(&world), 1);
    std::fs::write(&copy, b"damaged as well").expect("written");
    std::fs::write(world.stored(&artifact), b"damaged").expect("written");
    let error = world.artifacts.get_weights(&artifact, &back).await.expect_err("no good copy");
    assert!(error.is_lost(), "{error}");
}

#[tokio::test]
async fn a_damaged_document_is_healed_from_a_good_copy() {
    let world = World::new();
    let artifact = Digest::of(b"weights");
    let digest = world.artifacts.put_document(&artifact, "evidence/a.json", b"{}".to_vec()).await.expect("stored");
    let stored = world.folder.path().join("store").join(relative(&artifact, "evidence/a.json"));
    let copy = world.folder.path().join("copy").join(relative(&artifact, "evidence/a.json"));
    std::fs::create_dir_all(copy.parent().expect("a folder")).expect("a folder");
    std::fs::copy(&stored, copy).expect("copied");
    std::fs::write(&stored, b"[]").expect("damaged");
    let read = world.artifacts.get_document(&artifact, "evidence/a.json", &digest).await;
    assert_eq!(read.expect("healed"), b"{}");
    assert_eq!(std::fs::read(stored).expect("a file"), b"{}");
}

#[tokio::test]
async fn what_was_removed_comes_back_when_it_is_read_until_it_is_purged() {
    let world = World::new();
    let artifact = world.artifacts.put_weights(&world.file("weights", &weights())).await.expect("stored");
    let back = world.folder.path().join("back");
    world.artifacts.move_to_trash(&artifact, Timestamp::now()).await.expect("set aside");
    assert_eq!(world.artifacts.artifacts().await.expect("listed"), []);
    let removed = world.artifacts.removed().await.expect("listed");
    assert_eq!(removed.iter().map(|removed| &removed.artifact).collect::<Vec<_>>(), [&artifact]);
    world.artifacts.get_weights(&artifact, &back).await.expect("brought back");
    assert_eq!(world.artifacts.artifacts().await.expect("listed"), std::slice::from_ref(&artifact));
    assert_eq!(world.artifacts.removed().await.expect("listed"), []);
    world.artifacts.move_to_trash(&artifact, Timestamp::now()).await.expect("set aside");
    for removed in world.artifacts.removed().await.expect("listed") {
        world.artifacts.purge(&removed).await.expect("purged");
    }
    let error = world.artifacts.get_weights(&artifact, &back).await.expect_err("gone");
    assert!(matches!(error, ArtifactError::Missing { .. }), "{error}");
}

#[tokio::test]
async fn weights_that_are_stored_while_they_are_set_aside_are_whole() {
    let world = World::new();
    let file = world.file("weights", &weights());
    let artifact = world.artifacts.put_weights(&file).await.expect("stored");
    world.artifacts.put_document(&artifact, "card.json", b"{}".to_vec()).await.expect("stored");
    world.artifacts.move_to_trash(&artifact, Timestamp::now()).await.expect("set aside");
    world.artifacts.put_weights(&file).await.expect("stored again");
    assert!(world.artifacts.restore(&artifact).await.expect("merged"));
    let names: Vec<String> =
        world.artifacts.files(&artifact).await.expect("listed").into_iter().map(|file| file.name).collect();
    assert_eq!(names, ["card.json", WEIGHTS]);
}
