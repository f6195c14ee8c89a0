//! What the tests share: a task, a user who answered, a client with a person at it, and a check of results against their schemas.

use std::sync::{Arc, Mutex};

use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult,
    ElicitationAction, ErrorData, Implementation, JsonObject, ProtocolVersion, ResourceUpdatedNotificationParam,
};
use rmcp::service::{
    ClientLifecycleMode, NotificationContext, RequestContext, RunningService, ServiceError, serve_client_with_lifecycle,
};
use rmcp::{ClientHandler, RoleClient, serve_server};
use rpm_core::{Personalizer, ResponseSpace, Task};
use rpm_mcp::{Server, Session};
use serde_json::{Value, json};
use tokio::sync::mpsc;

pub(crate) type Client = RunningService<RoleClient, Person>;

/// The films that the user of the tests rated.
pub(crate) const SEEN: [(&str, i64); 12] = [
    ("Quiet drama", 5),
    ("Loud chase", 1),
    ("Quiet walk", 5),
    ("Loud heist", 2),
    ("Quiet summer", 4),
    ("Loud battle", 1),
    ("Quiet village", 5),
    ("Loud robots", 1),
    ("Quiet friends", 4),
    ("Loud race", 2),
    ("Quiet romance", 5),
    ("Loud monsters", 1),
];

pub(crate) fn films() -> Task {
    let space = ResponseSpace::scale(1, 5).unwrap();
    Task::new("How would this person rate the film?", space).unwrap().response_name("rating").unwrap()
}

pub(crate) fn server() -> Server {
    Server::new(Personalizer::offline(films()))
}

pub(crate) fn seen() -> Value {
    let record = |(film, rating): (&str, i64)| json!({"query": film, "response": rating.to_string()});
    json!({"records": SEEN.map(record).to_vec()})
}

/// The person at a client, who fills in the forms they are shown.
#[derive(Clone)]
pub(crate) struct Person {
    /// What they do with a form; without it the client shows none.
    pub(crate) fills_in: Option<ElicitResult>,
    /// True of a client that fails at the forms that it says it shows.
    pub(crate) breaks: bool,
    /// The messages of the forms they were shown.
    pub(crate) shown: Arc<Mutex<Vec<ElicitRequestParams>>>,
    /// The resources that the client was told of.
    pub(crate) told: mpsc::UnboundedSender<String>,
}

impl Person {
    /// Without forms.
    pub(crate) fn silent() -> Self {
        Self { fills_in: None, breaks: false, shown: Arc::default(), told: mpsc::unbounded_channel().0 }
    }

    pub(crate) fn who(fills_in: ElicitResult) -> Self {
        Self { fills_in: Some(fills_in), ..Self::silent() }
    }

    pub(crate) fn who_accepts(content: Value) -> Self {
        Self::who(ElicitResult::new(ElicitationAction::Accept).with_content(content))
    }
}

impl ClientHandler for Person {
    fn get_info(&self) -> ClientConfig {
        let can = if self.fills_in.is_some() {
            ClientCapabilities::builder().enable_elicitation().build()
        } else {
            ClientCapabilities::default()
        };
        ClientConfig::new(can, Implementation::new("test", "1"))
    }

    async fn create_elicitation(
        &self,
        form: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        if self.breaks {
            return Err(ErrorData::internal_error("no form", None));
        }
        self.shown.lock().unwrap().push(form);
        Ok(self.fills_in.clone().unwrap())
    }

    async fn on_resource_updated(&self, changed: ResourceUpdatedNotificationParam, _: NotificationContext<RoleClient>) {
        let _ = self.told.send(changed.uri);
    }
}

/// The lifecycle of the protocol up to 2025-11-25, with a session that begins with `initialize`.
pub(crate) fn with_initialize() -> ClientLifecycleMode {
    ClientLifecycleMode::Initialize
}

/// That from 2026-07-28 on, without one.
pub(crate) fn without_initialize() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
}

pub(crate) async fn connect(session: Session, person: Person) -> Client {
    connect_in(session, person, with_initialize()).await
}

pub(crate) async fn connect_in(session: Session, person: Person, lifecycle: ClientLifecycleMode) -> Client {
    let (here, there) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        if let Ok(served) = Box::pin(serve_server(session, here)).await {
            let _ = served.waiting().await;
        }
    });
    serve_client_with_lifecycle(person, there, lifecycle).await.unwrap()
}

/// A client of one user who rated films.
pub(crate) async fn taught(server: &Server, user: &str, person: Person) -> Client {
    let client = connect(server.session(user.try_into().unwrap()), person).await;
    done(&client, "record", seen()).await;
    client
}

