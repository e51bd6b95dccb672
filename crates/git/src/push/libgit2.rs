//! Push by libgit2, for servers that cannot report the result of a push, which the native push requires.

use std::cell::RefCell;

use git2::{Oid, PushOptions, RemoteCallbacks, RemoteRedirect, Repository};

use super::{MAX_SERVER_MESSAGE_BYTES, New, PushEnd, Update, is_final, no_result_error, rejected, spoken};
use crate::GitError;
use crate::Mirror;
use crate::fault::Fault;
use crate::fetch;
use crate::message::single_line;
use crate::transport::Channel;

/// Performs an update if the branch has the expected value. An error means that nothing landed.
pub(super) fn push(repository: &Repository, mirror: &Mirror, update: &Update<'_>) -> Result<PushEnd, Fault> {
    let channel = Channel::open(mirror.connection())?;
    let Update { reference, old, new } = *update;
    let expected = old.unwrap_or(Oid::ZERO_SHA1);
    // The negotiation below checks the old id. Replacing a branch requires the `+`, because the new commit does not descend from
    // the old one.
    let command = match new {
        Some(New { base, commit }) if old == Some(base) => format!("{commit}:{reference}"),
        Some(New { base: _, commit }) => format!("+{commit}:{reference}"),
        None => format!(":{reference}"),
    };
    let moved = RefCell::new(false);
    let status: RefCell<Option<Option<String>>> = RefCell::new(None);
    let speech: RefCell<Vec<u8>> = RefCell::new(Vec::new());

    let mut callbacks = RemoteCallbacks::new();
    callbacks.push_negotiation(|updates| {
        let leased = matches!(updates, [only] if only.src() == expected);
        *moved.borrow_mut() = !leased;
        if leased { Ok(()) } else { Err(git2::Error::from_str("the branch moved")) }
    });
    callbacks.push_update_reference(|name, refusal| {
        if name == reference {
            *status.borrow_mut() = Some(refusal.map(single_line));
        }
        Ok(())
    });
    callbacks.sideband_progress(|bytes| {
        let mut speech = speech.borrow_mut();
        let room = MAX_SERVER_MESSAGE_BYTES.saturating_sub(speech.len());
        speech.extend_from_slice(&bytes[..bytes.len().min(room)]);
        true
    });
    let mut options = PushOptions::new();
    options.remote_callbacks(callbacks).packbuilder_parallelism(1).follow_redirects(RemoteRedirect::None);
    let ended = repository.remote_anonymous(&channel.address())?.push(&[command], Some(&mut options));
    drop(options);

    let message = spoken(&speech.into_inner());
    match (status.into_inner(), ended) {
        (Some(None), _) => Ok(PushEnd::Landed { server_messages: message }),
        (Some(Some(refusal)), _) => Ok(rejected(&refusal, &message)),
        (None, _) if *moved.borrow() => Ok(PushEnd::BaseMoved { message: String::new() }),
        (None, Err(error)) if error.code() == git2::ErrorCode::NotFastForward => {
            Ok(PushEnd::BaseMoved { message: String::new() })
        }
        (None, Ok(())) => Ok(PushEnd::Unknown { cause: no_result_error(mirror.remote().url(), reference, &message) }),
        (None, Err(error)) => not_answered(
            fetch::explained(error.into(), &channel, mirror.remote()),
            &channel,
            no_result_error(mirror.remote().url(), reference, &message),
        ),
    }
}

/// A push that failed before its pack was sent is an error; a push that failed later may have landed.
fn not_answered(fault: Fault, channel: &Channel, no_result_error: GitError) -> Result<PushEnd, Fault> {
    if !channel.pack_sent() {
        return Err(fault);
    }
    match fault {
        Fault::Final(error) if is_final(&error) => Err(Fault::Final(error)),
        Fault::Final(cause) => Ok(PushEnd::Unknown { cause }),
        Fault::Damaged(_) => Ok(PushEnd::Unknown { cause: no_result_error }),
    }
}
