//! The Python module `rpm_core._native`: what the package `rpm_core` is made of.

mod arrow;
mod backend;
mod calls;
mod dataset;
mod errors;
mod evaluation;
mod frame;
mod own_method;
mod personalizer;
mod population;
mod tasks;

/// The library's own part of `rpm_core`.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::calls::Stop;
    #[pymodule_export]
    use crate::evaluation::{Evaluation, evaluate_files, evaluate_frame, method_names};
    #[pymodule_export]
    use crate::personalizer::{Personalizer, Told};
    #[pymodule_export]
    use crate::population::{Catalog, Population};
    #[pymodule_export]
    use crate::tasks::{ResponseSpace, Task};
}
