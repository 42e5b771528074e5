#!/usr/bin/env bash
# Sets up the environment if needed and runs the tests, one process per core.
set -euo pipefail
cd "$(dirname "$0")/.."
"${PYTHON:-python3}" tools/environment.py
exec .venv/bin/python -m pytest tests -n auto --maxprocesses 4 "$@"
