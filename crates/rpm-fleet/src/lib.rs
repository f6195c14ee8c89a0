//! Work on rpm-core's users as jobs on a durable queue in Postgres.
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod calls;
mod counting;
mod error;
mod fleet;
mod forgetting;
mod host;
mod jobs;
mod observing;
mod queue;
mod refresh;
mod refreshing;
mod status;
mod worker;

pub use crate::calls::Calls;
pub use crate::error::{FleetError, JobError, PipelineError, QueueError};
pub use crate::fleet::{Fleet, FleetBuilder};
pub use crate::forgetting::Forgotten;
pub use crate::refresh::{NotFitted, PopulationStatus, Refresh};
pub use crate::status::{FailedJob, Status};
pub use crate::worker::{Worked, Worker};
