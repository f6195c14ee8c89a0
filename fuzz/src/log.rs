//! A response log's file: opened, written on, opened again.

use std::fs;
use std::sync::OnceLock;

use rpm_core::container::Writer;
use rpm_core::llm::{Message, ResponseLog, Stage};
use rpm_core::{Completion, CompletionRequest, LlmBackend, backend_fn};

use crate::files::written;
use crate::steps::{run, sync};
use crate::{first, is_discreet};

/// Stands between the bodies of records.
const BETWEEN: u8 = 0x1e;

/// The bytes before the first record, as a new log has them.
fn header() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let path = written("empty.log", b"");
        fs::remove_file(&path).unwrap();
        drop(ResponseLog::open(&path).unwrap());
        fs::read(&path).unwrap()
    })
}

/// A file whose records have these bodies, each with its checksum.
pub(crate) fn of_bodies<'a>(bodies: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut file = header().to_vec();
    for body in bodies {
        let mut writer = Writer::new("log", 2);
        writer.section("", body);
        file.extend(&writer.finish()[header().len()..]);
    }
    file
}

/// The body of the one record of a log that was asked about this.
pub(crate) fn body_about(text: &str) -> Vec<u8> {
    let path = written("one.log", b"");
    fs::remove_file(&path).unwrap();
    run(backend(&ResponseLog::open(&path).unwrap()).complete(&request(text))).unwrap();
    fs::read(&path).unwrap().split_off(header().len() + 24)
}

fn backend(log: &ResponseLog) -> impl LlmBackend + use<> {
    log.wrap(backend_fn(|_| async { Ok(Completion::new("A reply of the model.")) }))
}

fn request(text: &str) -> CompletionRequest {
    CompletionRequest::new(Stage::Answer, vec![Message::user(text)], 50).about([text])
}

/// The first byte chooses: the bytes as a file, behind a good header, or as the bodies of records with their checksums.
pub fn log(data: &[u8]) {
    let (how, rest) = first(data);
    let bytes = match how % 4 {
        0 => rest.to_vec(),
        1 => [header(), rest].concat(),
        2 => of_bodies(rest.split(|byte| *byte == BETWEEN)),
        _ => {
            let mut file = of_bodies(rest.split(|byte| *byte == BETWEEN));
            file.truncate(file.len().saturating_sub(usize::from(how)));
            file
        }
    };
    let path = written("fuzzed.log", &bytes);
    let log = match sync(|| ResponseLog::open(&path)) {
        Err(error) => {
            is_discreet(&error);
            assert!(fs::read(&path).unwrap() == bytes, "a file that is refused is changed");
            return;
        }
        Ok(log) => log,
    };
    let before = log.stats();
    log.damage().iter().for_each(is_discreet);
    let known = run(log.replay("").complete(&request("new"))).is_ok();
    let reply = run(backend(&log).complete(&request("new"))).unwrap();
    let expected = before.records + usize::from(log.stats().records > before.records);
    assert_eq!(log.stats().records, expected, "a reply was lost by keeping another");
    drop(log);

    let log = sync(|| ResponseLog::open(&path)).expect("what was open opens again");
    assert_eq!(log.stats().records, expected, "a kept reply is lost by opening");
    let again = run(backend(&log).complete(&request("new"))).unwrap();
    assert!(known || again == reply, "a kept reply is another");
    let first = log.stats().records;
    sync(|| log.compact()).unwrap();
    assert_eq!(log.stats().records, first, "a reply was lost by compacting");
    let gone = sync(|| log.purge(["new"])).unwrap();
    assert_eq!(log.stats().records + gone, first, "a purge removes other than it says");
    drop(log);

    let log = ResponseLog::open(&path).expect("a log that was written anew opens");
    let stats = log.stats();
    assert_eq!((stats.records + gone, stats.damaged, stats.cut_bytes), (first, 0, 0), "what is written anew is whole");
    assert_eq!(log.purge(["new"]).unwrap(), 0, "a purged reply is back");
}
