//! A worker that a test starts and stops, and waiting for what it does.

use std::future::Future;
use std::time::{Duration, Instant};

use rpm_fleet::{Fleet, Worked};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

/// A worker that runs until it is told to stop.
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    worked: JoinHandle<Worked>,
}

pub(crate) fn start(fleet: &Fleet) -> Running {
    let (stop, stopped) = oneshot::channel();
    let worker = fleet.worker();
    let worked = tokio::spawn(async move { worker.run(async move { drop(stopped.await) }).await });
    Running { stop, worked }
}

impl Running {
    pub(crate) async fn stop(self) -> Worked {
        self.stop.send(()).unwrap();
        self.worked.await.unwrap()
    }
}

pub(crate) async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let end = Instant::now() + Duration::from_secs(120);
    while !holds().await {
        assert!(Instant::now() < end, "it took too long: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
