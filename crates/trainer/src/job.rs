//! Runs one job, from its file to its exit code.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use slipway_contract::{Fault, FaultKind, Job, JobWork, Progress};

use crate::progress::Reporter;
use crate::{device, evaluation, failure, programs, training};

/// The largest job file that is read, in bytes.
const MAX_JOB_BYTES: u64 = 4 << 20;
/// The most threads of a job.
const MAX_THREADS: u32 = 1024;
/// The exit code of a panic.
const PANIC: u8 = 101;

/// The folders of a job, and its device and threads.
pub(crate) struct JobContext<'a> {
    /// The job's folder.
    pub(crate) folder: &'a Path,
    /// The folder of the results.
    pub(crate) output: std::path::PathBuf,
    /// The device for computing.
    pub(crate) device: tch::Device,
    /// The number of threads.
    pub(crate) threads: u32,
}

/// Runs the job in `folder` and returns the exit code. The last line of progress contains the result.
pub fn run(folder: &Path) -> u8 {
    // The default hook would print a backtrace. The fault below reports the panic in one line.
    std::panic::set_hook(Box::new(|_| {}));
    let (fault, code) = match catch_unwind(AssertUnwindSafe(|| work(folder))) {
        Ok(Ok(())) => {
            Reporter::say(&Progress::Done);
            return 0;
        }
        Ok(Err(fault)) => {
            let code = failure::exit_code(fault.kind);
            (fault, code)
        }
        Err(panic) => {
            let fault = failure::of_panic(&*panic);
            let code = if fault.kind == FaultKind::Memory { failure::exit_code(fault.kind) } else { PANIC };
            (fault, code)
        }
    };
    Reporter::say(&Progress::Failed { fault });
    code
}

fn work(folder: &Path) -> Result<(), Fault> {
    let job = read(&folder.join(Job::FILE))?;
    let device = device::choose(job.device)?;
    let threads = job.threads.clamp(1, MAX_THREADS);
    tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
    let output = folder.join(Job::OUTPUT);
    if output.exists() {
        std::fs::remove_dir_all(&output).map_err(|error| failure::of_file(&output, &error))?;
    }
    std::fs::create_dir_all(&output).map_err(|error| failure::of_file(&output, &error))?;
    let context = JobContext { folder, output, device, threads };
    match &job.work {
        JobWork::Train(job) => training::train(job, &context),
        JobWork::Check(job) => training::check(job, &context),
        JobWork::Evaluate(job) => evaluation::evaluate(job, &context),
        JobWork::Prepare(job) => programs::prepare(job, &context),
        JobWork::Score(job) => programs::score(job, &context),
    }
}

fn read(path: &Path) -> Result<Job, Fault> {
    let size = path.metadata().map_err(|error| failure::of_file(path, &error))?.len();
    if size > MAX_JOB_BYTES {
        return Err(Fault::new(
            FaultKind::Internal,
            format!("`{}` has {size} bytes, expected at most {MAX_JOB_BYTES}", path.display()),
        ));
    }
    let text = std::fs::read(path).map_err(|error| failure::of_file(path, &error))?;
    serde_json::from_slice(&text)
        .map_err(|error| Fault::new(FaultKind::Internal, format!("`{}` is not a job: {error}", path.display())))
}
