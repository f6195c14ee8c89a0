//! A user's own texts: learned, answered, explained, forgotten, without a model.

use rpm_core::{Forget, History, Prepared, Query, RpmPipeline, UserModel};

use crate::made::{interaction, offline, query, task};
use crate::steps::{run, sync};
use crate::{CANARY, first, is_discreet, text};

/// Stands between the texts of one input.
const BETWEEN: char = '\u{1e}';

/// The first byte chooses the kind of task and what is done after learning: answering and explaining, or forgetting. The rest is texts:
/// the first is asked about, the others are the history.
pub fn texts(data: &[u8]) {
    let (kind, rest) = first(data);
    let all = text(rest);
    let mut texts = all.split(BETWEEN);
    let asked = texts.next().unwrap_or_default();
    let items = texts.take(24).zip(0_u8..);
    let items: Vec<_> =
        items.filter_map(|(text, n)| interaction(kind, &format!("i{n}"), text, n / 2, n.into())).collect();
    let pipeline = offline(kind);
    let query = match query(kind, asked) {
        Err(error) => return is_discreet(&error),
        Ok(query) => query,
    };
    let history = match History::new(&task(kind), "ana", items) {
        Err(error) => return is_discreet(&error),
        Ok(history) => history,
    };
    let learned = match run(pipeline.learn(&history)) {
        Err(error) => return is_discreet(&error),
        Ok(learned) => learned,
    };
    assert!(!format!("{learned:?}").contains(CANARY), "a report quotes a text");
    assert_eq!(learned.report.items.len(), history.len(), "an interaction is in no report");
    let model = crate::models::saved_and_loaded(&learned.model, "learning");
    let mut prepared = run(pipeline.open(model)).unwrap();
    if kind & 8 == 0 {
        answered(pipeline, &prepared, &query);
        return;
    }
    let last = history.interactions().last().unwrap();
    let receipt = run(pipeline.forget(&mut prepared, &Forget::Items(vec![last.id().clone()]))).unwrap();
    assert_eq!(receipt.probe.found, 0, "forgotten text is left");
    if history.len() > 1 {
        let others = history.interactions()[..history.len() - 1].iter().cloned();
        let without = History::new(&task(kind), "ana", others).unwrap();
        let fresh: UserModel = run(pipeline.learn(&without)).unwrap().model;
        assert!(
            fresh.memory().len() == prepared.model().memory().len()
                && fresh.factors().len() == prepared.model().factors().len(),
            "what is left is not what the rest makes"
        );
    }
}

fn answered(pipeline: &RpmPipeline, prepared: &Prepared, query: &Query) {
    let answer = run(pipeline.personalize(prepared, query)).unwrap();
    assert!(!format!("{answer:?}").contains(CANARY), "Debug quotes a text");
    let what_if = run(pipeline.explain(prepared, &answer)).unwrap();
    for shown in [
        answer.reasons(prepared).to_string(),
        answer.reasons(prepared).in_words(),
        what_if.to_string(),
        sync(|| prepared.profile()).to_string(),
    ] {
        let odd = shown.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
        assert_eq!(odd, None, "a control character reaches a terminal");
    }
}
