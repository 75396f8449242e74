"""Exact evaluation of codes: tie-aware metrics from histograms of Hamming distances."""

from hashbench.evaluation.evaluate import Evaluation, PrecisionRecallCurve, RankCurve, evaluate
from hashbench.evaluation.files import load_codes, load_per_query, save_codes, save_per_query
from hashbench.evaluation.health import CodeHealth, code_health
from hashbench.evaluation.metric_names import DEFAULT_METRICS, parse_metric
from hashbench.evaluation.vectors import evaluate_vectors

__all__ = [
    "DEFAULT_METRICS",
    "CodeHealth",
    "Evaluation",
    "PrecisionRecallCurve",
    "RankCurve",
    "code_health",
    "evaluate",
    "evaluate_vectors",
    "load_codes",
    "load_per_query",
    "parse_metric",
    "save_codes",
    "save_per_query",
]
