//! Asks the person at the client, by a form that the client shows: elicitation, in the two ways that the protocol has had.

use rmcp::RoleServer;
use rmcp::model::{
    ClientResult, ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, InputRequest,
    InputRequiredResult, InputResponses, JsonObject, ProtocolVersion, ServerRequest,
};
use rmcp::service::RequestContext;
use serde_json::Value;

/// The name under which a form and its reply are sent.
const FORM: &str = "form";

/// A call that may have a form shown.
pub(crate) struct Asking<'a> {
    context: &'a RequestContext<RoleServer>,
    /// What a client that was asked before sends with the call that it makes again.
    replies: Option<InputResponses>,
    state: Option<String>,
}

/// What became of a form.
pub(crate) enum Asked {
    /// The person filled it in.
    Accepted(JsonObject),
    /// They refused to, or closed it.
    Refused(&'static str),
    /// The client says that it shows no forms, and was not asked to.
    Cannot,
    /// The form went wrong, in whatever way: nobody said anything.
    Failed,
    /// The call ends here; the client shows the form and calls again.
    Later(InputRequiredResult),
}

impl<'a> Asking<'a> {
    pub(crate) fn new(
        context: &'a RequestContext<RoleServer>,
        replies: Option<InputResponses>,
        state: Option<String>,
    ) -> Self {
        Self { context, replies, state }
    }

    /// True of a call that a client makes again, after it was asked to show a form.
    pub(crate) fn is_again(&self) -> bool {
        self.replies.is_some() || self.state.is_some()
    }

    /// What was said to the client to be sent again with the form's reply. It comes from the client, so it may be anything.
    pub(crate) fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    fn replied(&self) -> Option<&Value> {
        self.replies.as_ref()?.get(FORM)
    }

    fn can_ask(&self) -> bool {
        let form = self.context.client_capabilities().and_then(|client| client.elicitation);
        // Neither named means forms, as it was before there was the other kind.
        form.is_some_and(|elicitation| elicitation.form.is_some() || elicitation.url.is_none())
    }

    /// Shows a form of these fields, a JSON schema of an object of simple values, under a message. `state` comes back with a later call, of
    /// which the reply counts for a form of the same state alone.
    pub(crate) async fn ask(&self, message: String, fields: Value, state: &str) -> Asked {
        // Before what the client can do: a client that was asked has said so, and what it sends now is the reply, or it failed.
        if self.is_again() {
            let reply = self.replied().filter(|_| self.state() == Some(state));
            return reply
                .map_or(Asked::Failed, |reply| serde_json::from_value(reply.clone()).map_or(Asked::Failed, Asked::of));
        }
        if !self.can_ask() {
            return Asked::Cannot;
        }
        let Ok(requested_schema) = serde_json::from_value(fields) else { return Asked::Failed };
        let form = ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema };
        let form = ElicitRequest::new(form);
        // From this version on a server asks by ending the call.
        let version = self.context.protocol_version();
        if version.is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str()) {
            let requests = [(FORM.to_owned(), InputRequest::Elicitation(form))].into();
            return Asked::Later(InputRequiredResult::new(Some(requests), Some(state.to_owned())));
        }
        match self.context.peer.send_request(ServerRequest::ElicitRequest(form)).await {
            Ok(ClientResult::ElicitResult(reply)) => Asked::of(reply),
            _ => Asked::Failed,
        }
    }
}

impl Asked {
    fn of(reply: ElicitResult) -> Self {
        match (reply.action, reply.content) {
            (ElicitationAction::Accept, Some(Value::Object(content))) => Self::Accepted(content),
            (ElicitationAction::Decline, _) => Self::Refused("decline"),
            // Accepted with nothing in it is no answer either.
            _ => Self::Refused("cancel"),
        }
    }
}
