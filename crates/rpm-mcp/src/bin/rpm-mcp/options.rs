//! The command's options, and what they make.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Parser};
use http::HeaderName;
use http::request::Parts;
use rpm_core::{Query, ResponseSpace, Task, UserId};
use rpm_mcp::http::in_header;

/// Serves what rpm-core knows of a user to an assistant, by the Model Context Protocol.
///
/// Over standard input and output for one user, or over HTTP for many. It asks no model.
#[derive(Parser)]
#[command(version)]
#[command(group = ArgGroup::new("asked").required(true).args(["task", "question"]))]
#[command(group = ArgGroup::new("responses").args(["scale", "labels", "choices", "text"]))]
#[command(group = ArgGroup::new("whose").required(true).args(["user", "user_header"]))]
pub(crate) struct Options {
    /// The file that users are kept in, for one process at a time; made when there is none. In memory, and gone with the process, without it.
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// A task, as a JSON file; it says what the responses are.
    #[arg(long, value_name = "FILE", conflicts_with = "responses")]
    pub(crate) task: Option<PathBuf>,
    /// The question that the user answers, such as "How would this person rate the film?"; with one of --scale, --labels, --choices and --text.
    #[arg(long, value_name = "TEXT", requires = "responses")]
    pub(crate) question: Option<String>,
    /// The responses are whole numbers, such as 1..5 or -2..2.
    #[arg(long, value_name = "MIN..MAX", value_parser = scale, allow_hyphen_values = true)]
    pub(crate) scale: Option<(i64, i64)>,
    /// The responses are these words, with commas between.
    #[arg(long, value_name = "A,B,..", value_delimiter = ',')]
    pub(crate) labels: Vec<String>,
    /// The responses come with each question.
    #[arg(long)]
    pub(crate) choices: bool,
    /// The responses are texts of at most so many characters.
    #[arg(long, value_name = "CHARS")]
    pub(crate) text: Option<usize>,
    /// What a question is called.
    #[arg(long, value_name = "WORD", requires = "question")]
    pub(crate) query_name: Option<String>,
    /// What a response is called.
    #[arg(long, value_name = "WORD", requires = "question")]
    pub(crate) response_name: Option<String>,
    /// Questions that `next_question` chooses from: one a line, or one JSON object a line with "text" and "options".
    #[arg(long, value_name = "FILE")]
    pub(crate) questions: Option<PathBuf>,
    /// Whose data it is. Over HTTP, everybody who reaches the server is this user.
    #[arg(long, value_name = "ID")]
    pub(crate) user: Option<String>,
    /// Serves over HTTP at this address, such as 127.0.0.1:8765; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) http: Option<SocketAddr>,
    /// The header in which a proxy says who the user is. It has to take out what clients send under this name.
    #[arg(long, value_name = "NAME", requires = "http")]
    pub(crate) user_header: Option<HeaderName>,
    /// A name under which clients reach the server, instead of localhost; may be given again.
    #[arg(long, value_name = "NAME", requires = "http")]
    pub(crate) host: Vec<String>,
    /// The origin of web pages whose scripts may talk to the server, with scheme, name and port; may be given again.
    #[arg(long, value_name = "ORIGIN", requires = "http")]
    pub(crate) origin: Vec<String>,
}

type Who = Box<dyn Fn(&Parts) -> Option<UserId> + Send + Sync>;

/// How to serve, and whom.
pub(crate) enum Serving {
    Stdio(UserId),
    Http { address: SocketAddr, who: Who, hosts: Vec<String>, origins: Vec<String> },
}

fn scale(text: &str) -> Result<(i64, i64), &'static str> {
    let ends = text.split_once("..").and_then(|(min, max)| Some((min.parse().ok()?, max.parse().ok()?)));
    ends.ok_or("give two whole numbers with two dots between, such as 1..5")
}

fn read(option: &str, path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{option}: {}: {error}", path.display()))
}

impl Options {
    pub(crate) fn task(&self) -> Result<Task, String> {
        if let Some(path) = &self.task {
            return serde_json::from_str(&read("--task", path)?).map_err(|error| format!("--task: {error}"));
        }
        self.task_of_options().map_err(|error| error.to_string())
    }

    fn task_of_options(&self) -> Result<Task, rpm_core::DataError> {
        let space = match (self.scale, self.text) {
            (Some((min, max)), _) => ResponseSpace::scale(min, max)?,
            (None, Some(chars)) => ResponseSpace::text(chars)?,
            (None, None) if self.choices => ResponseSpace::choices(),
            (None, None) => ResponseSpace::labels(self.labels.iter().map(|label| label.trim()))?,
        };
        let mut task = Task::new(self.question.as_deref().unwrap_or_default(), space)?;
        if let Some(name) = &self.query_name {
            task = task.query_name(name)?;
        }
        if let Some(name) = &self.response_name {
            task = task.response_name(name)?;
        }
        Ok(task)
    }

    pub(crate) fn questions(&self) -> Result<Vec<Query>, String> {
        let Some(path) = &self.questions else { return Ok(Vec::new()) };
        let text = read("--questions", path)?;
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let question = |(place, line): (usize, &str)| {
            let fault = |why: &str| format!("--questions: line {}: {why}", place + 1);
            if line.starts_with('{') {
                serde_json::from_str(line).map_err(|_| fault("is no JSON object with \"text\" and \"options\""))
            } else {
                Query::new(line).map_err(|error| fault(&error.to_string()))
            }
        };
        lines.map(question).collect()
    }

    pub(crate) fn serving(&self) -> Result<Serving, String> {
        let user = self.user.as_deref().map(|id| UserId::new(id).map_err(|error| format!("--user: {error}")));
        let (user, header) = (user.transpose()?, self.user_header.clone());
        match (self.http, user, header) {
            (None, Some(user), _) => Ok(Serving::Stdio(user)),
            (Some(address), user, header) => {
                let who: Who = match (user, header) {
                    (Some(user), _) => Box::new(move |_| Some(user.clone())),
                    (None, Some(header)) => Box::new(in_header(header)),
                    (None, None) => return Err("give --user or --user-header".to_owned()),
                };
                if !address.ip().is_loopback() {
                    let who = if self.user.is_some() {
                        "reads and changes the data of this one user"
                    } else {
                        "is whoever the header says: let nobody but the proxy reach it"
                    };
                    eprintln!("rpm-mcp: everybody who reaches {address} {who}");
                }
                Ok(Serving::Http { address, who, hosts: self.host.clone(), origins: self.origin.clone() })
            }
            (None, None, _) => Err("over standard input and output, give --user".to_owned()),
        }
    }
}
