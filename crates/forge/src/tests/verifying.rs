//! Which deliveries are let in: every recorded one, and none that is changed, kept too long, or another forge's.

use std::collections::BTreeMap;

use super::{ALL, Recorded, SIGNED_AT, at, recorded, secrets, verify};
use crate::{ForgeError, Headers as _, Settings, standard_webhooks};

#[test]
fn the_current_and_the_previous_secret_verify_and_no_other_does() {
    for (settings, folder) in ALL {
        for delivery in recorded(folder) {
            let name = &delivery.name;
            assert!(
                verify(settings, &delivery, &["the secret of today", "s3cr3t-for-tests"], SIGNED_AT).is_ok(),
                "{name}"
            );
            for texts in [&["another secret of theirs"][..], &["s3cr3t-for-test5"], &[]] {
                let error = verify(settings, &delivery, texts, SIGNED_AT).expect_err(name);
                assert!(matches!(error, ForgeError::Unverified { .. }), "{name}: {error}");
            }
        }
    }
}

#[test]
fn one_changed_byte_is_detected_wherever_it_is() {
    for (settings, folder) in ALL {
        for mut delivery in recorded(folder) {
            if delivery.headers.has("x-gitlab-token") {
                continue; // shows the secret and signs nothing
            }
            for at in [0, delivery.body.len() / 2, delivery.body.len() - 1] {
                delivery.body[at] ^= 1;
                assert!(verify(settings, &delivery, &["s3cr3t-for-tests"], SIGNED_AT).is_err(), "{}", delivery.name);
                delivery.body[at] ^= 1;
            }
        }
    }
}

#[test]
fn a_delivery_without_the_header_that_verifies_it_is_refused_by_the_headers_name() {
    for (settings, folder) in ALL {
        for mut delivery in recorded(folder) {
            delivery.headers.retain(|name, _| !name.contains("signature") && name != "x-gitlab-token");
            let error = verify(settings, &delivery, &["s3cr3t-for-tests"], SIGNED_AT).expect_err(&delivery.name);
            assert!(error.to_string().contains("missing"), "{}: {error}", delivery.name);
        }
    }
}

#[test]
fn what_gitea_and_forgejo_send_is_never_taken_for_githubs() {
    for folder in ["gitea", "forgejo"] {
        for delivery in recorded(folder) {
            let error = verify(Settings::GitHub, &delivery, &["s3cr3t-for-tests"], SIGNED_AT).expect_err("refused");
            let text = "the delivery is from Gitea, Forgejo or Gogs, but the source is configured as `forge: github`";
            assert_eq!(error.to_string(), text);
        }
    }
}

#[test]
fn forgejos_own_signature_has_to_hold_even_where_giteas_does() {
    let mut delivery = recorded("forgejo").remove(0);
    delivery.headers.insert("x-forgejo-signature".to_owned(), "00".repeat(32));
    assert!(verify(Settings::Gitea, &delivery, &["s3cr3t-for-tests"], SIGNED_AT).is_err());
}

fn signed_by_gitlab() -> Recorded {
    recorded("gitlab").into_iter().find(|delivery| delivery.name == "push_update_signed").expect("recorded")
}

#[test]
fn a_signed_delivery_of_gitlab_is_taken_within_five_minutes_in_both_directions() {
    let delivery = signed_by_gitlab();
    for (now, taken) in [(-301, false), (-300, true), (0, true), (300, true), (301, false)] {
        let result = verify(Settings::GitLab, &delivery, &["s3cr3t-for-tests"], SIGNED_AT + now);
        assert_eq!(result.is_ok(), taken, "{now} s: {result:?}");
    }
}

#[test]
fn a_bad_signature_of_gitlab_is_not_made_good_by_the_token() {
    for (name, value) in [
        ("webhook-signature", "v1,AAAA"),
        ("webhook-signature", "nonsense"),
        ("webhook-id", "another"),
        ("webhook-timestamp", "1790000001"),
        ("webhook-timestamp", "soon"),
        ("webhook-timestamp", "-9223372036854775808"),
    ] {
        let mut delivery = signed_by_gitlab();
        delivery.headers.insert("x-gitlab-token".to_owned(), "s3cr3t-for-tests".to_owned());
        delivery.headers.insert(name.to_owned(), value.to_owned());
        let result = verify(Settings::GitLab, &delivery, &["s3cr3t-for-tests"], SIGNED_AT);
        assert!(matches!(result, Err(ForgeError::Unverified { .. })), "{name}: {value}: {result:?}");
    }
}

#[test]
fn one_good_signature_among_several_is_enough() {
    let mut delivery = signed_by_gitlab();
    let good = delivery.headers["webhook-signature"].clone();
    delivery.headers.insert("webhook-signature".to_owned(), format!("v2,xyz v1,AAAA {good}"));
    assert!(verify(Settings::GitLab, &delivery, &["s3cr3t-for-tests"], SIGNED_AT).is_ok());
}

#[test]
fn the_example_of_standard_webhooks_is_accepted() {
    // github.com/standard-webhooks/standard-webhooks, specification, "Example"
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let headers = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ];
    let headers: BTreeMap<_, _> = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let body = br#"{"test": 2432232314}"#;
    assert_eq!(standard_webhooks::verify(&headers, body, &secrets(&[secret]), at(1_614_265_330)), Ok(()));
}

#[test]
fn gitlab_names_a_delivery_alike_when_it_is_repeated_and_unlike_when_it_is_another() {
    let id =
        |delivery: &Recorded| verify(Settings::GitLab, delivery, &["s3cr3t-for-tests"], SIGNED_AT).expect("taken").id;
    assert_eq!(id(&signed_by_gitlab()), "a1b2c3d4-0000-4000-8000-000000000002");
    let mut old = recorded("gitlab").into_iter().find(|it| it.name == "push_update_before_17_4").expect("recorded");
    let first = id(&old);
    assert!(first.starts_with("f5e2a2f4-8d1c-4a1b-8f0e-000000000003-") && first == id(&old), "{first}");
    old.body.push(b' ');
    assert_ne!(id(&old), first, "set off by the reaction to the first: the same UUID, another body");
    old.headers.remove("x-gitlab-event-uuid");
    assert!(id(&old).starts_with("sha256-"), "{}", id(&old));
}
