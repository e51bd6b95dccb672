//! Checks the data of models with the trainer, as for training: header, types, labels and shapes.

use std::path::Path;
use std::time::Duration;

use slipway_contract::{DevicePreference, Fault, Job, JobWork, TrainingJob};
use tokio_util::sync::CancellationToken;

use crate::cli::exit::{self, Failure};
use crate::repository::Readable;
use slipway_executor::{Executor, JobError, Limits, Provenance};

/// How long reading the data of one model may take.
const DEADLINE: Duration = Duration::from_hours(1);

/// How the data of models are read.
pub(super) enum Reading {
    /// Not at all.
    Nothing,
    /// Without a trainer: only the labels.
    Labels,
    /// As for training.
    Whole(DataReader),
}

impl Reading {
    /// Returns the most complete way to read data on this machine, if data is to be read.
    pub(super) fn find(with_data: bool) -> Result<Self, Failure> {
        if !with_data {
            return Ok(Self::Nothing);
        }
        Ok(DataReader::find()?.map_or(Self::Labels, Self::Whole))
    }
}

/// Problems in the data of a model.
pub(super) struct Found {
    /// Problems that would end a training.
    pub(super) faults: Vec<Fault>,
    /// Problems that would cause warnings.
    pub(super) warnings: Vec<Fault>,
}

/// Reads data of models.
pub(super) struct DataReader {
    executor: std::sync::Arc<dyn Executor>,
    runtime: tokio::runtime::Runtime,
}

impl DataReader {
    /// Returns a reader, or nothing if there is no trainer.
    fn find() -> Result<Option<Self>, Failure> {
        let trainer = slipway_executor::trainer_beside_us().map_err(exit::defect)?;
        if !trainer.is_file() {
            return Ok(None);
        }
        let sandbox = slipway_executor::sandbox_beside_us().map_err(exit::defect)?;
        let limits = Limits { deadline: DEADLINE, memory: u64::MAX };
        let executor = slipway_executor::connect(&slipway_executor::Settings::Local {
            trainer,
            sandbox,
            limits,
            of_forks: limits,
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(exit::defect)?;
        Ok(Some(Self { executor, runtime }))
    }

    /// Returns the problems in the data of a model in `folder`, or why the trainer could not read the data.
    pub(super) fn read(&self, readable: &Readable, folder: &Path) -> Result<Result<Found, String>, Failure> {
        let work_folder = exit::temporary_folder()?;
        let expects = readable.expected.iter().map(|expected| expected.expectation.clone()).collect();
        let work = TrainingJob {
            model: readable.model.clone().without_addresses(),
            source: folder.display().to_string(),
            expects,
        };
        let job = Job { work: JobWork::Check(work), threads: 1, device: DevicePreference::Cpu };
        let job = serde_json::to_vec(&job).map_err(exit::defect)?;
        let file = work_folder.path().join(Job::FILE);
        std::fs::write(&file, job).map_err(|error| exit::invalid(format!("`{}`: {error}", file.display())))?;
        let cancel = CancellationToken::new();
        let mut unheard = |_| {};
        let run = self.executor.run(work_folder.path(), Provenance::Repository, &mut unheard, &cancel);
        match self.runtime.block_on(run) {
            Ok(()) => {
                let list = |name: &str| -> Result<Vec<Fault>, Failure> {
                    let list = std::fs::read(work_folder.path().join(Job::OUTPUT).join(name)).map_err(exit::defect)?;
                    serde_json::from_slice(&list).map_err(exit::defect)
                };
                Ok(Ok(Found { faults: list(Job::FAULTS)?, warnings: list(Job::WARNINGS)? }))
            }
            Err(JobError::Fault(fault)) => Ok(Ok(Found { faults: vec![fault], warnings: Vec::new() })),
            Err(error) => Ok(Err(error.to_string())),
        }
    }
}
