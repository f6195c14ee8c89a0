//! What a caller is told when something fails, without a word of a user.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rpm_core::personalizer::PersonalizerError;
use rpm_core::pipeline::StoredError;
use rpm_fleet::FleetError;
use serde_json::json;

pub(crate) enum Failure {
    /// The gateway named nobody, or several.
    Nobody,
    Personalizer(PersonalizerError),
    Stored(StoredError),
    Fleet(FleetError),
}

impl From<PersonalizerError> for Failure {
    fn from(error: PersonalizerError) -> Self {
        Self::Personalizer(error)
    }
}

impl From<StoredError> for Failure {
    fn from(error: StoredError) -> Self {
        Self::Stored(error)
    }
}

impl From<FleetError> for Failure {
    fn from(error: FleetError) -> Self {
        Self::Fleet(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, told) = match &self {
            Self::Nobody => (StatusCode::UNAUTHORIZED, "the gateway named no user".to_owned()),
            Self::Personalizer(PersonalizerError::Stored(error)) | Self::Stored(error) => of_stored(error),
            Self::Personalizer(error @ PersonalizerError::Overtaken { .. }) => {
                (StatusCode::CONFLICT, error.to_string())
            }
            Self::Personalizer(error @ PersonalizerError::NotRecorded { .. }) => {
                (StatusCode::BAD_GATEWAY, error.to_string())
            }
            Self::Fleet(error) if error.is_transient() => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            Self::Fleet(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            Self::Personalizer(error) => (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
        };
        metrics::counter!("service_failures", "status" => status.as_str().to_owned()).increment(1);
        if status.is_server_error() {
            tracing::warn!(%status, %told, "failed");
        }
        (status, Json(json!({ "error": told }))).into_response()
    }
}

fn of_stored(error: &StoredError) -> (StatusCode, String) {
    let status = match error {
        StoredError::UnknownUser { .. } => StatusCode::NOT_FOUND,
        StoredError::Deleted { .. } | StoredError::Contended { .. } => StatusCode::CONFLICT,
        StoredError::Store(error) if error.is_transient() => StatusCode::SERVICE_UNAVAILABLE,
        StoredError::Operation(_) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, error.to_string())
}
