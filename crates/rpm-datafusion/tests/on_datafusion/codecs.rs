//! Functions in plans that are sent.

use std::sync::Arc;

use datafusion::execution::TaskContext;
use datafusion::logical_expr::AggregateUDF;
use datafusion::prelude::SessionContext;
use datafusion_proto::logical_plan::{DefaultLogicalExtensionCodec, LogicalExtensionCodec as _};
use datafusion_proto::physical_plan::{DefaultPhysicalExtensionCodec, PhysicalExtensionCodec as _};
use rpm_core::data::MemoryItem;
use rpm_core::stats::population::Population;
use rpm_datafusion::codec::{Logical, Physical};

use crate::made::{models, task};

fn functions() -> Vec<AggregateUDF> {
    let models = models(20);
    let items: Vec<&[MemoryItem]> = models.iter().map(|model| model.memory().items()).collect();
    let population = Population::learn(&task(), &items, 5).unwrap();
    vec![
        rpm_datafusion::learn(&task()),
        rpm_datafusion::try_learn(&task()),
        rpm_datafusion::why_not(&task()),
        rpm_datafusion::census(&task()).unwrap(),
        rpm_datafusion::counts(Arc::new(population)),
        rpm_datafusion::sample(7),
        rpm_datafusion::sample(8),
        rpm_datafusion::merge(),
    ]
}

#[test]
fn each_function_arrives_as_it_was_sent() {
    let logical = Logical::around(Arc::new(DefaultLogicalExtensionCodec {}));
    let physical = Physical::around(Arc::new(DefaultPhysicalExtensionCodec {}));
    for function in functions() {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        logical.try_encode_udaf(&function, &mut first).unwrap();
        physical.try_encode_udaf(&function, &mut second).unwrap();
        assert_eq!(first, second);
        assert_eq!(*logical.try_decode_udaf(function.name(), &first).unwrap(), function);
        assert_eq!(*physical.try_decode_udaf(function.name(), &second).unwrap(), function);
    }
}

#[test]
fn functions_bound_to_different_things_are_different() {
    let all = functions();
    for (place, one) in all.iter().enumerate() {
        assert_eq!(all.iter().position(|other| other == one), Some(place));
    }
}

#[test]
fn a_function_of_another_version_is_told_by_its_name() {
    let logical = Logical::around(Arc::new(DefaultLogicalExtensionCodec {}));
    let mut sent = Vec::new();
    logical.try_encode_udaf(&rpm_datafusion::census(&task()).unwrap(), &mut sent).unwrap();
    let own = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
    let later = String::from_utf8(sent).unwrap().replacen(&own, "\"version\":\"99.0.0\"", 1);
    let mut merge = Vec::new();
    logical.try_encode_udaf(&rpm_datafusion::merge(), &mut merge).unwrap();
    for bytes in [later.as_bytes(), &merge, b"{\"census\":{\"secret\":1}}", b"", b"secret"] {
        let said = logical.try_decode_udaf("rpm_census", bytes).unwrap_err().to_string();
        assert!(said.contains("the function rpm_census comes from another version of this crate"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[tokio::test]
async fn other_functions_and_tables_go_through_the_codec_around_which_it_is() {
    let context = SessionContext::new();
    let logical = Logical::around(Arc::new(DefaultLogicalExtensionCodec {}));
    let sum = context.state().aggregate_functions().get("sum").cloned().unwrap();
    let mut bytes = Vec::new();
    logical.try_encode_udaf(&sum, &mut bytes).unwrap();
    assert!(bytes.is_empty(), "it is known by its name");
    // Of another's function that begins as these do the inner codec knows.
    for others in ["mine", "rpm_avg"] {
        let said = logical.try_decode_udaf(others, &[]).unwrap_err().to_string();
        assert!(said.contains("LogicalExtensionCodec is not provided"), "{said}");
    }
    assert!(logical.try_decode(&[], &[], &TaskContext::default()).is_err());
}
