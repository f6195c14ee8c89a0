//! The resources of a session: the profile of its user.

use rmcp::model::{
    CacheScope, ErrorData, ReadResourceResult, Resource, ResourceContents, ResourceUpdatedNotificationParam,
};
use rpm_core::{Personalizer, UserId};

/// The profile as text, as data and as a page.
const VARIANTS: [(&str, &str, &str); 3] = [
    ("rpm://profile", "text/markdown", "What is known of this user, for them to read."),
    ("rpm://profile.json", "application/json", "The same as data."),
    ("rpm://profile.html", "text/html", "The same as a page of its own, with a picture."),
];

/// All of them.
pub(crate) fn all() -> Vec<Resource> {
    let resource = |(uri, kind, what): (&str, &str, &str)| {
        let name = uri.trim_start_matches("rpm://");
        Resource::new(uri, name).with_description(what).with_mime_type(kind)
    };
    VARIANTS.into_iter().map(resource).collect()
}

/// The URI, if there is such a resource.
///
/// # Errors
/// There is none.
pub(crate) fn known(uri: &str) -> Result<&'static str, ErrorData> {
    let found = VARIANTS.into_iter().map(|(known, _, _)| known).find(|known| *known == uri);
    found.ok_or_else(|| ErrorData::resource_not_found("no such resource: `resources/list` names them", None))
}

/// The sign that one has changed.
pub(crate) fn updated(uri: &str) -> ResourceUpdatedNotificationParam {
    ResourceUpdatedNotificationParam::new(uri)
}

/// Reads one of this user.
///
/// # Errors
/// There is no such resource, or the store failed.
pub(crate) async fn read(
    personalizer: &Personalizer,
    user: &UserId,
    uri: &str,
) -> Result<ReadResourceResult, ErrorData> {
    let uri = known(uri)?;
    let failed = || ErrorData::internal_error("the profile could not be made: the host has to look at its store", None);
    let profile = personalizer.profile(user).await.map_err(|_| failed())?;
    let text = match uri {
        "rpm://profile.json" => {
            let mut data = serde_json::to_value(&profile).map_err(|_| failed())?;
            // The host's name for the user is no business of a model's.
            if let Some(fields) = data.as_object_mut() {
                fields.remove("user");
            }
            data.to_string()
        }
        "rpm://profile.html" => profile.html(),
        _ => profile.to_string(),
    };
    let kind = VARIANTS.into_iter().find(|(known, _, _)| *known == uri).map_or("text/plain", |(_, kind, _)| kind);
    let contents = vec![ResourceContents::text(text, uri).with_mime_type(kind)];
    // Nobody between may keep it, or show it to another user.
    Ok(ReadResourceResult::new(contents).with_ttl_ms(0).with_cache_scope(CacheScope::Private))
}