pub(crate) fn params(tool: &str, arguments: Value) -> CallToolRequestParams {
    CallToolRequestParams::new(tool.to_owned()).with_arguments(object(arguments))
}

pub(crate) fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(fields) => fields,
        other => panic!("not an object: {other}"),
    }
}

pub(crate) async fn call(client: &Client, tool: &str, arguments: Value) -> Result<CallToolResult, ServiceError> {
    client.call_tool(params(tool, arguments)).await
}

/// Calls a tool that does what it is asked; its result is in its schema.
pub(crate) async fn done(client: &Client, tool: &str, arguments: Value) -> Value {
    let result = call(client, tool, arguments).await.unwrap();
    assert_eq!(result.is_error, Some(false), "{tool}: {}", words(&result));
    assert!(!words(&result).is_empty());
    let data = result.structured_content.unwrap();
    let tools = client.list_all_tools().await.unwrap();
    let schema = tools.into_iter().find(|it| it.name == tool).unwrap().output_schema.unwrap();
    let schema = Value::Object((*schema).clone());
    assert_eq!(fault(&schema, &schema, &data, tool), None, "{data}");
    data
}

/// Calls a tool that refuses; gives its words.
pub(crate) async fn refused(client: &Client, tool: &str, arguments: Value) -> String {
    let result = call(client, tool, arguments).await.unwrap();
    assert_eq!(result.is_error, Some(true), "{tool}: {}", words(&result));
    assert_eq!(result.structured_content, None);
    words(&result)
}

pub(crate) fn words(result: &CallToolResult) -> String {
    let text = |it: &rmcp::model::ContentBlock| it.as_text().map(|text| text.text.clone());
    result.content.iter().filter_map(text).collect()
}

/// The first place in which a value is not in a schema, of those keywords that this server's schemas have. One that is not known
/// here fails the test.
pub(crate) fn fault(root: &Value, schema: &Value, value: &Value, place: &str) -> Option<String> {
    const ANNOTATIONS: [&str; 6] = ["$schema", "$defs", "title", "description", "format", "default"];
    for (keyword, says) in schema.as_object().unwrap() {
        let found =
            match keyword.as_str() {
                of if ANNOTATIONS.contains(&of) => None,
                "$ref" => {
                    let name = says.as_str().unwrap().strip_prefix('#').unwrap();
                    fault(root, root.pointer(name).unwrap(), value, place)
                }
                "anyOf" => {
                    let faults = says.as_array().unwrap().iter().map(|schema| fault(root, schema, value, place));
                    faults.collect::<Option<Vec<_>>>().map(|faults| faults.join(" and "))
                }
                "type" => {
                    let kinds: Vec<&str> = says.as_array().map_or_else(
                        || vec![says.as_str().unwrap()],
                        |kinds| kinds.iter().map(|kind| kind.as_str().unwrap()).collect(),
                    );
                    let is = |kind: &str| match kind {
                        "object" => value.is_object(),
                        "array" => value.is_array(),
                        "string" => value.is_string(),
                        "integer" => value.is_u64() || value.is_i64(),
                        "number" => value.is_number(),
                        "boolean" => value.is_boolean(),
                        "null" => value.is_null(),
                        other => panic!("unknown type {other}"),
                    };
                    (!kinds.into_iter().any(is)).then(|| format!("{place} is not of type {says}"))
                }
                "minimum" => (value.as_f64() < says.as_f64()).then(|| format!("{place} is below {says}")),
                "maximum" => (value.as_f64() > says.as_f64()).then(|| format!("{place} is above {says}")),
                "enum" => (!says.as_array().unwrap().contains(value)).then(|| format!("{place} is none of {says}")),
                "required" => says.as_array().unwrap().iter().find_map(|name| {
                    value.get(name.as_str().unwrap()).is_none().then(|| format!("{place} lacks {name}"))
                }),
                "properties" => {
                    let of = |(name, schema): (&String, &Value)| {
                        fault(root, schema, value.get(name)?, &format!("{place}.{name}"))
                    };
                    says.as_object().unwrap().iter().find_map(of)
                }
                "additionalProperties" => {
                    assert_eq!(says, &json!(false));
                    let known = schema.get("properties").and_then(Value::as_object);
                    let odd = |name: &&String| !known.is_some_and(|known| known.contains_key(*name));
                    value.as_object()?.keys().find(odd).map(|name| format!("{place} has {name}"))
                }
                "items" => {
                    let of = |(at, value): (usize, &Value)| fault(root, says, value, &format!("{place}[{at}]"));
                    value.as_array()?.iter().enumerate().find_map(of)
                }
                other => panic!("unknown keyword {other}"),
            };
        if found.is_some() {
            return found;
        }
    }
    None
}
