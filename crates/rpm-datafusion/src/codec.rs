//! The functions in plans that go to other processes.
//!
//! A plan that is sent names its functions, and these are bound to a task or a population besides. [`Logical`] and [`Physical`] send what they are bound
//! to with the plan, so that executors need no list of functions, no task and no population: only these codecs. Each goes around the one that is used
//! otherwise. A [Ballista] cluster takes them at three places, the same in all processes:
//!
//! | process | |
//! |---|---|
//! | client | `SessionConfig::with_ballista_logical_extension_codec`, `with_ballista_physical_extension_codec` |
//! | scheduler | `SchedulerConfig::override_logical_codec`, `override_physical_codec` |
//! | executor | `ExecutorProcessConfig::override_logical_codec`, `override_physical_codec` |
//!
//! ```
//! use std::sync::Arc;
//!
//! use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
//! use rpm_datafusion::codec::{Logical, Physical};
//!
//! let logical = Logical::around(Arc::new(BallistaLogicalExtensionCodec::default()));
//! let physical = Physical::around(Arc::new(BallistaPhysicalExtensionCodec::default()));
//! ```
//!
//! A population is some 100 kB, and goes with each task of a statement that has it. What is sent holds no more of users than a task's description or a
//! population does.
//!
//! [Ballista]: https://datafusion.apache.org/ballista

use std::any::Any;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::file_format::FileFormatFactory;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{AggregateUDF, Extension, HigherOrderUDF, LogicalPlan, ScalarUDF, WindowUDF};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr_common::physical_expr::proto_decode::PhysicalExprDecodeCtx;
use datafusion::physical_expr_common::physical_expr::proto_encode::PhysicalExprEncodeCtx;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};

use crate::function::{Function, NAMES};

/// The functions in logical plans, which clients send, around the codec that is used otherwise.
#[derive(Debug, Clone)]
pub struct Logical(Arc<dyn LogicalExtensionCodec>);

/// The functions in physical plans, which executors are sent, around the codec that is used otherwise.
#[derive(Debug, Clone)]
pub struct Physical(Arc<dyn PhysicalExtensionCodec>);

impl Logical {
    /// Around this codec.
    pub fn around(codec: Arc<dyn LogicalExtensionCodec>) -> Self {
        Self(codec)
    }
}

impl Physical {
    /// Around this codec.
    pub fn around(codec: Arc<dyn PhysicalExtensionCodec>) -> Self {
        Self(codec)
    }
}

/// Methods that ask the inner codec.
macro_rules! forwarded {
    ($(fn $name:ident($($argument:ident: $of:ty),*) -> $gives:ty;)*) => {
        $(fn $name(&self, $($argument: $of),*) -> $gives {
            self.0.$name($($argument),*)
        })*
    };
}

/// The methods about aggregate functions: this crate's are done here.
macro_rules! of_functions {
    () => {
        fn try_encode_udaf(&self, node: &AggregateUDF, buf: &mut Vec<u8>) -> Result<()> {
            let inner: &dyn Any = node.inner().as_ref();
            match inner.downcast_ref::<Function>() {
                Some(function) => {
                    buf.extend_from_slice(function.bytes());
                    Ok(())
                }
                None => self.0.try_encode_udaf(node, buf),
            }
        }

        fn try_decode_udaf(&self, name: &str, buf: &[u8]) -> Result<Arc<AggregateUDF>> {
            if NAMES.contains(&name) {
                return Ok(Arc::new(Function::read(name, buf)?.into()));
            }
            self.0.try_decode_udaf(name, buf)
        }
    };
}

impl LogicalExtensionCodec for Logical {
    of_functions!();

    forwarded! {
        fn try_decode(buf: &[u8], inputs: &[LogicalPlan], ctx: &TaskContext) -> Result<Extension>;
        fn try_encode(node: &Extension, buf: &mut Vec<u8>) -> Result<()>;
        fn try_decode_table_provider(buf: &[u8], table: &TableReference, schema: SchemaRef, ctx: &TaskContext) -> Result<Arc<dyn TableProvider>>;
        fn try_encode_table_provider(table: &TableReference, node: Arc<dyn TableProvider>, buf: &mut Vec<u8>) -> Result<()>;
        fn try_decode_file_format(buf: &[u8], ctx: &TaskContext) -> Result<Arc<dyn FileFormatFactory>>;
        fn try_encode_file_format(buf: &mut Vec<u8>, node: Arc<dyn FileFormatFactory>) -> Result<()>;
        fn try_decode_udf(name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>>;
        fn try_encode_udf(node: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()>;
        fn try_decode_higher_order_function(name: &str, buf: &[u8]) -> Result<Arc<HigherOrderUDF>>;
        fn try_encode_higher_order_function(node: &HigherOrderUDF, buf: &mut Vec<u8>) -> Result<()>;
        fn try_decode_udwf(name: &str, buf: &[u8]) -> Result<Arc<WindowUDF>>;
        fn try_encode_udwf(node: &WindowUDF, buf: &mut Vec<u8>) -> Result<()>;
    }
}

impl PhysicalExtensionCodec for Physical {
    of_functions!();

    forwarded! {
        fn try_decode(buf: &[u8], inputs: &[Arc<dyn ExecutionPlan>], ctx: &TaskContext, converter: &dyn PhysicalProtoConverterExtension) -> Result<Arc<dyn ExecutionPlan>>;
        fn try_encode(node: Arc<dyn ExecutionPlan>, buf: &mut Vec<u8>, converter: &dyn PhysicalProtoConverterExtension) -> Result<()>;
        fn try_decode_udf(name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>>;
        fn try_encode_udf(node: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()>;
        fn try_decode_higher_order_function(name: &str, buf: &[u8]) -> Result<Arc<HigherOrderUDF>>;
        fn try_encode_higher_order_function(node: &HigherOrderUDF, buf: &mut Vec<u8>) -> Result<()>;
        fn try_decode_expr(buf: &[u8], inputs: &[Arc<dyn PhysicalExpr>], ctx: &PhysicalExprDecodeCtx<'_>) -> Result<Arc<dyn PhysicalExpr>>;
        fn try_encode_expr(node: &Arc<dyn PhysicalExpr>, buf: &mut Vec<u8>, ctx: &PhysicalExprEncodeCtx<'_>) -> Result<()>;
        fn try_decode_udwf(name: &str, buf: &[u8]) -> Result<Arc<WindowUDF>>;
        fn try_encode_udwf(node: &WindowUDF, buf: &mut Vec<u8>) -> Result<()>;
    }
}
