//! Forgets interactions at random and looks for them in all that is left, apart from the crate's own search.

use std::collections::HashSet;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use pollster::block_on;
use rpm_core::data::{FeatureKey, MemoryItem};
use rpm_core::llm::{Message, ResponseLog, Stage};
use rpm_core::{Completion, CompletionRequest, Forget, History, Prepared, RpmPipeline, UserModel, backend_fn};

use crate::chance::Chance;
use crate::data::Set;

const FORGOTTEN: usize = 100;
const WINDOW: usize = 40;

/// Letters and digits only, so that no way of escaping hides a text, with a bar for quotes.
fn letters(text: &str) -> String {
    // In JSON a control character is a letter behind a backslash.
    let text = text.replace("\\n", " ").replace("\\t", " ").replace("\\r", " ").replace(['\n', '\t', '\r'], " ");
    // What stands beyond a quote may be the name of a field.
    text.replace(['"', '\\'], "|")
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == '|')
        .collect::<String>()
        .to_lowercase()
}

fn windows(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.len();
    (0..(bytes + 1).saturating_sub(WINDOW))
        .filter_map(move |at| text.get(at..at + WINDOW))
        .filter(|window| !window.contains('|'))
}

/// What of an interaction is in no other one.
struct Traces {
    windows: HashSet<String>,
    names: Vec<String>,
}

impl Traces {
    fn of(item: &MemoryItem, model: &UserModel) -> Self {
        let mut own: HashSet<String> = windows(&letters(item.query().text())).map(str::to_owned).collect();
        let mut names: HashSet<FeatureKey> = item.features().iter().map(rpm_core::Feature::key).collect();
        let mut rest = letters(model.task().instruction());
        for other in model.memory().items().iter().filter(|other| other.id() != item.id()) {
            let text = format!("{}|{}", letters(other.query().text()), letters(other.response()));
            for window in windows(&text) {
                own.remove(window);
            }
            rest.push_str(&text);
            rest.push('|');
            for feature in other.features() {
                names.remove(&feature.key());
            }
        }
        let names = names.into_iter().map(|name| letters(name.as_str())).filter(|name| name.len() > 5);
        let names = names.filter(|name| !rest.contains(name.as_str())).collect();
        Self { windows: own, names }
    }

    fn found_in(&self, bytes: &[u8]) -> usize {
        let text = letters(&String::from_utf8_lossy(bytes));
        let names = self.names.iter().filter(|name| text.contains(name.as_str())).count();
        names + windows(&text).filter(|window| self.windows.contains(*window)).count()
    }
}

/// A stand-in for a model that quotes the text in its features, so that the log has something to lose.
fn quoting(request: &CompletionRequest) -> Completion {
    let asked = request.messages.iter().map(|m: &Message| m.content.as_str()).collect::<Vec<_>>().join("\n");
    let Some((_, text)) = asked.rsplit_once("\n| ").filter(|_| request.stage == Stage::Extract) else {
        return Completion::new("{}");
    };
    let words: Vec<&str> = text.split_whitespace().take(8).collect();
    let id = asked.split('[').find_map(|part| part.split_once(']')).map_or("q1", |(id, _)| id);
    let quote = serde_json::json!({ "items": [{ "about": id, "features": [{ "name": words.iter().take(3).copied().collect::<Vec<_>>().join(" "), "quote": words.join(" ") }] }] });
    Completion::new(quote.to_string())
}

fn pipeline_with_log(set: &Set, log: &ResponseLog) -> Result<RpmPipeline, Box<dyn Error>> {
    let backend = log.wrap(backend_fn(|request: CompletionRequest| async move { Ok(quoting(&request)) }));
    let offline = rpm_core::factor::SimilarityFactorModel::default();
    let builder = RpmPipeline::builder(set.task.clone()).backend(Arc::new(backend)).factor_model(offline);
    let builder = builder.path_writer(rpm_core::reason::ComposedPathWriter::default());
    Ok(builder.answerer(rpm_core::answer::StatisticalAnswerer).forgets_in(log).build()?)
}

pub(crate) fn print(set: &Set) -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("rpm-living-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = scan(set, &folder);
    std::fs::remove_dir_all(&folder)?;
    result
}

fn scan(set: &Set, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut chance = Chance(11);
    let (mut forgotten, mut traces, mut bytes, mut before, mut after, mut own, mut replies, mut equal) =
        (0, 0, 0_usize, 0, 0, 0, 0, 0);
    for turn in 0.. {
        if forgotten == FORGOTTEN {
            break;
        }
        let user = turn % set.users.len();
        let file = folder.join(format!("log {turn}"));
        let log = ResponseLog::open(&file)?;
        let pipeline = pipeline_with_log(set, &log)?;
        let history = set.history(user)?;
        let mut user = block_on(async { pipeline.open(pipeline.learn(&history).await?.model).await })?;
        for _ in 0..(FORGOTTEN / set.users.len()).max(1) {
            if user.model().memory().len() < 2 || forgotten == FORGOTTEN {
                break;
            }
            let item = user.model().memory().items()[chance.below(user.model().memory().len())].clone();
            let left = Traces::of(&item, user.model());
            let all = |user: &Prepared| -> Result<Vec<u8>, Box<dyn Error>> {
                let saved = folder.join("saved");
                std::fs::write(&saved, user.model().to_json())?;
                let mut all = std::fs::read(&saved)?;
                all.extend(block_on(pipeline.pack(user))?.to_bytes()?);
                all.extend(std::fs::read(&file)?);
                Ok(all)
            };
            before += usize::from(left.found_in(&all(&user)?) > 0);
            let receipt = block_on(pipeline.forget(&mut user, &Forget::Items(vec![item.id().clone()])))?;
            let remains = all(&user)?;
            after += left.found_in(&remains);
            own += receipt.probe.found;
            replies += receipt.log_records;
            bytes += remains.len();
            traces += left.windows.len() + left.names.len();
            forgotten += 1;
        }
        let kept: Vec<_> = user.model().memory().items().iter().map(|item| item.interaction().clone()).collect();
        let never = block_on(pipeline.learn(&History::new(&set.task, user.model().user().as_str(), kept)?))?.model;
        equal += usize::from(never.digest() == user.model().digest());
        if turn + 1 == usize::MAX {
            break;
        }
    }
    println!(
        "Forgotten: {forgotten} interactions, of which {before} left traces before. Searched for {traces} pieces of them in \
         {:.1} MB of models, packed files and logs afterwards: {after} found; by the receipts' own search: {own}. {replies} \
         logged replies were removed. Models that equal the one that never saw them: {equal}.\n",
        bytes as f64 / 1e6
    );
    Ok(())
}
