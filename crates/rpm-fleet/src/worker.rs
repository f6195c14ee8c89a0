//! A worker: takes jobs until it is told to stop, and comes back by itself when the database does.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use graphile_worker::{Cron, LocalQueueConfig, WorkerOptions, WorkerRecoveryConfig};
use serde_json::json;
use tokio::sync::watch;

use crate::error::QueueError;
use crate::fleet::Fleet;
use crate::jobs::{Heal, Observe, Refresh, Relearn, Sweep, Task};

/// Between attempts to reach the database again: the first, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(10)];
/// How often the database is looked at.
const LOOKS: Duration = Duration::from_secs(1);
/// How long what is under way may take after the word to stop; what does not end is done by others.
const GRACE: Duration = Duration::from_secs(5);

/// Works on the users of a [`Fleet`]; made by [`Fleet::worker`]. Any number of them in any number of processes.
///
/// It is to run on a tokio runtime with more than one thread: its signs of life come from there too.
#[derive(Debug)]
#[must_use = "a worker does nothing until it runs"]
pub struct Worker {
    fleet: Fleet,
}

/// What a worker went through, told when it stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Worked {
    /// The times that it lost the queue's database.
    pub pauses: u64,
    /// How long it was without it, in all.
    pub paused: Duration,
}

/// A worker of the queue's.
struct Built {
    worker: graphile_worker::Worker,
    /// Has it stop.
    end: watch::Sender<bool>,
    /// The server that it began with.
    server: String,
}

impl Worker {
    pub(crate) fn new(fleet: Fleet) -> Self {
        Self { fleet }
    }

    /// Takes jobs until `stop` is ready, then ends what is under way, which others do where that takes more than 5 s.
    ///
    /// A database that cannot be reached is waited for: the pause is told by a `tracing` event at its beginning and at its end, in
    /// [`Status::pauses`](crate::Status::pauses), and in what this returns. Where the future is dropped, what is under way goes on without signs of
    /// life until it or the runtime ends, and others may do it as well, which does no harm.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Worked {
        let (stopping, stopped) = watch::channel(false);
        let working = self.rounds(stopped);
        tokio::pin!(working);
        tokio::select! {
            () = stop => {}
            worked = &mut working => return worked,
        }
        stopping.send_replace(true);
        working.await
    }

    async fn rounds(&self, mut stopped: watch::Receiver<bool>) -> Worked {
        let [first, longest] = PAUSES;
        let (mut worked, mut pause, mut since) = (Worked::default(), first, None::<Instant>);
        while !*stopped.borrow() {
            let error = match self.built().await {
                Ok(built) => {
                    if let Some(since) = since.take() {
                        pause = first;
                        worked.paused += since.elapsed();
                        tracing::warn!(seconds = since.elapsed().as_secs_f64(), "the queue's database is there again");
                    }
                    let Err(error) = self.round(built, &mut stopped).await else { continue };
                    error
                }
                Err(error) => error,
            };
            if since.is_none() {
                since = Some(Instant::now());
                worked.pauses += 1;
                self.fleet.inner.pauses.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%error, "work pauses: the queue's database is asked again until it is there");
            }
            tokio::select! {
                _ = stopped.wait_for(|is_stopped| *is_stopped) => {}
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(longest);
        }
        worked.paused += since.map(|since| since.elapsed()).unwrap_or_default();
        worked
    }

    /// Works until it is told to stop or the database is lost. A worker that lost it is given up, with what it holds, which others take
    /// over: it would go on by itself, and keep for good those jobs whose end it could not note.
    async fn round(&self, built: Built, stopped: &mut watch::Receiver<bool>) -> Result<(), QueueError> {
        let Built { worker, end, server } = built;
        let running = worker.run();
        tokio::pin!(running);
        let result = tokio::select! {
            ended = &mut running => return ended.map_err(|error| QueueError::of(&error)),
            _ = stopped.wait_for(|is_stopped| *is_stopped) => Ok(()),
            lost = self.lost(&server) => Err(lost),
        };
        end.send_replace(true);
        if let Ok(Err(error)) = tokio::time::timeout(GRACE * 2, running).await {
            tracing::warn!(error = %QueueError::of(&error), "a worker did not end well; others do what it held");
        }
        result
    }

    /// Ready when the database cannot be reached, or was started again since.
    async fn lost(&self, server: &str) -> QueueError {
        loop {
            tokio::time::sleep(LOOKS).await;
            let asked = tokio::time::timeout(GRACE, self.fleet.inner.queue.server());
            match asked.await.unwrap_or_else(|_| Err(QueueError::unreachable())) {
                Ok(now) if now == server => {}
                Ok(_) => return QueueError::unreachable(),
                Err(error) => return error,
            }
        }
    }

    /// A worker of the queue's, once the database is there.
    async fn built(&self) -> Result<Built, QueueError> {
        let inner = &self.fleet.inner;
        let (end, mut ended) = watch::channel(false);
        let server = inner.queue.server().await?;
        let recovery = WorkerRecoveryConfig::default()
            .heartbeat_interval(inner.silent_after / 5)
            .sweep_interval(inner.silent_after / 3)
            .sweep_threshold(inner.silent_after)
            .recovery_delay(Duration::ZERO);
        let worker = WorkerOptions::default()
            .database(inner.queue.database.clone())
            .schema(inner.queue.schema.as_str())
            .concurrency(inner.concurrency)
            .poll_interval(Duration::from_secs(1))
            .local_queue(LocalQueueConfig::default().with_size(inner.concurrency.clamp(4, 16)))
            .complete_job_batch_delay(Duration::from_millis(5))
            .worker_recovery(recovery)
            .listen_os_shutdown_signals(false)
            .shutdown_signal(async move { drop(ended.wait_for(|is_over| *is_over).await) })
            .shutdown_grace_period(GRACE)
            .shutdown_interrupted_job_retry_delay(Duration::ZERO)
            .add_extension(self.fleet.clone())
            .define_job::<Observe>()
            .define_job::<Relearn>()
            .define_job::<Sweep>()
            .define_job::<Refresh>()
            .define_job::<Heal>()
            // The queue hands a cron job without a payload null.
            .with_cron(Cron::every_minute::<Sweep>().job_key(Task::Sweep.name()).payload_value(json!({})).build())
            .with_cron(Cron::every_minute::<Heal>().job_key(Task::Heal.name()).payload_value(json!({})).build())
            .init()
            .await
            .map_err(|error| QueueError::of(&error))?;
        // Nudges may have been lost while the database was away.
        inner.queue.add(Task::Sweep).await?;
        Ok(Built { worker, end, server })
    }
}
