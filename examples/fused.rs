//! A model's view of a text beside what is known of a user: `cargo run --example fused`
//!
//! The model here is a pretend one that tells the probabilities of tokens, as `OpenAI`'s API and the servers with it do; with one of yours
//! in its place (`rpm-providers` has them) nothing else changes.
#![allow(clippy::print_stdout, missing_docs, reason = "an example talks to its reader")]

use rpm_core::answer::FusedAnswerer;
use rpm_core::llm::{Completion, CompletionRequest, TokenChoices, TokenLogprob};
use rpm_core::stats::Fusion;
use rpm_core::{History, Interaction, Preset, Query, ResponseSpace, RpmPipeline, Task, backend_fn};

/// Readers of the same notes, one severe and one kind.
const NOTES: [(&str, [&str; 2]); 8] = [
    ("A splendid walk through old harbours, told with wit.", ["4", "5"]),
    ("Dull from the first page on, and badly printed.", ["1", "2"]),
    ("A careful book about bees. The maps are splendid.", ["4", "5"]),
    ("Long, and dull where it is not long.", ["1", "3"]),
    ("Witty letters of a lighthouse keeper.", ["3", "5"]),
    ("The drawings are poor and the jokes are old.", ["1", "2"]),
    ("A gripping account of a winter at sea.", ["4", "5"]),
    ("It begins well and ends nowhere.", ["2", "3"]),
];

/// A model that knows what some words mean, and always finds a 4 somewhat likely.
fn pretend(request: &CompletionRequest) -> Completion {
    let text = request.messages.last().map(|message| message.content.to_lowercase()).unwrap_or_default();
    let count = |words: &[&str]| words.iter().filter(|word| text.contains(**word)).count();
    let good = count(&["splendid", "wit", "gripping", "careful", "charming"]);
    let bad = count(&["dull", "badly", "poor", "nowhere", "tedious"]);
    let shares = match good.cmp(&bad) {
        std::cmp::Ordering::Greater => [0.02, 0.03, 0.1, 0.45, 0.4],
        std::cmp::Ordering::Less => [0.35, 0.3, 0.15, 0.18, 0.02],
        std::cmp::Ordering::Equal => [0.05, 0.1, 0.25, 0.5, 0.1],
    };
    let tokens =
        ["1", "2", "3", "4", "5"].iter().zip(shares).map(|(point, p): (_, f64)| TokenLogprob::new(*point, p.ln()));
    let mut likeliest: Vec<TokenLogprob> = tokens.collect();
    likeliest.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
    let said = likeliest.first().map(|token| token.token.clone()).unwrap_or_default();
    Completion::new(said.clone()).tokens(vec![TokenChoices::new(said, likeliest)])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let task = Task::new("How would this reader rate the book, from a note about it?", ResponseSpace::scale(1, 5)?)?
        .query_name("note")?
        .response_name("rating")?;
    let pipeline = |answerer: FusedAnswerer| {
        let model = backend_fn(|request: CompletionRequest| async move { Ok(pretend(&request)) });
        RpmPipeline::builder(task.clone()).backend(model).preset(Preset::Fused).answerer(answerer).build()
    };
    pollster::block_on(async {
        // Learning asks nothing.
        let asking = pipeline(FusedAnswerer::default())?;
        let mut readers = Vec::new();
        for (reader, name) in ["severe", "kind"].into_iter().enumerate() {
            let past = NOTES.iter().enumerate().filter_map(|(number, (note, ratings))| {
                Some(Interaction::new(format!("note {number}"), Query::new(*note).ok()?, *ratings.get(reader)?))
            });
            let history = History::new(&task, name, past.collect::<Result<Vec<_>, _>>()?)?;
            readers.push(asking.open(asking.learn(&history).await?.model).await?);
        }
        // How far is the model trusted? Its views of past notes tell, beside what is estimated without each.
        let mut views = Vec::new();
        for reader in &readers {
            views.push(asking.past_views(reader, 8).await?.views);
        }
        let fusion = Fusion::fit(&views);
        println!(
            "the model's weight is {:.2}, from {} views; what it says of any note: {:.2?}\n",
            fusion.weight(),
            fusion.views(),
            fusion.habit(5)
        );
        let answering = pipeline(FusedAnswerer::default().fusion(fusion))?;
        // "Tedious" and "charming" are words that no past note has: only the model knows them.
        for note in ["A tedious book about trains.", "A charming book about trains."] {
            for reader in &readers {
                let answer = answering.personalize(reader, &Query::new(note)?).await?;
                println!("{note} The {} reader:\n{}", reader.model().user(), answer.reasons(reader));
            }
        }
        Ok(())
    })
}
