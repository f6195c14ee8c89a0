//! The wording of a host.

use rpm_core::llm::Role;
use rpm_core::prompt::{Prompt, PromptSet, Template, TemplateError};
use rpm_core::testing::ScriptedBackend;
use rpm_core::{Preset, RpmPipeline};

use crate::made::{history, model, query, task};
use crate::steps::{run, sync};
use crate::{first, text};

/// The first byte chooses the prompt and the kind of task; the rest is its wording.
pub fn templates(data: &[u8]) {
    let (which, rest) = first(data);
    let wording = text(rest);
    let prompt = Prompt::ALL[usize::from(which) % Prompt::ALL.len()];
    let template = match sync(|| Template::new(&wording)) {
        Err(error) => return assert!(matches!(error, TemplateError::NoUserPart | TemplateError::Unclosed)),
        Ok(template) => template,
    };
    let again = Template::new(&template.to_string()).expect("a template is read from its text");
    assert!(again == template, "a template is read back otherwise");
    let set = match PromptSet::default().with(prompt, template.clone()) {
        Err(TemplateError::UnknownPlaceholder { .. } | TemplateError::MissingPlaceholder { .. }) => return,
        Err(other) => panic!("{other:?}"),
        Ok(set) => set,
    };
    assert!(set.text(prompt) == template.to_string());
    let own = set.text(prompt) == PromptSet::default().text(prompt);
    assert_eq!(own, set.fingerprint() == PromptSet::default().fingerprint(), "a fingerprint does not tell");
    sent(which / 10, prompt, set);
}

/// Sends requests in this wording. No text of a user is read as wording.
fn sent(kind: u8, prompt: Prompt, set: PromptSet) {
    let backend = ScriptedBackend::from_fn(|request| {
        assert!(request.messages.first().is_some_and(|message| message.role == Role::System));
        let text: Vec<&str> = request.messages.iter().map(|message| message.content.as_str()).collect();
        let about_query = request.about.iter().any(|about| about == "query");
        assert!(!about_query || text.concat().contains("slow {{responses}} walk"), "a query's text was filled in");
        Ok(ScriptedBackend::made_up(request))
    });
    let preset = match prompt {
        Prompt::AnswerMerged => Preset::Frugal,
        Prompt::AnswerLetter | Prompt::Propose => Preset::Fused,
        _ => Preset::Paper,
    };
    let builder = RpmPipeline::builder(task(kind)).backend(backend).preset(preset).prompts(set);
    let pipeline = builder.build().unwrap();
    if matches!(prompt, Prompt::Extract | Prompt::Group | Prompt::Judge | Prompt::Path) {
        let _ = run(pipeline.learn(&history(kind)));
    } else {
        let prepared = run(pipeline.open(model(kind % 4).clone())).unwrap();
        let planted = query(kind, "A slow {{responses}} walk {{note}} to {{factors}}.").unwrap();
        let _ = run(pipeline.personalize(&prepared, &planted));
    }
}
