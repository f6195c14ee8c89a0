//! A collector on this machine: takes OTLP over HTTP, keeps what came and decodes it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// A request's path and body.
type Posted = (String, Vec<u8>);

#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) url: String,
    posted: Arc<Mutex<Vec<Posted>>>,
    gate: Arc<Gate>,
}

/// What a request waits at before it is answered.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Collector {
    /// One that answers at once.
    pub(crate) fn prompt() -> Self {
        let collector = Self::silent();
        collector.answer();
        collector
    }

    /// One that takes what comes, and answers when it is told to.
    pub(crate) fn silent() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let posted: Arc<Mutex<Vec<Posted>>> = Arc::default();
        let gate = Arc::<Gate>::default();
        let collector = Self { url, posted, gate };
        let serving = collector.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let serving = serving.clone();
                thread::spawn(move || serving.serve(stream));
            }
        });
        collector
    }

    pub(crate) fn answer(&self) {
        *self.gate.is_open.lock().unwrap() = true;
        self.gate.opened.notify_all();
    }

    /// Waits until something came.
    pub(crate) fn wait_for_a_request(&self) {
        while self.posted.lock().unwrap().is_empty() {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Serves requests on one connection, until it is closed.
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut stream = stream;
        loop {
            let (mut line, mut path, mut length) = (String::new(), String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|read| read > 0) && !line.trim().is_empty() {
                if let Some(rest) = line.strip_prefix("POST ") {
                    rest.split(' ').next().unwrap().clone_into(&mut path);
                }
                if let Some((name, value)) = line.split_once(':')
                    && name.eq_ignore_ascii_case("content-length")
                {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            if path.is_empty() || reader.read_exact(&mut body).is_err() {
                return;
            }
            self.posted.lock().unwrap().push((path, body));
            drop(self.gate.opened.wait_while(self.gate.is_open.lock().unwrap(), |open| !*open).unwrap());
            let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    }

    pub(crate) fn received(&self) -> Received {
        let posted = self.posted.lock().unwrap().clone();
        let mut received = Received::default();
        for (path, body) in &posted {
            match path.as_str() {
                "/v1/traces" => received.take_spans(ExportTraceServiceRequest::decode(&body[..]).unwrap()),
                "/v1/metrics" => received.take_metrics(ExportMetricsServiceRequest::decode(&body[..]).unwrap()),
                other => panic!("nothing is sent to {other}"),
            }
        }
        received.bodies = posted.into_iter().map(|(_, body)| body).collect();
        received
    }
}

/// A point of a metric: its attributes, and its sum and number. The number of a counter's point is 0.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) sum: f64,
    pub(crate) count: u64,
    pub(crate) bounds: Vec<f64>,
}

/// A metric as it came last.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) unit: String,
    pub(crate) is_histogram: bool,
    pub(crate) temporality: AggregationTemporality,
    pub(crate) is_monotonic: bool,
    pub(crate) points: Vec<Point>,
}

/// All that came.
#[derive(Default)]
pub(crate) struct Received {
    pub(crate) spans: Vec<Span>,
    pub(crate) metrics: BTreeMap<String, Came>,
    pub(crate) scopes: BTreeSet<(String, String)>,
    pub(crate) bodies: Vec<Vec<u8>>,
}

impl Received {
    fn take_spans(&mut self, request: ExportTraceServiceRequest) {
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        self.spans.extend(scopes.flat_map(|scope| scope.spans));
    }

    fn take_metrics(&mut self, request: ExportMetricsServiceRequest) {
        for scope in request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics) {
            self.scopes.insert((scope.scope.unwrap_or_default().name, scope.schema_url));
            self.metrics.extend(scope.metrics.into_iter().map(|metric| (metric.name.clone(), came(metric))));
        }
    }

    pub(crate) fn named(&self, name: &str) -> Vec<&Span> {
        self.spans.iter().filter(|span| span.name == name).collect()
    }

    pub(crate) fn parent(&self, span: &Span) -> Option<&Span> {
        self.spans.iter().find(|other| other.span_id == span.parent_span_id)
    }

    /// The sum over the points of a metric that have these attributes.
    pub(crate) fn sum(&self, metric: &str, attributes: &[(&str, &str)]) -> f64 {
        self.points(metric, attributes).map(|point| point.sum).sum()
    }

    pub(crate) fn count(&self, metric: &str, attributes: &[(&str, &str)]) -> u64 {
        self.points(metric, attributes).map(|point| point.count).sum()
    }

    fn points<'r>(&'r self, metric: &str, attributes: &'r [(&str, &str)]) -> impl Iterator<Item = &'r Point> {
        let points = self.metrics.get(metric).map(|came| came.points.as_slice()).unwrap_or_default();
        let has = |point: &Point, (name, value): &(&str, &str)| point.attributes.get(*name).is_some_and(|v| v == value);
        points.iter().filter(move |point| attributes.iter().all(|wanted| has(point, wanted)))
    }
}

fn came(metric: Metric) -> Came {
    let unit = metric.unit;
    match metric.data.unwrap() {
        Data::Histogram(histogram) => Came {
            unit,
            is_histogram: true,
            temporality: histogram.aggregation_temporality(),
            is_monotonic: true,
            points: histogram
                .data_points
                .into_iter()
                .map(|point| Point {
                    attributes: attributes(&point.attributes),
                    sum: point.sum.unwrap(),
                    count: point.count,
                    bounds: point.explicit_bounds,
                })
                .collect(),
        },
        Data::Sum(sum) => Came {
            unit,
            is_histogram: false,
            temporality: sum.aggregation_temporality(),
            is_monotonic: sum.is_monotonic,
            points: sum
                .data_points
                .into_iter()
                .map(|point| Point {
                    attributes: attributes(&point.attributes),
                    sum: match point.value.unwrap() {
                        Number::AsDouble(number) => number,
                        Number::AsInt(number) => f64::from(i32::try_from(number).unwrap()),
                    },
                    count: 0,
                    bounds: Vec::new(),
                })
                .collect(),
        },
        other => panic!("no metric is a {other:?}"),
    }
}

fn attributes(all: &[KeyValue]) -> BTreeMap<String, String> {
    all.iter().map(|attribute| (attribute.key.clone(), written(attribute.value.as_ref()))).collect()
}

/// An attribute's value with its type: `int 5`, `string chat`, `[stop]`. A string of a metric is written plainly.
fn written(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => format!("int {number}"),
        Some(Value::DoubleValue(number)) => format!("double {number}"),
        Some(Value::BoolValue(flag)) => format!("bool {flag}"),
        Some(Value::ArrayValue(array)) => {
            let inner: Vec<String> = array.values.iter().map(|value| written(Some(value))).collect();
            format!("[{}]", inner.join(","))
        }
        other => panic!("no attribute is a {other:?}"),
    }
}

/// The attributes of a span, with their types.
pub(crate) fn of_span(span: &Span) -> BTreeMap<String, String> {
    attributes(&span.attributes)
}
