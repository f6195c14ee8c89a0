//! A cluster on this machine: a scheduler in this process, executors in processes of their own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ballista_core::ConfigProducer;
use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::extension::{SessionConfigExt as _, SessionStateExt as _};
use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use rpm_datafusion::codec::{Logical, Physical};

/// Says to a process that it is an executor, and of which scheduler.
const EXECUTOR: &str = "RPM_TEST_EXECUTOR";

fn logical() -> Arc<Logical> {
    Arc::new(Logical::around(Arc::new(BallistaLogicalExtensionCodec::default())))
}

fn physical() -> Arc<Physical> {
    Arc::new(Physical::around(Arc::new(BallistaPhysicalExtensionCodec::default())))
}

/// What clients, the scheduler and executors agree on.
fn config(partitions: usize) -> SessionConfig {
    SessionConfig::new_with_ballista()
        .with_target_partitions(partitions)
        .with_ballista_logical_extension_codec(logical())
        .with_ballista_physical_extension_codec(physical())
}

fn producer(partitions: usize) -> ConfigProducer {
    Arc::new(move || config(partitions))
}

/// Runs as an executor where the process was started as one, and says whether it was.
pub(crate) async fn executor_if_told() -> bool {
    let Ok(told) = std::env::var(EXECUTOR) else { return false };
    let fields: Vec<&str> = told.split('|').collect();
    let [scheduler, port, grpc_port, partitions] =
        [0, 1, 2, 3].map(|field: usize| fields[field].parse::<u16>().unwrap());
    let executor = ExecutorProcessConfig {
        port,
        grpc_port,
        scheduler_host: "127.0.0.1".to_owned(),
        scheduler_port: scheduler,
        scheduler_connect_timeout_seconds: 20,
        vcores: 1,
        task_scheduling_policy: TaskSchedulingPolicy::PushStaged,
        work_dir: Some(fields[4].to_owned()),
        executor_heartbeat_interval_seconds: 1,
        override_config_producer: Some(producer(usize::from(partitions))),
        override_logical_codec: Some(logical()),
        override_physical_codec: Some(physical()),
        ..ExecutorProcessConfig::default()
    };
    start_executor_process(Arc::new(executor)).await.unwrap();
    true
}

/// The cluster, which ends with this.
pub(crate) struct Cluster {
    scheduler: u16,
    partitions: usize,
    executors: Vec<(Child, PathBuf)>,
}

impl Cluster {
    /// So many executors of one core each, which have work folders in `folder`; `arguments` make a process of this program an executor.
    pub(crate) async fn start(folder: &Path, executors: usize, partitions: usize, arguments: &[&str]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheduler = listener.local_addr().unwrap().port();
        let config = Arc::new(SchedulerConfig {
            // Where executors report to.
            external_host: "127.0.0.1".to_owned(),
            bind_port: scheduler,
            scheduling_policy: TaskSchedulingPolicy::PushStaged,
            executor_timeout_seconds: 10,
            expire_dead_executor_interval_seconds: 1,
            no_executors_grace_period_seconds: 30,
            override_config_producer: Some(producer(partitions)),
            override_logical_codec: Some(logical()),
            override_physical_codec: Some(physical()),
            ..SchedulerConfig::default()
        });
        let cluster = BallistaCluster::new_from_config(&config).await.unwrap();
        let server = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, config).await.unwrap();
        tokio::spawn(start_grpc_service_with_listener(listener, server));
        let executors = (0..executors)
            .map(|number| {
                let work = folder.join(format!("executor-{number}"));
                std::fs::create_dir_all(&work).unwrap();
                let told = format!("{scheduler}|{}|{}|{partitions}|{}", free_port(), free_port(), work.display());
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.args(arguments).env(EXECUTOR, told).stdout(Stdio::null());
                (command.spawn().unwrap(), work)
            })
            .collect();
        Self { scheduler, partitions, executors }
    }

    /// A session whose statements the cluster runs.
    pub(crate) fn session(&self) -> SessionContext {
        let state = SessionStateBuilder::new().with_config(config(self.partitions)).with_default_features().build();
        let scheduler = format!("http://127.0.0.1:{}", self.scheduler);
        SessionContext::new_with_state(state.upgrade_for_ballista(scheduler).unwrap())
    }

    /// Kills an executor once it has something done.
    pub(crate) async fn kill_at_work(&mut self, executor: usize) {
        let (process, work) = &mut self.executors[executor];
        let started = Instant::now();
        while files(work) == 0 {
            assert!(started.elapsed() < Duration::from_mins(1), "the executor was given nothing to do");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// The files of results that each executor has written.
    pub(crate) fn files(&self) -> Vec<usize> {
        self.executors.iter().map(|(_, work)| files(work)).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (process, _) in &mut self.executors {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The files below a folder.
fn files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}
