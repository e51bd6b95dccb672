//! Whether the check against GitHub's description would notice anything: `make test-contract` runs all tests of forges
//! through it, and one that lets everything pass would make them mean nothing.

use slipway_testkit::Api;
use slipway_testkit::github::{GitHub, ROBOT_TOKEN, is_checked};

use super::requests::Peer;

#[tokio::test]
#[ignore = "make test-contract"]
async fn what_is_not_as_github_describes_it_is_detected() {
    assert!(is_checked(), "`make test-contract` runs this test");
    let peer = Peer::start().await;
    let api = Api::at(peer.github.url()).with_token(ROBOT_TOKEN);
    let violation = |github: &GitHub, part: &str| {
        let violations = github.violations();
        assert!(violations.len() == 1 && violations[0].contains(part), "{part}: {violations:?}");
    };
    for (method, path, body, part) in [
        ("POST", "/repos/team/models/pulls", r#"{"title": "t", "base": "main"}"#, "'head'"),
        ("POST", "/repos/team/models/statuses/abc", r#"{"state": "done"}"#, "allowed values"),
        ("GET", "/repos/team/models/pulls?state=both", "", "allowed values"),
        ("GET", "/repos/team/models/no-such-thing", "", "no path matched"),
    ] {
        let headers = [("content-type", "application/json")];
        let answer = api.send(method, path, &headers, body.as_bytes().to_vec()).await.expect("an answer");
        assert_eq!(answer.status, 500, "{path}");
        violation(&peer.github, part);
    }
}
