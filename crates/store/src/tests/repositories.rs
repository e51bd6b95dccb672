//! Tests of the repositories of sources, and of the origin of pull requests and merge groups.

use super::{World, name, on_both_databases, sha};
use crate::{Learned, PinnedRepository};
use slipway_domain::{ForgeId, Repository};

fn repository(id: u64, full_name: &str) -> Repository {
    Repository { id: ForgeId::from(id), full_name: full_name.to_owned() }
}

impl World {
    async fn pinned(&self) -> PinnedRepository {
        self.store.repository_of(&name("models")).await.expect("asked").expect("pinned")
    }
}

on_both_databases! {
    async fn a_repository_is_pinned_once_renamed_refused_and_replaced_by_a_person_alone(world: World) {
        let (source, ours, other) = (name("models"), repository(41, "team/models"), repository(99, "team/models"));
        assert_eq!(world.store.repository_of(&source).await.expect("asked"), None);
        let first = world.store.pin_repository(&source, &ours, Learned::Delivery).await.expect("pinned");
        let second = world.store.pin_repository(&source, &other, Learned::Api).await.expect("asked");
        assert_eq!((&first, &second.repository), (&second, &ours), "the first one counts, whoever comes later");

        world.store.rename_repository(&source, &repository(41, "team/predictions")).await.expect("renamed");
        world.store.rename_repository(&source, &repository(99, "eve/models")).await.expect("another's name");
        assert_eq!(world.pinned().await.repository.full_name, "team/predictions");
        world.store.refuse_repository(&source, &ours.id, Some(&other.id)).await.expect("refused");
        assert_eq!(world.pinned().await.refused, Some(other.id.clone()));
        world.store.refuse_repository(&source, &ours.id, None).await.expect("taken back");
        assert_eq!(world.pinned().await.refused, None);

        world.store.refuse_repository(&source, &ours.id, Some(&other.id)).await.expect("refused");
        for _ in 0..2 {
            world.store.accept_repository(&source, &other, Learned::Person).await.expect("accepted");
        }
        let PinnedRepository { repository, learned, refused, former, .. } = world.pinned().await;
        assert_eq!((repository, learned, refused, former), (other.clone(), Learned::Person, None, Some(ours.id)));
        world.store.pin_repository(&name("branch"), &other, Learned::Delivery).await.expect("pinned");
        let sources = world.store.sources_of_repository(&other.id).await.expect("asked");
        assert_eq!(sources, [name("branch"), source], "several sources may be one repository");
    }

    async fn where_pull_requests_and_merge_groups_come_from_is_remembered_until_the_pull_request_is_closed(world: World) {
        let source = name("models");
        let of_pull_request = async || world.store.is_from_fork(&source, 7).await.expect("asked");
        assert_eq!(of_pull_request().await, None);
        for fork in [false, true] {
            world.store.record_pull_request(&source, 7, fork).await.expect("noted");
            assert_eq!(of_pull_request().await, Some(fork));
            world.store.record_merge_group(&source, &sha('1'), fork).await.expect("noted");
            assert_eq!(world.store.group_is_from_fork(&source, &sha('1')).await.expect("asked"), Some(fork));
        }
        assert_eq!(world.store.group_is_from_fork(&source, &sha('2')).await.expect("asked"), None);
        let delivery = super::delivery_with_id("closed");
        world.store.record_delivery(&delivery).await.expect("stored");
        let nothing = crate::DeliveryOutcome::nothing(slipway_domain::DeliveryState::Done, "closed");
        let outcome = crate::DeliveryOutcome { closed: vec![7], ..nothing };
        world.store.acknowledge_deliveries(&[&delivery], &outcome).await.expect("settled");
        assert_eq!(of_pull_request().await, None);
    }
}
