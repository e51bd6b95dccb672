//! Events as sentences, so that what a recorded delivery means can be read in one line.

use slipway_domain::{
    Account, CommitSha, Event, EventKind, HeadRepository, InstallationStep, Movement, PullRequestStep, Reference,
    Revision,
};

pub(super) fn sentence(event: &Event) -> String {
    if let EventKind::Ignored { reason } = &event.kind {
        return format!("ignored: {reason}");
    }
    let repository = event.repository.as_ref().map_or("?".to_owned(), |it| format!("{} #{}", it.full_name, it.id));
    let who = event.sender.as_ref().map_or("somebody".to_owned(), |sender| account(&sender.0));
    format!("{repository}: {who}: {}", kind(&event.kind))
}

fn account(account: &Account) -> String {
    format!("{}={}", account.name.as_deref().unwrap_or("?"), account.id)
}

fn short(revision: &Revision) -> String {
    match revision {
        Revision::Full(sha) => sha.as_str()[..4].to_owned(),
        Revision::Abbreviated(digits) => format!("{digits}…"),
    }
}

fn kind(kind: &EventKind) -> String {
    let sha = |sha: &CommitSha| sha.as_str()[..4].to_owned();
    match kind {
        EventKind::Push(push) => {
            let reference = match &push.reference {
                Reference::Branch(name) => format!("branch {name}"),
                Reference::Tag(name) => format!("tag {name}"),
            };
            match &push.movement {
                Movement::Created { after } => format!("{reference} created at {}", sha(after)),
                Movement::Updated { before, after } => format!("{reference} {}..{}", sha(before), sha(after)),
                Movement::Forced { before, after } => format!("{reference} forced {}..{}", sha(before), sha(after)),
                Movement::Deleted { before } => {
                    format!("{reference} deleted, was {}", before.as_ref().map_or("?".to_owned(), sha))
                }
            }
        }
        EventKind::PullRequest(pull_request) => {
            let step = match pull_request.step {
                PullRequestStep::Opened => "opened",
                PullRequestStep::Updated => "updated",
                PullRequestStep::Closed => "closed",
                PullRequestStep::Merged => "merged",
            };
            let from = match &pull_request.head_repository {
                HeadRepository::Same => "here".to_owned(),
                HeadRepository::Fork(fork) => format!("fork {} #{}", fork.full_name, fork.id),
                HeadRepository::Gone => "a repository that is gone".to_owned(),
            };
            let author = pull_request.author.as_ref().map_or("?".to_owned(), |author| account(&author.0));
            let base = pull_request.base.as_ref().map_or("?".to_owned(), short);
            format!(
                "change {}{} by {author} {step}: {} {} from {from} onto {} {base}",
                pull_request.number,
                if pull_request.draft { ", a draft," } else { "" },
                pull_request.head_branch,
                short(&pull_request.head),
                pull_request.base_branch
            )
        }
        EventKind::Comment(comment) => format!(
            "comment {} on change {} by {}: {:?}",
            comment.id,
            comment.pull_request,
            account(&comment.commenter.0),
            comment.body
        ),
        EventKind::CheckAction(action) => {
            let check =
                action.check.as_ref().map(|check| format!("{} #{} ({:?})", check.name, check.id, check.external_id));
            format!("{:?} of {} at {}", action.button, check.as_deref().unwrap_or("all checks"), sha(&action.head))
        }
        EventKind::MergeGroup(group) => format!(
            "merge group {:?}: {} {} onto {} {}",
            group.step,
            group.head_branch,
            sha(&group.head),
            group.base_branch,
            sha(&group.base)
        ),
        EventKind::Installation(installation) => match &installation.step {
            InstallationStep::Active(repositories) => format!("installation active for {}", repositories.len()),
            InstallationStep::Inactive => "installation gone".to_owned(),
            InstallationStep::Repositories { added, removed } => {
                format!("installation +{} -{}", added.len(), removed.len())
            }
        },
        EventKind::Ignored { reason } => reason.clone(),
    }
}
