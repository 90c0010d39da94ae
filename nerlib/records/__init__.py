"""Records: what a run was, what it scored and what it cost; one folder a run, one table for all of them.

`run_folder` says where a run lives, `write_record` and `read_record` keep its ``record.json``, `explain` tells why two
runs are not the same, `read_records` lists a study's runs in one DataFrame, one row a run; `register` keeps what was
planned before any.
"""

from nerlib.records.record import (
    PREDICTIONS,
    RECORD,
    Predictions,
    Record,
    backbone_name,
    check_file,
    damaged,
    digest_of,
    explain,
    predictions_file,
    provenance,
    read_counts,
    read_predictions,
    read_record,
    run_folder,
    write_predictions,
    write_record,
)
from nerlib.records.study import COLUMNS, Plan, plans, read_records, register, register_more, studies

__all__ = [
    "COLUMNS",
    "PREDICTIONS",
    "RECORD",
    "Plan",
    "Predictions",
    "Record",
    "backbone_name",
    "check_file",
    "damaged",
    "digest_of",
    "explain",
    "plans",
    "predictions_file",
    "provenance",
    "read_counts",
    "read_predictions",
    "read_record",
    "read_records",
    "register",
    "register_more",
    "run_folder",
    "studies",
    "write_predictions",
    "write_record",
]
