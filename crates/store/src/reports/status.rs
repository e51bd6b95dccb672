//! Statuses of reports, the order in which they are taken, and the causes for which they wait.

/// The status of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportStatus {
    /// The forge must receive it, now or later.
    Behind,
    /// The forge has received the current state.
    Reported,
    /// The forge refuses it: a person must act first.
    Refused,
    /// Reports are not wanted.
    Skipped,
}

impl ReportStatus {
    /// All statuses.
    pub const ALL: [Self; 4] = [Self::Behind, Self::Reported, Self::Refused, Self::Skipped];

    /// The name in the store and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Behind => "behind",
            Self::Reported => "reported",
            Self::Refused => "refused",
            Self::Skipped => "skipped",
        }
    }

    /// Parses the name of a status.
    pub fn from_name(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// The reports that are taken first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// Reports of which the forge has received nothing yet.
    Unknown,
    /// Reports of which the forge has received an earlier state.
    Known,
}

/// The cause for which a failed report waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No cause beyond a pause that the forge requested.
    None,
    /// The forge as a whole: it is down, or it refuses this login. The cause ends for all reports at once.
    Shared,
    /// A cause of this report alone: other reports of its source continue.
    Own,
}

impl Fault {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Shared => "shared",
            Self::Own => "own",
        }
    }

    pub(super) fn from_name(word: &str) -> Self {
        match word {
            "shared" => Self::Shared,
            "own" => Self::Own,
            _ => Self::None,
        }
    }
}
